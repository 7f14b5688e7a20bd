"""Things of a room: chairs, sofas, lamps, clocks, tables, plants."""

from math import cos, pi, sin

from photosearch.demo.draw.art import picture
from photosearch.demo.draw.palette import darker, lighter
from photosearch.demo.draw.pen import Pen, oval_path


def chair(pen: Pen) -> None:
    left, right = 124, 276
    seat = pen.between("seat", 218, 240)
    top = pen.between("top", 48, 86)
    splay = pen.between("splay", 0, 22)
    frame = pen.choice("frame", (pen.wood, pen.wood, pen.metal, pen.main))
    thick = pen.between("thick", 9, 16)
    pen.rod(f"M{left + 18} {seat}L{left + 20 - splay * 0.4} 322", darker(frame, 0.25), thick)
    pen.rod(f"M{right - 18} {seat}L{right - 20 + splay * 0.4} 322", darker(frame, 0.25), thick)
    if pen.chance("stretcher", 0.5):
        pen.rod(f"M{left - 2} 300H{right + 2}", frame, thick * 0.6)
    back = pen.choice("back", ("slats", "panel", "ladder", "shell", "cross"))
    lean = pen.between("lean", -8, 14)
    if back == "shell":
        pen.fill(
            f"M{left - 6} {seat}C{left - 26} {top + 20} {left + 20} {top} 200 {top}"
            f"S{right + 26} {top + 20} {right + 6} {seat}z",
            pen.paint,
            "cloth",
        )
    else:
        pen.rod(f"M{left + 4} {seat}L{left + 4 - lean} {top}", frame, thick)
        pen.rod(f"M{right - 4} {seat}L{right - 4 + lean} {top}", frame, thick)
        if back == "slats":
            count = pen.choice("slats", (3, 4, 5, 7))
            for index in range(1, count + 1):
                x = left + (right - left) * index / (count + 1)
                pen.rod(f"M{x} {seat}V{top + 8}", frame, 7)
            pen.rod(f"M{left - lean} {top + 6}H{right + lean}", frame, thick * 1.5)
        elif back == "panel":
            pen.box(
                left - lean,
                top,
                right - left + 2 * lean,
                (seat - top) * 0.66,
                pen.paint,
                "cloth",
                pen.between("corner", 4, 40),
            )
        elif back == "ladder":
            rungs = pen.choice("rungs", (2, 3, 4))
            for index in range(rungs):
                y = top + 14 + index * (seat - top - 30) / rungs
                pen.rod(f"M{left} {y}Q200 {y - 16} {right} {y}", frame, 15)
        else:
            pen.rod(f"M{left} {seat}L{right} {top + 12}", frame, 9)
            pen.rod(f"M{right} {seat}L{left} {top + 12}", frame, 9)
            pen.rod(f"M{left - lean} {top + 6}H{right + lean}", frame, thick * 1.4)
    if pen.chance("arms", 0.3):
        for x, way in ((left, -1), (right, 1)):
            pen.rod(f"M{x} {seat - 62}H{x + way * 24}V{seat + 14}", frame, 11)
    cushion = (
        f"M{left - 4} {seat - 8}Q200 {seat - 26} {right + 4} {seat - 8}L{right + 22} {seat + 18}"
        f"Q200 {seat + 34} {left - 22} {seat + 18}z"
    )
    pen.fill(cushion, pen.paint, "top")
    pen.rod(f"M{left - 14} {seat + 20}L{left - 14 - splay} 346", frame, thick)
    pen.rod(f"M{right + 14} {seat + 20}L{right + 14 + splay} 346", frame, thick)


def sofa(pen: Pen) -> None:
    half = pen.between("half", 150, 178)
    top = pen.between("top", 150, 190)
    seats = pen.choice("seats", (1, 2, 2, 3))
    half = 108 if seats == 1 else half
    left, right = 200 - half, 200 + half
    arm = pen.between("arm", 26, 46)
    curve = pen.between("curve", 6, 44)
    legs = pen.choice("legs", (pen.wood, pen.metal))
    for x in (left + 18, right - 18):
        pen.rod(f"M{x} 318L{x + (6 if x > 200 else -6)} 346", legs, pen.between("leg", 8, 14))
    pen.box(left + 8, top, right - left - 16, 150, pen.paint, "cloth", curve)
    inner_left, width = left + arm - 4, (right - left - 2 * arm + 8) / seats
    for index in range(seats):
        x = inner_left + index * width
        pen.box(x + 2, top + 22, width - 4, 96, pen.paint, "soft", pen.between("pad", 8, 24))
        if pen.chance("tufted", 0.3):
            for dx in (0.25, 0.5, 0.75):
                pen.oval(x + width * dx, top + 62, 4, None, pen.detail, "round")
    for index in range(seats):
        x = inner_left + index * width
        pen.box(x + 1, 244, width - 2, 42, pen.paint, "top", 14)
    pen.box(left + 12, 282, right - left - 24, 38, darker(pen.main, 0.12), "cloth", 6)
    arm_top = top + pen.between("arm-top", 34, 64)
    arm_round = pen.choice("arm-round", (6, 22))
    for x in (left, right - arm):
        pen.box(x, arm_top, arm, 322 - arm_top, pen.paint, "cylinder", arm_round)
    pillows = pen.choice("pillows", (0, 1, 2))
    for index in range(pillows):
        x = left + arm + 26 if index == 0 else right - arm - 26
        with pen.moved(f"rotate({-14 if index == 0 else 16} {x} 216)"):
            pen.fill(
                f"M{x - 32} 186Q{x} 194 {x + 32} 186Q{x + 26} 216 {x + 32} 248"
                f"Q{x} 240 {x - 32} 248Q{x - 26} 216 {x - 32} 186z",
                pen.choice("pillow", (pen.accent, pen.detail)),
                "soft",
            )


def lamp(pen: Pen) -> None:
    floor = pen.chance("floor", 0.3)
    shade_low = pen.between("shade-low", 168, 190) if not floor else 120
    shade_top = shade_low - pen.between("shade-h", 76, 116) if not floor else 38
    wide = pen.between("wide", 78, 112) if not floor else 70
    narrow = wide * pen.between("narrow", 0.35, 0.95)
    foot = pen.choice("foot", ("gourd", "stick", "tripod", "column", "ball"))
    stem = pen.choice("stem", (pen.metal, pen.wood, pen.accent))
    if floor and foot in ("gourd", "column", "ball"):
        foot = "stick"
    if foot == "tripod":
        for x in (134, 200, 266):
            pen.rod(f"M200 {shade_low}L{x} 346", stem, 9)
    else:
        pen.oval(200, 342, 52, 10, darker(stem, 0.1), "metal")
        pen.rod(f"M200 {shade_low - 10}V338", stem, 9)
    if foot == "gourd":
        pen.fill(
            f"M188 {shade_low + 4}C186 {shade_low + 50} 140 250 146 300Q150 340 200 342"
            f"Q250 340 254 300C260 250 214 {shade_low + 50} 212 {shade_low + 4}z",
            pen.choice("body", (pen.accent, pen.detail)),
            "cylinder",
        )
    elif foot == "column":
        pen.box(172, shade_low + 22, 56, 316 - shade_low, pen.second, "cylinder", 6)
    elif foot == "ball":
        pen.oval(200, 306, 40, 38, pen.second, "round")
        pen.oval(200, 250, 22, None, pen.detail, "round")
    shade = (
        f"M{200 - narrow} {shade_top}Q200 {shade_top - 12} {200 + narrow} {shade_top}"
        f"L{200 + wide} {shade_low}Q200 {shade_low + 22} {200 - wide} {shade_low}z"
    )
    if pen.choice("shade", ("cone", "cone", "dome")) == "dome":
        shade = (
            f"M{200 - wide} {shade_low}C{200 - wide} {shade_top - 24} {200 + wide} "
            f"{shade_top - 24} {200 + wide} {shade_low}Q200 {shade_low + 20} {200 - wide} "
            f"{shade_low}z"
        )
    pen.fill(shade, pen.paint, "cylinder")
    with pen.clipped(shade):
        pen.line(
            f"M{200 - wide} {shade_low - 2}Q200 {shade_low + 20} {200 + wide} {shade_low - 2}",
            pen.detail,
            pen.choice("trim", (0.1, 10, 16)),
        )
        if pen.chance("lit", 0.5):
            pen.oval(200, shade_low, wide, shade_low - shade_top, "url(#light-glow)")


def clock(pen: Pen) -> None:
    outer = pen.between("outer", 112, 146)
    rim = pen.between("rim", 8, 30)
    outline = pen.choice("outline", ("round", "round", "square", "octagon", "sun"))
    frame = pen.choice("frame", (pen.wood, pen.metal, pen.main, pen.main))
    if outline == "round":
        pen.oval(200, 200, outer, None, frame, "metal")
    elif outline == "square":
        pen.box(200 - outer, 200 - outer, 2 * outer, 2 * outer, frame, "metal", 26)
    else:
        count = 8 if outline == "octagon" else 16
        spokes = []
        for index in range(count * (1 if count == 8 else 2)):
            long = outer * (1 if count == 8 or index % 2 == 0 else 0.84)
            angle = 2 * pi * (index + 0.5) / (count * (1 if count == 8 else 2))
            spokes.append(f"{200 + long * cos(angle):.1f} {200 + long * sin(angle):.1f}")
        pen.fill("M" + "L".join(spokes) + "z", frame, "metal")
    inner = outer * (0.8 if outline == "sun" else 0.94) - rim
    face = pen.choice("face", ("#f7f4ec", pen.accent, pen.paint, pen.second, "picture"))
    patterned = face in (pen.paint, pen.second, "picture")
    pen.oval(200, 200, inner, None, "#f7f4ec" if face == "picture" else face, "soft")
    ink = "#1d1d20"
    if face == "picture":
        picture(pen, oval_path(200, 200, inner, inner), 200 - inner, 200 - inner, 2 * inner)
    elif patterned:
        pen.oval(200, 200, inner * 0.78, None, "#f7f4ec")
        ink = pen.choice("ink", ("#1d1d20", pen.main))
    marks = pen.choice("marks", ("bars", "dots", "quarters", "minutes"))
    for index in range(60 if marks == "minutes" else 12):
        strong = index % (5 if marks == "minutes" else 3) == 0
        if marks == "quarters" and not strong:
            continue
        angle = 2 * pi * index / (60 if marks == "minutes" else 12)
        dx, dy = sin(angle), -cos(angle)
        near, far = inner * (0.72 if strong else 0.8), inner * 0.9
        if patterned and face != "picture":
            near, far = near * 0.78, far * 0.78
        if marks == "dots":
            pen.oval(200 + far * dx, 200 + far * dy, 7 if strong else 4, None, ink)
        else:
            pen.line(
                f"M{200 + near * dx} {200 + near * dy}L{200 + far * dx} {200 + far * dy}",
                ink,
                6 if strong else 2.5,
            )
    reach = inner * (0.6 if patterned else 0.76)
    for name, share, width in (("hour", 0.66, 8), ("minute", 1.0, 5)):
        angle = pen.between(name, 0, 2 * pi)
        pen.line(
            f"M200 200L{200 + reach * share * sin(angle)} {200 - reach * share * cos(angle)}",
            pen.choice("hands", (ink, pen.detail)),
            width,
        )
    pen.oval(200, 200, 9, None, pen.detail, "round")


def table(pen: Pen) -> None:
    top = pen.between("top", 176, 226)
    half = pen.between("half", 122, 170)
    wood = pen.grain(pen.wood)
    legs = pen.choice("legs", ("straight", "splayed", "pedestal", "hairpin", "crossed"))
    frame = pen.choice("frame", (pen.wood, pen.metal, pen.main))
    if legs == "pedestal":
        pen.fill(f"M184 {top}H216V300Q220 336 270 346H130Q180 336 184 300z", frame, "cylinder")
    elif legs == "crossed":
        pen.rod(f"M{200 - half + 20} {top}L{200 + half - 30} 344", frame, 14)
        pen.rod(f"M{200 + half - 20} {top}L{200 - half + 30} 344", frame, 14)
    else:
        splay = {"straight": 0, "splayed": 26, "hairpin": 12}[legs]
        for side in (-1, 1):
            x = 200 + side * (half - 24)
            pen.rod(
                f"M{x - side * 26} {top}L{x - side * 24 + side * splay * 0.4} 326",
                darker(frame, 0.3),
                8,
            )
            if legs == "hairpin":
                pen.rod(f"M{x - 8} {top}L{x + side * splay} 346L{x + 12} {top}", frame, 5)
            else:
                pen.rod(f"M{x} {top}L{x + side * splay} 346", frame, 13)
    if pen.chance("drawer", 0.5):
        pen.box(200 - half + 14, top + 6, 2 * half - 28, 44, pen.paint, "top", 3)
        for index in range(pen.choice("drawers", (1, 2, 3))):
            pen.oval(200 - half + 46 + index * 70, top + 28, 7, None, pen.metal, "round")
    if pen.chance("round", 0.45):
        pen.oval(200, top + 9, half, 30, darker(pen.wood, 0.3))
        pen.oval(200, top, half, 30, pen.choice("surface", (wood, wood, pen.paint)), "soft")
    else:
        pen.fill(
            f"M{200 - half + 40} {top - 32}H{200 + half - 40}L{200 + half} {top}H{200 - half}z",
            pen.choice("surface", (wood, wood, pen.paint)),
            "soft",
        )
        pen.box(200 - half, top, 2 * half, 14, darker(pen.wood, 0.2), "top")


def plant(pen: Pen) -> None:
    half = pen.between("half", 46, 76)
    rim = pen.between("rim", 222, 256)
    taper = pen.between("taper", 0, 26)
    green = pen.choice("green", ("#3f8a3a", "#2f6b3c", "#6fa544", "#4b9a78", "#8a9a3e", "#7a3b52"))
    kind = pen.choice("kind", ("snake", "cactus", "palm", "fern", "rubber", "succulent", "ball"))
    if kind == "cactus":
        pen.box(172, 90, 56, rim - 80, green, "cylinder", 28)
        for x, y in ((136, 150), (240, 122)):
            pen.line(f"M200 {y + 54}H{x + 14}V{y}", darker(green, 0.15), 30)
            pen.line(f"M200 {y + 54}H{x + 14}V{y}", green, 22)
        for x in (184, 200, 216):
            pen.line(f"M{x} 104V{rim}", lighter(green, 0.4), 1.6, 0.6)
        pen.oval(200, 92, 13, 10, pen.accent, "round")
    elif kind == "ball":
        pen.rod(f"M200 {rim}V140", "#6d4a2c", 9)
        pen.oval(
            200,
            124,
            72,
            None,
            pen.patterned("leafy", green, lighter(green, 0.25), darker(green, 0.3)),
            "round",
        )
    else:
        count = {"snake": 9, "palm": 11, "fern": 17, "rubber": 9, "succulent": 15}[kind]
        for index in range(count):
            share = index / (count - 1) * 2 - 1
            jitter = pen.between(f"leaf{index}", 0.75, 1.1)
            shade = (green, darker(green, 0.22), lighter(green, 0.16))[index % 3]
            _leaf(pen, kind, share, jitter, rim, shade)
    low = 346
    pot = (
        f"M{200 - half} {rim}L{200 - half + taper} {low}Q200 {low + 8} {200 + half - taper} {low}"
        f"L{200 + half} {rim}z"
    )
    pen.fill(pot, pen.paint, "cylinder")
    pen.box(
        200 - half - 5,
        rim - 8,
        2 * half + 10,
        pen.between("lip", 14, 44),
        pen.choice("lip", (pen.main, pen.accent, pen.detail)),
        "cylinder",
        4,
    )


def _leaf(pen: Pen, kind: str, share: float, jitter: float, rim: float, shade: str) -> None:
    length, width, angle = {
        "snake": (170 * jitter, 14, share * 26),
        "palm": (175 * jitter, 13, share * 82),
        "fern": (135 * jitter, 11, share * 98),
        "rubber": (150 * jitter, 36, share * 62),
        "succulent": (84 * jitter, 25, share * 84),
    }[kind]
    droop = share * {"palm": 60, "fern": 50}.get(kind, 0)
    with pen.moved(f"rotate({angle:.1f} 200 {rim})"):
        tip = rim - length
        pen.fill(
            f"M200 {rim}C{200 - width} {rim - length * 0.3} {200 - width + droop * 0.4} "
            f"{rim - length * 0.7} {200 + droop} {tip}C{200 + width + droop * 0.4} "
            f"{rim - length * 0.7} {200 + width} {rim - length * 0.3} 200 {rim}z",
            shade,
            "cloth",
        )
        pen.line(
            f"M200 {rim}Q{200 + droop * 0.2} {rim - length * 0.6} {200 + droop} {tip}",
            lighter(shade, 0.35),
            1.5,
            0.7,
        )
        if kind == "snake":
            pen.line(
                f"M{200 - width * 0.6} {rim - length * 0.4}L200 {tip + 6}", "#d9d37a", 2.4, 0.8
            )
