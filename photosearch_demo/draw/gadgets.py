"""Things that play, record and tell: cameras, headphones, guitars, radios, books."""

from photosearch_demo.draw.art import picture
from photosearch_demo.draw.emblems import emblem
from photosearch_demo.draw.palette import darker, lighter, mix
from photosearch_demo.draw.pen import Pen, box_path, oval_path


def camera(pen: Pen) -> None:
    half = pen.between("half", 132, 162)
    top = pen.between("top", 138, 168)
    base, left, right = 330, 200 - half, 200 + half
    bump = pen.choice("bump", ("prism", "flat", "flash", "offset"))
    plate = pen.choice("plate", (pen.metal, "#33353b", pen.accent, pen.main))
    if bump == "prism":
        pen.fill(f"M144 {top + 6}L162 {top - 36}H238L256 {top + 6}z", plate, "top")
    elif bump == "flash":
        pen.box(240, top - 34, 70, 40, plate, "top", 6)
        pen.box(248, top - 26, 54, 20, "#e8edf0", "metal", 3)
    elif bump == "offset":
        pen.box(left + 26, top - 24, 96, 30, plate, "top", 8)
    for x, w in ((left + 26, 34), (right - 62, 44)):
        pen.box(x, top - 15, w, 18, pen.metal, "cylinder", 3)
    pen.box(left, top, 2 * half, base - top, pen.paint, "top", pen.between("corner", 8, 34))
    pen.box(left, top, 2 * half, pen.between("plate-h", 26, 52), plate, "top", 10)
    if pen.chance("base", 0.5):
        pen.box(left, base - 22, 2 * half, 22, plate, "top", 6)
    if pen.chance("grip", 0.5):
        pen.box(left + 8, top + 48, 40, base - top - 62, darker(pen.main, 0.4), "cylinder", 12)
    x, y = 200 + pen.between("shift", -22, 34), (top + base) / 2 + 14
    lens = pen.between("lens", 62, 84)
    ring = pen.choice("ring", (pen.metal, "#26272b", pen.detail))
    pen.oval(x, y, lens, None, ring, "metal")
    pen.oval(x, y, lens * 0.84, None, "#1b1c20", "round")
    pen.ring(x, y, lens * 0.7, lens * 0.7, pen.choice("stripe", (pen.accent, "#8a8d92")), 4)
    glass = pen.choice("glass", ("#27436b", "#3c2b58", "#1f4a43", "#50301f"))
    pen.oval(x, y, lens * 0.55, None, glass, "round")
    pen.oval(x, y, lens * 0.3, None, darker(glass, 0.6), "soft")
    pen.oval(x - lens * 0.2, y - lens * 0.24, lens * 0.14, lens * 0.1, "#ffffff", None, 0.8)
    pen.box(right - 58, top + 12, 34, 22, "#20242b", "metal", 4)
    pen.oval(left + 30, top + 18, 7, None, pen.choice("dot", ("#d8372d", pen.accent)), "round")
    if pen.chance("strap", 0.4):
        pen.line(
            f"M{left + 4} {top + 14}C{left - 46} {top - 96} 120 40 200 44S{right + 46} "
            f"{top - 90} {right - 4} {top + 14}",
            pen.choice("s", ("#6b4428", pen.accent)),
            9,
        )


def headphones(pen: Pen) -> None:
    half = pen.between("half", 98, 118)
    top = pen.between("top", 62, 88)
    cup_y, cup_h = 258, pen.between("cup-h", 56, 78)
    cup_w = pen.between("cup-w", 34, 52)
    band = pen.choice("band", (pen.main, pen.accent, pen.metal, "#2a2b30"))
    thick = pen.between("band-w", 14, 30)
    arc = (
        f"M{200 - half} {cup_y}C{200 - half - 12} {top - 40} {200 + half + 12} {top - 40} "
        f"{200 + half} {cup_y}"
    )
    pen.rod(arc, band, thick)
    if pen.chance("padded", 0.6):
        pen.line(
            f"M{200 - half * 0.66} {top + 44}Q200 {top - 8} {200 + half * 0.66} {top + 44}",
            darker(pen.detail, 0.1),
            thick * 1.05,
        )
    form = pen.choice("form", ("oval", "round", "box"))
    for way in (-1, 1):
        x = 200 + way * half
        pen.box(x - 7, cup_y - cup_h - 26, 14, 50, pen.metal, "cylinder", 4)
        pen.oval(x - way * 24, cup_y, cup_w * 0.72, cup_h * 0.98, "#2a2a2f", "soft")
        path = {
            "oval": oval_path(x + way * 6, cup_y, cup_w, cup_h),
            "round": oval_path(x + way * 6, cup_y, cup_h * 0.88, cup_h * 0.88),
            "box": f"M{x - cup_w} {cup_y - cup_h}h{cup_w * 2}q14 {cup_h} 0 {cup_h * 2}"
            f"h{-cup_w * 2}q-14 {-cup_h} 0 {-cup_h * 2}z",
        }[form]
        pen.fill(path, pen.paint, "round")
        if pen.chance("disc", 0.5):
            pen.oval(x + way * 6, cup_y, cup_w * 0.62, cup_w * 0.62, pen.accent, "metal")
        if pen.chance("emblem", 0.6):
            emblem(pen, x + way * 6, cup_y, cup_w * 0.42, pen.detail)
    if pen.chance("cable", 0.4):
        pen.line(f"M{200 - half} {cup_y + cup_h}q-10 40 50 40t90 -18t60 26", pen.detail, 5)


def guitar(pen: Pen) -> None:
    electric = pen.chance("electric", 0.5)
    x = 200
    neck = pen.choice("neck", ("#7a5233", "#3a2b22", "#c79b63"))
    top = pen.choice("top", (pen.paint, pen.second, pen.fade(pen.main, pen.accent), pen.paint))
    upper, lower = pen.between("upper", 50, 64), pen.between("lower", 70, 88)
    body_top = 196
    if electric:
        horn = pen.between("horn", 18, 52)
        body = (
            f"M{x - 20} {body_top + 36}C{x - 34} {body_top + 20} {x - upper - 6} {body_top - horn} "
            f"{x - upper - 10} {body_top - horn + 34}C{x - upper - 14} {body_top + 80} "
            f"{x - upper + 2} {body_top + 60} {x - lower} {body_top + 114}"
            f"C{x - lower - 12} 386 {x + lower + 12} 386 {x + lower} {body_top + 112}"
            f"C{x + upper - 4} {body_top + 60} {x + upper + 14} {body_top + 80} {x + upper + 8} "
            f"{body_top + 24}C{x + upper + 4} {body_top - horn * 0.3} {x + 30} {body_top + 16} "
            f"{x + 20} {body_top + 36}z"
        )
    else:
        body = (
            f"M{x} {body_top}C{x - upper - 14} {body_top - 10} {x - upper - 16} {body_top + 50} "
            f"{x - upper + 8} {body_top + 72}C{x - lower - 30} {body_top + 100} {x - lower - 14} "
            f"378 {x} 378C{x + lower + 14} 378 {x + lower + 30} {body_top + 100} {x + upper - 8} "
            f"{body_top + 72}C{x + upper + 16} {body_top + 50} {x + upper + 14} {body_top - 10} "
            f"{x} {body_top}z"
        )
    pen.fill(body, top, "soft")
    pen.line(body, pen.choice("edge", ("#efe3c8", "#241a14", pen.detail)), 4)
    if electric:
        if pen.chance("guard", 0.6):
            pen.fill(
                f"M{x - 16} {body_top + 44}L{x + 42} {body_top + 30}Q{x + 52} "
                f"{body_top + 100} {x + 58} {body_top + 140}Q{x} {body_top + 130} {x - 30} "
                f"{body_top + 100}z",
                pen.choice("guard-c", ("#f4f1ea", "#1c1c20", pen.detail)),
            )
        for y in (body_top + 66, body_top + 106):
            pen.box(x - 26, y, 52, pen.choice("pickup", (14, 22)), "#18181b", "metal", 4)
        pen.oval(x + 46, body_top + 140, 8, None, pen.metal, "round")
    else:
        if pen.chance("rosette", 0.7):
            pen.oval(x, body_top + 84, 34, None, pen.accent)
        pen.oval(x, body_top + 84, 26, None, "#17100c", "inside")
        if pen.chance("guard", 0.5):
            pen.fill(f"M{x + 26} {body_top + 92}q34 14 22 60q-36 0 -40 -30z", "#2b1a12")
    pen.box(x - 30, body_top + 136, 60, 12, pen.choice("bridge", ("#2b1a12", pen.metal)), "top", 4)
    pen.box(x - 11, 62, 22, body_top + 24, neck, "cylinder", 2)
    for index in range(10):
        pen.line(f"M{x - 11} {78 + index * 14}h22", "#d8d4c8", 1.6)
    head = pen.choice("head", ("slot", "paddle", "arrow"))
    path = {
        "slot": f"M{x - 20} 12H{x + 20}L{x + 16} 68H{x - 16}z",
        "paddle": f"M{x - 14} 68Q{x - 34} 20 {x} 8Q{x + 20} 20 {x + 14} 68z",
        "arrow": f"M{x - 12} 68L{x - 26} 24L{x} 4L{x + 26} 24L{x + 12} 68z",
    }[head]
    pen.fill(path, pen.choice("head-c", (neck, pen.main, "#1c1a1a")), "soft")
    for y in (22, 38, 54):
        pen.oval(x - 25, y, 5, None, pen.metal, "round")
        pen.oval(x + 25, y, 5, None, pen.metal, "round")
    for dx in (-7, -2.5, 2.5, 7):
        pen.line(f"M{x + dx} 20V{body_top + 142}", "#eeeae0", 0.9, 0.9)


def radio(pen: Pen) -> None:
    half, top = pen.between("half", 128, 166), pen.between("top", 158, 196)
    base, left = 340, 200 - half
    corner = pen.between("corner", 6, 52)
    if pen.chance("handle", 0.5):
        pen.rod(
            f"M{left + 36} {top + 8}V{top - 44}H{200 + half - 36}V{top + 8}",
            pen.choice("handle-c", (pen.metal, pen.accent)),
            11,
        )
    if pen.chance("antenna", 0.5):
        pen.line(f"M{200 + half - 30} {top}L{200 + half - 4} 44", pen.metal, 4)
    for x in (left + 24, 200 + half - 44):
        pen.box(x, base - 6, 20, 14, "#2a2522", None, 3)
    case = pen.choice("case", (pen.second, pen.grain(pen.wood), pen.paint, pen.paint))
    pen.box(left, top, 2 * half, base - top, case, "soft", corner)
    inner = pen.choice("panel", ("#efe8d6", pen.accent, "#26282c"))
    pen.box(left + 14, top + 14, 2 * half - 28, base - top - 28, inner, "soft", corner * 0.7)
    dial_left = pen.chance("left", 0.5)
    cone = left + 80 if not dial_left else 200 + half - 80
    face = 200 + half - 78 if not dial_left else left + 78
    y = (top + base) / 2
    size = min(54, (base - top) / 2 - 24)
    grille = pen.choice("grille", ("round", "slots", "weave"))
    dark = darker(mix(inner, pen.main, 0.5), 0.45)
    if grille == "round":
        pen.oval(cone, y, size, None, dark, "inside")
        for radius in (0.75, 0.5, 0.25):
            pen.ring(cone, y, size * radius, size * radius, lighter(dark, 0.25), 3)
    elif grille == "slots":
        for index in range(7):
            pen.line(f"M{cone - size} {y - size * 0.8 + index * size * 0.27}h{2 * size}", dark, 6)
    else:
        weave = pen.patterned("checked", dark, lighter(dark, 0.35), dark)
        pen.box(cone - size, y - size, 2 * size, 2 * size, weave, "inside", 8)
    pen.oval(face, y - 14, 42, None, pen.choice("dial", ("#fbf4dd", pen.detail)), "soft")
    for index in range(9):
        with pen.moved(f"rotate({-100 + index * 25} {face} {y - 14})"):
            pen.line(f"M{face} {y - 50}v7", "#3b342c", 2)
    with pen.moved(f"rotate({pen.between('tuned', -90, 90):.0f} {face} {y - 14})"):
        pen.line(f"M{face} {y - 14}v-30", "#c63527", 3)
    for dx in (-26, 0, 26):
        pen.oval(face + dx, y + 42, 9, None, pen.metal, "round")


def book(pen: Pen) -> None:
    wide, high = pen.between("wide", 178, 226), pen.between("high", 262, 316)
    left, top = 200 - wide / 2 - 8, 200 - high / 2
    thick = pen.between("thick", 10, 28)
    pen.fill(
        f"M{left} {top}l{thick} {-thick * 0.5}h{wide}v{high}l{-thick} {thick * 0.5}z", "#f0e9d8"
    )
    for index in range(5):
        inset = thick * (index + 1) / 6
        pen.line(f"M{left + wide + inset} {top - inset * 0.5}v{high}", "#cfc5ad", 1)
    pen.box(left, top, wide, high, pen.paint, "soft", 3)
    pen.box(left, top, 16, high, darker(pen.main, 0.35), "cylinder")
    layout = pen.choice(
        "layout", ("plate", "band", "picture", "whole", "frame", "split", "picture")
    )
    x, y = left + wide / 2 + 8, top + high / 2
    ink = pen.accent
    if layout == "plate":
        pen.box(x - wide * 0.3, top + 36, wide * 0.6, 74, "#f6f0e0", None, 4)
        ink = "#2b2a2e"
    elif layout == "band":
        pen.box(left + 16, top + 30, wide - 16, 86, pen.accent)
        ink = pen.detail
    elif layout == "whole":
        picture(pen, box_path(left + 16, top, wide - 16, high), left + 16, top, wide - 16, high)
    elif layout == "frame":
        pen.line(f"M{left + 30} {top + 16}h{wide - 46}v{high - 32}h{-(wide - 46)}z", pen.detail, 4)
    elif layout == "split":
        pen.box(left + 16, top, wide - 16, high * 0.42, pen.second)
        ink = "#f7f3ea"
    else:
        page = box_path(left + 34, top + 96, wide - 54, high - 130, 4)
        picture(pen, page, left + 34, top + 96, wide - 54, high - 130)
    rows = pen.choice("rows", (2, 3))
    for row in range(rows):
        share = pen.between(f"row{row}", 0.22, 0.5)
        pen.line(
            f"M{x - wide * share / 2} {top + 54 + row * 20}h{wide * share}",
            ink,
            9 if row == 0 else 5,
        )
    if layout not in ("picture", "whole"):
        emblem(pen, x, y + pen.between("down", 26, 56), pen.between("emblem-r", 34, 60), ink)
    pen.line(f"M{x - 28} {top + high - 22}h56", ink, 4)
