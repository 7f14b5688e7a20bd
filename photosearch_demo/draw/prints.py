"""Goods that are bought for what is printed on them: posters, plates, cushions, rugs, cases."""

from photosearch_demo.draw.art import picture
from photosearch_demo.draw.emblems import emblem
from photosearch_demo.draw.palette import darker, lighter
from photosearch_demo.draw.pen import Pen, box_path, oval_path


def poster(pen: Pen) -> None:
    wide, high = pen.between("wide", 210, 330), pen.between("high", 270, 340)
    frame = pen.choice("frame", (pen.wood, pen.metal, "#222226", "#efece6", pen.main))
    edge = pen.between("edge", 7, 17)
    mount = pen.choice("mount", (0, 14, 28))
    left, top = 200 - wide / 2, 200 - high / 2
    pen.box(left, top, wide, high, frame, "metal")
    inset = edge + mount
    pen.box(left + edge, top + edge, wide - 2 * edge, high - 2 * edge, "#f8f5ee")
    x, y, w, h = left + inset, top + inset, wide - 2 * inset, high - 2 * inset
    if pen.chance("lettered", 0.35):
        h -= 34
        for row, share in enumerate((0.7, 0.4)):
            pen.line(
                f"M{200 - w * share / 2} {y + h + 14 + row * 13}h{w * share}",
                pen.choice("ink", ("#2a292c", pen.main)),
                8 - row * 4,
            )
    picture(pen, box_path(x, y, w, h), x, y, w, h)
    pen.fill(
        f"M{left + edge} {top + edge}h{wide * 0.5}L{left + edge} {top + high * 0.7}z",
        "#ffffff",
        None,
        0.09,
    )


def plate(pen: Pen) -> None:
    r = pen.between("r", 146, 172)
    well = r * pen.between("well", 0.6, 0.72)
    pen.oval(200, 200, r, None, lighter(pen.main, 0.1))
    style = pen.choice("style", ("rim", "picture", "whole", "both"))
    rim = "#f5f2ea" if style == "picture" else pen.paint
    pen.oval(200, 200, r - 4, None, rim, "soft")
    if style == "whole":
        picture(pen, oval_path(200, 200, r - 5, r - 5), 200 - r, 200 - r, 2 * r)
    pen.ring(200, 200, well + 3, well + 3, darker(pen.main, 0.2), 3)
    if style in ("rim", "picture", "both"):
        pen.oval(200, 200, well, None, "#f8f5ee", "soft")
    if style in ("picture", "both"):
        picture(pen, oval_path(200, 200, well - 6, well - 6), 200 - well, 200 - well, 2 * well)
    elif style == "rim":
        emblem(pen, 200, 200, well * 0.45, pen.accent)
    pen.ring(
        200,
        200,
        r - 5,
        r - 5,
        pen.choice("line", (pen.accent, pen.metal, pen.detail)),
        pen.between("line-w", 2, 10),
    )
    pen.fill(oval_path(200, 200, r, r), "none", "soft")


def cushion(pen: Pen) -> None:
    half = pen.between("half", 140, 160)
    dent = pen.between("dent", 8, 24)
    path = (
        f"M{200 - half} {200 - half}Q200 {200 - half + dent} {200 + half} {200 - half}"
        f"Q{200 + half - dent} 200 {200 + half} {200 + half}Q200 {200 + half - dent} "
        f"{200 - half} {200 + half}Q{200 - half + dent} 200 {200 - half} {200 - half}z"
    )
    if pen.chance("tassels", 0.35):
        for x in (-1, 1):
            for y in (-1, 1):
                with pen.moved(f"translate({200 + x * half} {200 + y * half})"):
                    pen.line(f"M0 0L{x * 22} {y * 22}", pen.accent, 14)
    pen.fill(path, pen.paint)
    design = pen.choice("design", ("picture", "pattern", "panel", "halves", "picture"))
    if design == "picture":
        picture(pen, path, 200 - half, 200 - half, 2 * half)
    elif design == "panel":
        inner = half * 0.62
        picture(
            pen,
            box_path(200 - inner, 200 - inner, 2 * inner, 2 * inner),
            200 - inner,
            200 - inner,
            2 * inner,
        )
    elif design == "halves":
        with pen.clipped(path):
            pen.box(0, 200, 400, 200, pen.second)
    pen.fill(path, "none", "soft")
    pen.line(path, pen.choice("piping", (pen.accent, pen.main, pen.detail)), 5)


def rug(pen: Pen) -> None:
    wide, high = pen.between("wide", 220, 310), pen.between("high", 280, 340)
    round_rug = pen.chance("round", 0.25)
    left, top = 200 - wide / 2, 200 - high / 2
    r = wide / 2 + 8
    path = oval_path(200, 200, r, r) if round_rug else box_path(left, top, wide, high, 4)
    if round_rug:
        left, top, wide, high = 200 - r, 200 - r, 2 * r, 2 * r
    elif pen.chance("fringe", 0.6):
        for index in range(int(wide / 8)):
            x = left + 4 + index * 8
            pen.line(f"M{x} {top}v-13M{x} {top + high}v13", "#e9e0cc", 3)
    pen.fill(path, pen.paint)
    field = pen.choice("field", ("border", "medallion", "picture", "bands", "pattern"))
    if field in ("border", "medallion"):
        edge = pen.between("edge", 20, 46)
        inner = (
            oval_path(200, 200, r - edge, r - edge)
            if round_rug
            else box_path(left + edge, top + edge, wide - 2 * edge, high - 2 * edge)
        )
        pen.fill(inner, pen.second)
        pen.line(inner, pen.detail, 6)
        if field == "medallion":
            m = wide * 0.26
            picture(
                pen,
                f"M200 {200 - m * 1.3}L{200 + m} 200L200 {200 + m * 1.3}L{200 - m} 200z",
                200 - m,
                200 - m * 1.3,
                2 * m,
                2.6 * m,
            )
    elif field == "picture":
        picture(pen, path, left, top, wide, high)
    elif field == "bands":
        with pen.clipped(path):
            for index in range(3):
                pen.box(left, top + high * (0.08 + index * 0.32), wide, high * 0.16, pen.second)
    pen.fill(path, "none", "cloth")
    pen.line(path, darker(pen.main, 0.3), 3)


def phone_case(pen: Pen) -> None:
    wide, high = pen.between("wide", 156, 172), pen.between("high", 320, 344)
    left, top = 200 - wide / 2, 200 - high / 2
    corner = pen.between("corner", 18, 34)
    path = box_path(left, top, wide, high, corner)
    pen.fill(path, pen.paint)
    style = pen.choice("style", ("picture", "picture", "pattern", "emblem", "halves", "frame"))
    if style == "picture":
        picture(pen, path, left, top, wide, high)
    elif style == "emblem":
        emblem(pen, 200, 236, 52, pen.accent)
    elif style == "halves":
        with pen.clipped(path):
            pen.fill(f"M0 260L400 {pen.between('slope', 150, 300)}V400H0z", pen.second)
    elif style == "frame":
        picture(pen, box_path(left + 20, 150, wide - 40, 170, 12), left + 20, 150, wide - 40, 170)
    pen.fill(path, "none", "metal")
    pen.line(path, darker(pen.main, 0.35), 6)
    lenses = pen.choice("lenses", (1, 2, 3))
    pen.box(left + 14, top + 14, 54, 30 + 24 * (lenses > 1), "#26272c", "metal", 14)
    for index in range(lenses):
        x, y = left + 30 + (index % 2) * 24, top + 30 + (index // 2) * 22
        pen.oval(x, y, 10, None, "#3a4a66", "round")


def tin(pen: Pen) -> None:
    half, high = pen.between("half", 84, 138), pen.between("high", 120, 220)
    base, x = 344, 200
    top = base - high
    round_tin = pen.chance("round", 0.55)
    light = "cylinder" if round_tin else "soft"
    low = f"Q{x} {base + 22} " if round_tin else "L"
    path = f"M{x - half} {top}V{base - 4}{low}{x + half} {base - 4}V{top}z"
    pen.fill(path, pen.paint)
    label = pen.choice("label", ("picture", "picture", "oval", "band", "pattern"))
    if label == "picture":
        picture(pen, path, x - half, top, 2 * half, high + 10)
    elif label == "oval":
        rx, ry = half * 0.66, high * 0.34
        pen.oval(x, top + high * 0.56, rx + 6, ry + 6, pen.metal, "metal")
        picture(
            pen,
            oval_path(x, top + high * 0.56, rx, ry),
            x - rx,
            top + high * 0.56 - ry,
            2 * rx,
            2 * ry,
        )
    elif label == "band":
        with pen.clipped(path):
            pen.box(0, top + high * 0.35, 400, high * 0.4, pen.second)
    pen.fill(path, "none", light)
    lid = pen.choice("lid", (pen.main, pen.accent, pen.metal))
    if round_tin:
        pen.fill(
            f"M{x - half - 4} {top - 8}V{top + 16}Q{x} {top + 40} {x + half + 4} {top + 16}"
            f"V{top - 8}z",
            lid,
            "cylinder",
        )
        pen.oval(x, top - 8, half + 4, 17, lighter(lid, 0.15), "soft")
    else:
        pen.box(x - half - 4, top - 14, 2 * half + 8, 34, lid, "top", 6)
