"""Things to carry things in: handbags, backpacks, suitcases."""

from photosearch_demo.draw.art import picture
from photosearch_demo.draw.emblems import emblem
from photosearch_demo.draw.palette import darker, lighter
from photosearch_demo.draw.pen import Pen, box_path, oval_path


def handbag(pen: Pen) -> None:
    half = pen.between("half", 96, 142)
    top = pen.between("top", 150, 200)
    taper = pen.between("taper", -22, 26)
    base, corner = 344, pen.between("corner", 8, 40)
    strap = pen.choice("strap", (pen.accent, pen.detail, "#7b4a2a", "#2a2420"))
    rise = pen.between("rise", 70, 112)
    handle = pen.choice("handle", ("arch", "two", "chain", "square"))
    inner = half * 0.55
    if handle == "square":
        pen.rod(f"M{200 - inner} {top + 8}V{top - rise * 0.7}H{200 + inner}V{top + 8}", strap, 12)
    elif handle == "chain":
        for index in range(15):
            share = index / 14 * 2 - 1
            pen.ring(
                200 + share * inner * 1.3, top - rise * (1 - share * share), 8, 6, pen.metal, 4
            )
    else:
        if handle == "two":
            pen.rod(
                f"M{200 - inner + 14} {top}C{200 - inner + 14} {top - rise * 1.5} "
                f"{200 + inner + 14} {top - rise * 1.5} {200 + inner + 14} {top}",
                darker(strap, 0.3),
                9,
            )
        pen.rod(
            f"M{200 - inner} {top + 10}C{200 - inner} {top - rise * 1.3} {200 + inner} "
            f"{top - rise * 1.3} {200 + inner} {top + 10}",
            strap,
            11,
        )
    left, right = 200 - half, 200 + half
    body = (
        f"M{left} {top}H{right}L{right + taper} {base - corner}Q{right + taper} {base} "
        f"{right + taper - corner} {base}H{left - taper + corner}Q{left - taper} {base} "
        f"{left - taper} {base - corner}z"
    )
    pen.fill(body, pen.paint)
    with pen.clipped(body):
        if pen.chance("bottom", 0.4):
            pen.box(
                0,
                base - pen.between("bottom-h", 40, 90),
                400,
                100,
                pen.choice("bottom-p", (pen.accent, pen.second)),
            )
    pen.fill(body, "none", "soft")
    closing = pen.choice(
        "closing", ("flap", "pocket", "buckle", "emblem", "zip", "picture", "picture")
    )
    if closing == "flap":
        drop = top + pen.between("flap", 56, 104)
        pen.fill(
            f"M{left} {top - 3}H{right}L{right - 6} {drop - 24}Q200 {drop + 30} {left + 6} "
            f"{drop - 24}z",
            pen.choice("flap-paint", (pen.main, pen.accent, pen.second)),
            "top",
        )
        pen.box(186, drop - 18, 28, 24, pen.metal, "metal", 4)
    elif closing == "pocket":
        pen.box(
            200 - half * 0.6,
            top + 58,
            half * 1.2,
            70,
            pen.choice("p", (pen.second, pen.accent)),
            "top",
            10,
        )
        pen.seam(f"M{200 - half * 0.55} {top + 66}H{200 + half * 0.55}", "#ffffff")
    elif closing == "buckle":
        for x in (200 - half * 0.5, 200 + half * 0.5):
            pen.box(x - 10, top, 20, 90, strap, "cylinder", 3)
            pen.ring(x, top + 74, 13, 11, pen.metal, 5)
    elif closing == "emblem":
        emblem(pen, 200, (top + base) / 2, 36, pen.accent)
    elif closing == "picture":
        w = half * 0.72
        y = top + 34
        picture(
            pen, box_path(200 - w, y, 2 * w, base - y - 24, 8), 200 - w, y, 2 * w, base - y - 24
        )
    else:
        pen.line(f"M{left + 14} {top + 18}H{right - 14}", darker(pen.main, 0.5), 6)
        pen.line(f"M{left + 14} {top + 18}H{right - 14}", pen.metal, 2)
    pen.seam(f"M{left + 8} {top + 10}L{left - taper + 8} {base - corner}", lighter(pen.main, 0.5))
    pen.seam(f"M{right - 8} {top + 10}L{right + taper - 8} {base - corner}", lighter(pen.main, 0.5))


def backpack(pen: Pen) -> None:
    half = pen.between("half", 88, 112)
    top = pen.between("top", 66, 96)
    crown = pen.between("crown", 34, 92)
    left, right, base = 200 - half, 200 + half, 346
    for way in (-1, 1):
        pen.line(
            f"M{200 + way * half * 0.6} 140Q{200 + way * (half + 40)} 200 "
            f"{200 + way * half * 0.9} 330",
            darker(pen.accent, 0.3),
            18,
        )
    pen.line(f"M178 {top + 6}Q200 {top - 46} 222 {top + 6}", darker(pen.accent, 0.2), 11)
    body = (
        f"M{left} {top + crown}Q{left} {top} 200 {top}T{right} {top + crown}V{base - 26}"
        f"Q{right} {base} {right - 26} {base}H{left + 26}Q{left} {base} {left} {base - 26}z"
    )
    pen.fill(body, pen.paint)
    with pen.clipped(body):
        if pen.chance("bottom", 0.45):
            pen.box(0, base - 60, 400, 100, pen.accent)
        if pen.chance("yoke", 0.35):
            pen.box(0, 0, 400, top + 80, pen.detail)
    pen.fill(body, "none", "soft")
    pocket = pen.choice("pocket", ("one", "two", "flap", "tall"))
    paint = pen.choice("pocket-paint", (pen.main, pen.accent, pen.second))
    if pocket == "two":
        for x in (left + 14, 206):
            pen.box(x, 230, half - 22, 92, paint, "soft", 14)
            pen.line(f"M{x + 8} 250h{half - 38}", darker(pen.main, 0.5), 4)
    elif pocket == "tall":
        pen.box(left + 22, 176, 2 * half - 44, 150, paint, "soft", 26)
        pen.line(f"M{left + 34} 206H{right - 34}", pen.metal, 4)
    elif pocket == "flap":
        pen.fill(
            f"M{left - 2} {top + crown - 10}Q200 {top - 24} {right + 2} {top + crown - 10}"
            f"V206Q200 226 {left - 2} 206z",
            paint,
            "top",
        )
        for x in (160, 240):
            pen.box(x - 8, 190, 16, 74, "#8a5731", "cylinder", 2)
            pen.box(x - 11, 226, 22, 16, pen.metal, "metal", 3)
    else:
        pen.box(left + 18, 232, 2 * half - 36, 92, paint, "soft", 20)
        pen.line(f"M{left + 28} 256H{right - 28}", darker(pen.main, 0.5), 5)
    if pen.chance("emblem", 0.5):
        emblem(pen, 200, 152, 24, pen.detail if paint == pen.accent else pen.accent)
    pen.line(
        f"M{left + 16} {top + crown + 30}Q{left + 20} {top + 26} 200 {top + 22}"
        f"T{right - 16} {top + crown + 30}",
        darker(pen.main, 0.55),
        3,
    )


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
