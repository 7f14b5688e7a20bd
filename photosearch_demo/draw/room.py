"""Things that make a room one's own: lamps, lanterns, clocks, plants."""

from math import cos, pi, sin

from photosearch_demo.draw.art import picture
from photosearch_demo.draw.palette import darker, lighter
from photosearch_demo.draw.pen import Pen, oval_path


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


def lantern(pen: Pen) -> None:
    half = pen.between("half", 52, 76)
    top, base = pen.between("top", 132, 158), 346
    frame = pen.choice("frame", (pen.main, pen.metal, pen.main))
    pen.ring(200, top - 66, 30, 34, frame, 6)
    roof = pen.choice("roof", ("pagoda", "dome", "cone"))
    path = {
        "pagoda": f"M{200 - half - 26} {top + 8}Q{200 - 20} {top - 10} 186 {top - 46}H214"
        f"Q{220} {top - 10} {200 + half + 26} {top + 8}z",
        "dome": f"M{200 - half - 12} {top + 6}C{200 - half} {top - 66} {200 + half} {top - 66} "
        f"{200 + half + 12} {top + 6}z",
        "cone": f"M{200 - half - 14} {top + 6}L200 {top - 58}L{200 + half + 14} {top + 6}z",
    }[roof]
    pen.fill(path, frame, "cylinder")
    glass = pen.choice("glass", ("#f7e6b2", "#cfe6ea", pen.accent, pen.detail))
    round_body = pen.chance("round", 0.4)
    body = (
        oval_path(200, (top + base) / 2, half + 16, (base - top) / 2 - 8)
        if round_body
        else f"M{200 - half} {top + 6}H{200 + half}L{196 + half} {base - 16}H{204 - half}z"
    )
    pen.fill(body, pen.paint if pen.chance("paper", 0.6) else lighter(glass, 0.2), "soft")
    with pen.clipped(body):
        pen.oval(200, base - 76, 54, 70, "#fff4c0", None, 0.55)
        if not pen.chance("paper", 0.6):
            pen.box(186, base - 86, 28, 80, "#f6f1e2", "cylinder", 4)
            pen.fill(f"M200 {base - 128}q16 26 0 40q-16 -14 0 -40z", "#f49b2a")
    bars = pen.choice("bars", (2, 3, 4, 5))
    for index in range(bars + 1):
        x = 200 - half + 2 * half * index / bars
        if round_body:
            lean = (x - 200) * 1.25
            pen.line(
                f"M{200 + lean * 0.5} {top + 8}Q{200 + lean * 1.5} {(top + base) / 2} "
                f"{200 + lean * 0.5} {base - 12}",
                frame,
                5,
            )
        else:
            pen.line(f"M{x} {top + 6}L{200 + (x - 200) * 0.95} {base - 14}", frame, 6)
    if pen.chance("cross", 0.4):
        pen.line(f"M{200 - half} {(top + base) / 2}H{200 + half}", frame, 6)
    pen.box(200 - half - 10, base - 20, 2 * half + 20, 22, frame, "cylinder", 5)


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
