"""Things on wheels: bicycles, toy cars, skateboards."""

from math import cos, pi, sin

from photosearch_demo.draw.art import picture
from photosearch_demo.draw.emblems import emblem, star_path
from photosearch_demo.draw.pen import Pen


def bicycle(pen: Pen) -> None:
    r = pen.between("r", 66, 78)
    back, front, y = 104, 296, 346 - r
    tyre = pen.choice("tyre", ("#222226", "#222226", "#6b4a2e", "#e9e2d2"))
    spokes = pen.choice("spokes", (8, 12, 18, 3))
    rim = pen.choice("rim", ("#b9bec4", pen.accent, "#3a3b40"))
    for x in (back, front):
        pen.ring(x, y, r, r, tyre, pen.between("tyre-w", 7, 13))
        pen.ring(x, y, r - 9, r - 9, rim, 4)
        for index in range(spokes):
            angle = 2 * pi * index / spokes + 0.2
            pen.line(
                f"M{x} {y}L{x + (r - 10) * cos(angle):.1f} {y + (r - 10) * sin(angle):.1f}",
                "#8f949a" if spokes > 3 else rim,
                1.3 if spokes > 3 else 9,
            )
        pen.oval(x, y, 8, None, "#8a8f96", "round")
    crank, seat, head = (190, y + 6), (160, 166), (270, pen.between("head", 158, 178))
    kind = pen.choice("frame", ("diamond", "step", "curved", "truss"))
    width = pen.between("tube", 8, 13)
    frame = pen.main
    pen.rod(f"M{back} {y}L{crank[0]} {crank[1]}M{back} {y}L{seat[0]} {seat[1]}", frame, width * 0.7)
    pen.rod(f"M{head[0]} {head[1]}Q{head[0] + 8} {head[1] + 50} {front} {y}", frame, width * 0.8)
    pen.rod(f"M{crank[0]} {crank[1]}L{seat[0] - 4} {seat[1] - 18}", frame, width)
    pen.rod(f"M{crank[0]} {crank[1]}L{head[0] + 2} {head[1] + 14}", frame, width)
    if kind == "diamond":
        pen.rod(f"M{seat[0]} {seat[1] + 4}L{head[0]} {head[1]}", frame, width)
    elif kind == "step":
        pen.rod(f"M{crank[0] - 10} {crank[1] - 46}Q226 230 {head[0]} {head[1]}", frame, width)
    elif kind == "curved":
        pen.rod(f"M{seat[0]} {seat[1] + 4}Q210 {head[1] + 56} {head[0]} {head[1]}", frame, width)
    else:
        pen.rod(
            f"M{seat[0]} {seat[1] + 4}L{head[0]} {head[1]}M{seat[0] + 6} {seat[1] + 26}"
            f"L{head[0] + 2} {head[1] + 16}",
            frame,
            width * 0.8,
        )
    bag = (
        f"M{seat[0] + 14} {seat[1] + 16}L{head[0] - 10} {head[1] + 20}"
        f"L{crank[0] + 6} {crank[1] - 20}z"
    )
    if pen.chance("bag", 0.75):
        pen.fill(bag, pen.paint, "soft")
    if pen.chance("panniers", 0.5):
        pen.box(back - 46, y - r * 0.86, 78, 62, pen.second, "soft", 10)
    saddle = pen.choice("saddle", ("#2a2422", "#8a5a34", pen.accent, pen.detail))
    pen.line(f"M{seat[0] - 4} {seat[1] - 12}v-14", "#b9bec4", 6)
    pen.fill(
        f"M{seat[0] - 36} {seat[1] - 34}q34 -10 68 4q-10 10 -30 8q-20 8 -38 -12z", saddle, "top"
    )
    bars = pen.choice("bars", ("drop", "flat", "swept", "high"))
    pen.rod(f"M{head[0]} {head[1]}l-4 -26", "#a9aeb4", 7)
    shape = {
        "drop": f"M{head[0] - 6} {head[1] - 28}h24q22 4 16 24q-8 14 -22 8",
        "flat": f"M{head[0] - 22} {head[1] - 30}h52",
        "swept": f"M{head[0] + 14} {head[1] - 34}q-30 -12 -58 10",
        "high": f"M{head[0] - 4} {head[1] - 28}q10 -46 -34 -40",
    }[bars]
    pen.rod(shape, pen.choice("grip", ("#2a2422", pen.accent, "#8a5a34")), 9)
    if pen.chance("basket", 0.3):
        weave = pen.patterned("gingham", "#b98a52", "#8a5f34", "#8a5f34")
        pen.fill(f"M{head[0] + 14} {head[1] - 24}h66l-10 50h-48z", weave, "soft")
    if pen.chance("fenders", 0.5):
        for x in (back, front):
            pen.line(
                f"M{x - r * 0.9} {y - r * 0.62}A{r + 9} {r + 9} 0 0 1 {x + r * 0.8} {y - r * 0.76}",
                pen.accent,
                8,
            )
    if pen.chance("rack", 0.3):
        pen.rod(f"M{back - 40} {y - r - 14}H{seat[0] - 8}", "#55585e", 6)
    pen.ring(crank[0], crank[1], 19, 19, pen.choice("ring", ("#8a8f96", pen.accent)), 5)
    pen.rod(f"M{crank[0] - 20} {crank[1] + 22}l40 -44", "#55585e", 5)
    pen.line(
        f"M{back} {y - 8}L{crank[0]} {crank[1] - 18}M{back} {y + 8}L{crank[0]} {crank[1] + 19}",
        "#3a3a3e",
        2,
    )


def toy_car(pen: Pen) -> None:
    kind = pen.choice("kind", ("saloon", "bus", "pickup", "racer", "beetle", "van"))
    roof = pen.between("roof", 134, 168)
    y = pen.between("belt", 218, 236)
    base = 306
    body = {
        "saloon": f"M40 {base}V{y + 18}Q44 {y} 84 {y - 4}L124 {roof}Q200 {roof - 16} 256 {roof}"
        f"L306 {y - 2}Q360 {y + 4} 362 {y + 30}V{base}z",
        "bus": f"M34 {base}V{roof - 20}Q36 {roof - 44} 64 {roof - 44}H340Q366 {roof - 42} 366 "
        f"{roof - 16}V{base}z",
        "pickup": f"M36 {base}V{y + 6}H170V{roof}Q172 {roof - 12} 186 {roof - 12}H250L300 {y - 4}"
        f"Q364 {y} 364 {y + 24}V{base}z",
        "racer": f"M30 {base}L44 {y + 30}Q130 {y - 6} 150 {y - 24}Q190 {roof + 14} 226 {y - 20}"
        f"Q330 {y + 16} 376 {base - 10}V{base}z",
        "beetle": f"M32 {base}Q34 {y + 8} 84 {y - 4}Q126 {roof - 24} 200 {roof - 24}"
        f"T316 {y - 4}Q366 {y + 8} 368 {base}z",
        "van": f"M36 {base}V{roof - 8}Q38 {roof - 34} 66 {roof - 34}H240"
        f"Q286 {roof - 30} 320 {y - 6}Q364 {y + 4} 364 {y + 28}V{base}z",
    }[kind]
    pen.fill(body, pen.paint)
    with pen.clipped(body):
        trim = pen.choice("trim", ("two-tone", "stripe", "none", "flash"))
        if trim == "two-tone":
            pen.box(0, y + 14, 400, 120, pen.second)
        elif trim == "stripe":
            pen.box(0, y + 22, 400, 15, pen.accent)
            pen.box(0, y + 42, 400, 5, pen.detail)
        elif trim == "flash":
            pen.fill(
                f"M20 {y + 44}Q160 {y + 6} 380 {y + 10}V{y + 26}Q180 {y + 24} 20 {y + 66}z",
                pen.accent,
            )
    pen.fill(body, "none", "top")
    glass = pen.choice("glass", ("#bfe0ee", "#7fa3b8", "#2b3640"))
    for x, w in {
        "saloon": ((128, 60), (198, 66)),
        "bus": ((52, 50), (112, 50), (172, 50), (232, 50), (292, 60)),
        "pickup": ((190, 66),),
        "racer": ((168, 46),),
        "beetle": ((122, 66), (200, 70)),
        "van": ((230, 60),),
    }[kind]:
        top = roof - (24 if kind in ("bus", "van") else -10 if kind != "beetle" else 4)
        if kind == "racer":
            top = y - 24
        height = 50 if kind == "bus" else max(24, y - top - 6)
        pen.fill(
            f"M{x + 10} {top}h{w - 20}q8 0 10 10v{height - 10}h{-w}v{-height + 10}q2 -10 10 -10z",
            glass,
            "metal",
        )
    if kind in ("van", "saloon", "racer", "pickup") and pen.chance("emblem", 0.6):
        emblem(pen, 130, y + 40, 27, pen.detail)
    pen.oval(354 if kind != "racer" else 346, y + 34, 10, 13, "#fff3c4", "round")
    pen.box(
        30, base - 8, 342, 14, pen.choice("bumper", ("#b9bec4", "#33353b", pen.detail)), "top", 6
    )
    r = pen.between("wheel", 30, 42)
    hub = pen.choice("hub", (pen.accent, "#c9cdd2", pen.detail))
    for x in (104, 298):
        pen.oval(x, 346 - r, r, None, "#232327", "round")
        pen.oval(x, 346 - r, r * 0.58, None, hub, "metal")
        if pen.chance("star-hub", 0.4):
            pen.fill(star_path(5, r * 0.5, r * 0.2, x, 346 - r), "#2d2e33")
        pen.oval(x, 346 - r, r * 0.16, None, "#f0f0ee", "round")


def skateboard(pen: Pen) -> None:
    half = pen.between("half", 58, 74)
    x = 200
    for y in (92, 308):
        pen.line(f"M{x - half - 4} {y}h{2 * half + 8}", "#9aa0a6", 11)
        for way in (-1, 1):
            pen.box(x + way * (half + 8) - 11, y - 19, 22, 38, pen.detail, "cylinder", 8)
    nose = pen.between("nose", 40, 84)
    waist = pen.between("waist", 0, 16)
    deck = (
        f"M{x - half} {20 + nose}Q{x - half} 14 {x} 14T{x + half} {20 + nose}"
        f"Q{x + half - waist} 200 {x + half} {380 - nose}Q{x + half} 386 {x} 386"
        f"T{x - half} {380 - nose}Q{x - half + waist} 200 {x - half} {20 + nose}z"
    )
    pen.fill(deck, pen.choice("deck", (pen.paint, pen.paint, pen.fade(pen.main, pen.accent))))
    with pen.clipped(deck):
        art = pen.choice("art", ("picture", "picture", "picture", "emblem", "ends", "slash"))
        if art == "ends":
            pen.box(0, 0, 400, 124, pen.second)
            pen.box(0, 276, 400, 130, pen.second)
        elif art == "slash":
            pen.line("M80 330L320 70", pen.accent, 44)
            pen.line("M80 374L320 114", pen.detail, 13)
        elif art == "picture":
            picture(pen, deck, x - half, 14, 2 * half, 372)
        if art in ("emblem", "ends"):
            emblem(pen, x, 200, 50, pen.detail)
    pen.fill(deck, "none", "cylinder")
    for y in (82, 102, 298, 318):
        pen.oval(x - 12, y, 3.5, None, "#d9dde0", "round")
        pen.oval(x + 12, y, 3.5, None, "#d9dde0", "round")
