"""Things for outside and for play: bicycles, umbrellas, kites, toy cars, balls."""

from math import cos, pi, sin

from photosearch.demo.draw.art import picture
from photosearch.demo.draw.emblems import emblem, star_path
from photosearch.demo.draw.palette import darker, lighter
from photosearch.demo.draw.pen import Pen, oval_path


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


def umbrella(pen: Pen) -> None:
    half, top = pen.between("half", 136, 168), pen.between("top", 60, 92)
    rim = pen.between("rim", 196, 220)
    count = pen.choice("panels", (4, 5, 6, 8))
    handle = pen.choice("handle", (pen.wood, pen.accent, "#27262a"))
    pen.line("M200 40V340", "#7c8187", 6)
    hook = pen.choice("hook", ("crook", "straight", "ball"))
    if hook == "crook":
        pen.rod("M200 270V326Q200 358 172 356Q150 352 152 328", handle, 13)
    elif hook == "straight":
        pen.rod("M200 290V352", handle, 19)
    else:
        pen.rod("M200 290V330", handle, 11)
        pen.oval(200, 338, 16, None, handle, "round")
    edges = [200 - half + 2 * half * index / count for index in range(count + 1)]
    scallops = "".join(
        f"Q{(edges[i] + edges[i + 1]) / 2} {rim - 26} {edges[i]} {rim}"
        for i in range(count - 1, -1, -1)
    )
    canopy = (
        f"M{200 - half} {rim}C{200 - half + 4} {top + 20} {200 - 70} {top} 200 {top}"
        f"S{200 + half - 4} {top + 20} {200 + half} {rim}{scallops}z"
    )
    pen.fill(canopy, pen.paint)
    with pen.clipped(canopy):
        if pen.chance("alternate", 0.5):
            for index in range(0, count, 2):
                a, b = edges[index], edges[index + 1]
                pen.fill(
                    f"M200 {top}Q{(a + 200) / 2 + (a - 200) * 0.3} {top + 40} {a} {rim + 10}"
                    f"H{b}Q{(b + 200) / 2 + (b - 200) * 0.3} {top + 40} 200 {top}z",
                    pen.second,
                )
        if pen.chance("hem", 0.4):
            pen.line(
                f"M{200 - half} {rim - 8}Q200 {rim - 34} {200 + half} {rim - 8}", pen.detail, 15
            )
    pen.fill(canopy, "none", "round")
    for edge in edges[1:-1]:
        pen.line(
            f"M200 {top}Q{(edge + 200) / 2 + (edge - 200) * 0.3} {top + 40} {edge} {rim}",
            darker(pen.main, 0.5),
            1.6,
            0.7,
        )
    pen.fill(f"M194 {top + 4}L200 {top - 34}L206 {top + 4}z", "#8b8f94", "cylinder")


def kite(pen: Pen) -> None:
    shape = pen.choice("shape", ("diamond", "delta", "hex", "fish"))
    wide, top = pen.between("wide", 92, 128), 34
    low = pen.between("low", 236, 272)
    cross = pen.between("cross", 110, 140)
    tail = pen.choice("tail", (pen.accent, pen.detail, pen.main))
    pen.line(f"M200 {low}q-50 30 -6 54t-8 50", darker(tail, 0.2), 4)
    for index, (x, y) in enumerate(((178, low + 24), (192, low + 60), (176, low + 96))):
        if y > 380:
            continue
        bow = (pen.accent, pen.detail, pen.main)[index]
        pen.fill(f"M{x} {y}l-24 -12v24zM{x} {y}l24 -12v24z", bow, "top")
    outline = {
        "diamond": f"M200 {top}L{200 + wide} {cross}L200 {low}L{200 - wide} {cross}z",
        "delta": f"M200 {top}L{200 + wide * 1.35} {low - 40}Q200 {low - 96} {200 - wide * 1.35} "
        f"{low - 40}z",
        "hex": f"M{200 - wide * 0.6} {top + 10}H{200 + wide * 0.6}L{200 + wide} {cross + 20}"
        f"L{200 + wide * 0.6} {low}H{200 - wide * 0.6}L{200 - wide} {cross + 20}z",
        "fish": f"M200 {top}C{200 + wide * 1.5} {cross} {200 + 40} {low - 50} {200 + wide * 0.8} "
        f"{low}L200 {low - 30}L{200 - wide * 0.8} {low}C{200 - 40} {low - 50} "
        f"{200 - wide * 1.5} {cross} 200 {top}z",
    }[shape]
    pen.fill(outline, pen.paint)
    with pen.clipped(outline):
        split = pen.choice("split", ("quarters", "half", "none", "stripe", "picture", "picture"))
        if split == "quarters":
            pen.box(200, 0, 200, cross, pen.second)
            pen.box(0, cross, 200, 300, pen.second)
        elif split == "half":
            pen.box(200, 0, 200, 400, pen.second)
        elif split == "stripe":
            pen.box(0, cross - 20, 400, 60, pen.second)
        elif split == "picture":
            picture(pen, outline, 200 - wide, top, 2 * wide, low - top)
        if split != "picture" and pen.chance("emblem", 0.5):
            emblem(pen, 200, cross + 34, 36, pen.detail)
    pen.fill(outline, "none", "soft")
    with pen.clipped(outline):
        pen.line(f"M200 {top}V{low}M40 {cross}H360", "#5a4632", 2.5, 0.75)
    pen.line(outline, darker(pen.main, 0.25), 4)


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


def ball(pen: Pen) -> None:
    r = pen.between("r", 118, 142)
    x, y = 200, 348 - r
    outline = oval_path(x, y, r, r)
    kind = pen.choice(
        "kind", ("beach", "basket", "soccer", "hoop", "printed", "swirl", "picture", "picture")
    )
    pen.fill(outline, pen.paint if kind in ("printed", "hoop", "soccer") else pen.main)
    with pen.clipped(outline):
        tilt = pen.between("tilt", -40, 40)
        with pen.moved(f"rotate({tilt:.0f} {x} {y})"):
            if kind == "picture":
                picture(pen, outline, x - r, y - r, 2 * r)
            elif kind == "beach":
                shades = (pen.accent, pen.main, pen.detail, pen.main, "#f6f3ec", pen.main)
                for index, shade in enumerate(shades):
                    a, b = index * pi / 3, (index + 1) * pi / 3
                    px, py = x - 20, y - 34
                    pen.fill(
                        f"M{px} {py}Q{x + r * cos(a + 0.4):.0f} {y + r * 0.6 * sin(a):.0f} "
                        f"{x + 1.4 * r * cos(a):.0f} {y + 1.4 * r * sin(a):.0f}"
                        f"L{x + 1.4 * r * cos(b):.0f} {y + 1.4 * r * sin(b):.0f}"
                        f"Q{x + r * cos(b + 0.4):.0f} {y + r * 0.6 * sin(b):.0f} {px} {py}z",
                        shade,
                    )
                pen.oval(x - 20, y - 34, 20, None, pen.detail)
            elif kind == "basket":
                seam = pen.choice("seam", ("#241d1a", pen.accent))
                pen.line(f"M{x - r} {y}H{x + r}M{x} {y - r}V{y + r}", seam, 5)
                pen.line(
                    f"M{x - r * 0.75} {y - r}Q{x - r * 0.1} {y} {x - r * 0.75} {y + r}"
                    f"M{x + r * 0.75} {y - r}Q{x + r * 0.1} {y} {x + r * 0.75} {y + r}",
                    seam,
                    5,
                )
            elif kind == "soccer":
                pen.fill(star_path(5, r * 0.36, r * 0.29, x, y), pen.accent)
                for index in range(5):
                    angle = 2 * pi * index / 5 - pi / 2
                    cx, cy = x + r * 0.92 * cos(angle), y + r * 0.92 * sin(angle)
                    pen.line(
                        f"M{x + r * 0.34 * cos(angle):.0f} {y + r * 0.34 * sin(angle):.0f}"
                        f"L{cx:.0f} {cy:.0f}",
                        darker(pen.main, 0.5),
                        4,
                    )
                    pen.fill(star_path(5, r * 0.34, r * 0.27, cx, cy), pen.accent)
            elif kind == "hoop":
                pen.line(
                    f"M{x - r * 1.2} {y - r * 0.1}Q{x} {y + r * 0.4} {x + r * 1.2} {y - r * 0.1}",
                    pen.accent,
                    46,
                )
                pen.line(
                    f"M{x - r * 1.2} {y + r * 0.4}Q{x} {y + r * 0.85} {x + r * 1.2} {y + r * 0.4}",
                    pen.detail,
                    16,
                )
            elif kind == "swirl":
                for index in range(4):
                    pen.line(
                        f"M{x - r} {y - r + index * r * 0.6}q{r} {r * 0.7} {2 * r} 0",
                        (pen.accent, pen.detail)[index % 2],
                        24,
                    )
        if kind in ("printed", "hoop") and pen.chance("emblem", 0.7):
            emblem(pen, x, y, r * 0.42, pen.detail)
    pen.fill(outline, "none", "round")


def suitcase(pen: Pen) -> None:
    half, top = pen.between("half", 92, 124), pen.between("top", 92, 128)
    left, right, base = 200 - half, 200 + half, 330
    metal = "#9aa0a6"
    pen.rod(f"M{200 - 34} {top + 6}V34H234V{top + 6}", pen.choice("pull", (metal, "#3a3b40")), 9)
    for x in (left + 24, right - 24):
        pen.oval(x, 336, 13, None, "#2a2a2e", "round")
    shell = pen.choice("shell", ("ribbed", "smooth", "straps", "corners", "grid"))
    corner = pen.between("corner", 8, 38)
    pen.box(left, top, 2 * half, base - top, pen.paint, "soft", corner)
    trim = pen.choice("trim", (pen.accent, "#7b4a2a", pen.detail))
    if shell == "ribbed":
        for index in range(1, 8):
            x = left + 2 * half * index / 8
            pen.line(f"M{x} {top + 12}V{base - 12}", darker(pen.main, 0.4), 4, 0.7)
            pen.line(f"M{x + 3} {top + 12}V{base - 12}", lighter(pen.main, 0.5), 2, 0.7)
    elif shell == "straps":
        for x in (200 - half * 0.5, 200 + half * 0.5):
            pen.box(x - 10, top, 20, base - top, trim, "cylinder")
            pen.box(x - 13, (top + base) / 2 - 12, 26, 24, pen.metal, "metal", 3)
    elif shell == "corners":
        for x, y in ((left, top), (right - 44, top), (left, base - 44), (right - 44, base - 44)):
            pen.box(x, y, 44, 44, trim, "soft", min(corner, 20))
    elif shell == "grid":
        for y in (0.25, 0.5, 0.75):
            level = top + (base - top) * y
            pen.line(f"M{left + 8} {level}H{right - 8}", darker(pen.main, 0.4), 4, 0.7)
    if pen.chance("middle", 0.35):
        pen.box(left, (top + base) / 2 - 30, 2 * half, 60, pen.second, "top")
    for index in range(pen.choice("stickers", (0, 1, 2))):
        x = 200 + (-1 if index else 1) * half * 0.42
        y = top + 60 + index * 110
        pen.oval(x, y, 44, None, "#f5f1e6", "soft")
        if index == 0:
            picture(pen, oval_path(x, y, 38, 38), x - 38, y - 38, 76)
        else:
            emblem(pen, x, y, 30, pen.accent)
    pen.rod(f"M{200 - 30} {top + 2}q30 -22 60 0", "#2d2d31", 9)


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
