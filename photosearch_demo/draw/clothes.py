"""Things to wear: shirts, dresses, caps, sneakers."""

from photosearch_demo.draw.art import picture
from photosearch_demo.draw.emblems import emblem
from photosearch_demo.draw.palette import darker
from photosearch_demo.draw.pen import Pen, box_path, oval_path


def shirt(pen: Pen) -> None:
    half = pen.between("half", 78, 96)
    hem = pen.between("hem", 316, 350)
    sleeve = pen.choice("sleeve", ("short", "long", "cap"))
    drop = {"short": 172, "long": 320, "cap": 128}[sleeve]
    out = {"short": 172, "long": 158, "cap": 128}[sleeve]
    neck = pen.choice("neck", ("crew", "vee", "collar", "hood"))
    sleeves = pen.choice("sleeve-paint", (pen.paint, pen.accent, pen.second))
    for way in (-1, 1):
        cuff = out - (34 if sleeve == "long" else 40)
        arm = (
            f"M{200 + way * 60} 62Q{200 + way * 96} 70 {200 + way * 108} 92"
            f"L{200 + way * out} {drop}L{200 + way * cuff} {drop + 18}L{200 + way * half} 150z"
        )
        pen.fill(arm, sleeves, "cloth")
        if pen.chance("cuffs", 0.4):
            with pen.clipped(arm):
                pen.line(
                    f"M{200 + way * (out + 4)} {drop - 2}L{200 + way * (cuff - 6)} {drop + 18}",
                    pen.detail,
                    22,
                )
    body = (
        f"M156 56Q200 {84 if neck == 'crew' else 66} 244 56L272 70Q{196 + half} 120 "
        f"{200 + half} 168L{204 + half} {hem}Q200 {hem + 12} {196 - half} {hem}"
        f"L{200 - half} 168Q{204 - half} 120 128 70z"
    )
    pen.fill(body, pen.paint)
    with pen.clipped(body):
        kind = pen.choice(
            "print", ("picture", "picture", "emblem", "none", "band", "yoke", "pocket")
        )
        if kind == "band":
            y = pen.between("band", 130, 210)
            pen.box(60, y, 280, pen.between("band-h", 40, 80), pen.second)
            pen.box(60, y - 10, 280, 6, pen.detail)
        elif kind == "yoke":
            pen.box(60, 40, 280, pen.between("yoke", 76, 130), pen.second)
        elif kind == "pocket":
            pen.fill("M222 132H266V176L244 188L222 176z", pen.accent, "top")
        elif kind == "picture":
            r = pen.between("print-r", 44, 62)
            square = box_path(200 - r, 116, 2 * r, 2 * r, 6)
            shape = pen.choice("print-shape", (square, oval_path(200, 116 + r, r, r)))
            picture(pen, shape, 200 - r, 116, 2 * r)
        elif kind == "emblem":
            emblem(pen, 200, 178, pen.between("emblem-r", 34, 56), pen.accent)
        pen.fill("M150 300Q190 200 168 120Q206 220 176 340z", "#000010", None, 0.07)
        pen.fill("M250 330Q220 240 240 150Q262 240 262 330z", "#000010", None, 0.08)
    pen.fill(body, "none", "cloth")
    trim = pen.choice("trim", (pen.main, pen.accent, pen.detail))
    if neck == "crew":
        pen.line("M156 56Q200 98 244 56", darker(trim, 0.12), 11)
    elif neck == "vee":
        pen.fill("M158 54L200 118L242 54Q200 70 158 54z", darker(pen.main, 0.5))
        pen.line("M156 54L200 120L244 54", trim, 10)
    elif neck == "collar":
        pen.line(f"M200 92V{hem if pen.chance('buttoned', 0.6) else 160}", darker(pen.main, 0.3), 2)
        for index in range(6 if pen.chance("buttoned", 0.6) else 2):
            pen.oval(200, 108 + index * 38, 4.5, None, pen.detail, "round")
        pen.fill("M154 52L200 92L168 112L140 62z", trim, "top")
        pen.fill("M246 52L200 92L232 112L260 62z", trim, "top")
    else:
        pen.fill("M140 66Q150 14 200 14T260 66Q236 104 200 104T140 66z", trim, "soft")
        pen.fill("M166 66Q172 38 200 38T234 66Q222 90 200 90T166 66z", darker(pen.main, 0.5))
        pen.line("M182 92V136M218 92V130", "#f4f1e8", 3)


def dress(pen: Pen) -> None:
    waist = pen.between("waist", 146, 186)
    hem = pen.between("hem", 288, 362)
    flare = pen.between("flare", 54, 136)
    cinch = pen.between("cinch", 40, 54)
    straps = pen.choice("straps", ("thin", "wide", "sleeves", "halter"))
    if straps == "sleeves":
        for way in (-1, 1):
            pen.fill(
                f"M{200 + way * 40} 50Q{200 + way * 74} 50 {200 + way * 84} 84"
                f"L{200 + way * 92} 128L{200 + way * 58} 136L{200 + way * 52} 96z",
                pen.choice("arms", (pen.paint, pen.second)),
                "cloth",
            )
    shoulder = {"thin": 44, "wide": 52, "sleeves": 54, "halter": 30}[straps]
    if straps in ("thin", "halter"):
        for way in (-1, 1):
            inner = 200 + way * (12 if straps == "halter" else 40)
            pen.line(f"M{200 + way * 42} 88L{inner} 34", pen.main, 7)
        top = 84
    else:
        top = 48
    bodice = (
        f"M{200 - shoulder} {top}Q200 {top + pen.between('scoop', 16, 62)} {200 + shoulder} {top}"
        f"Q{200 + 50} 110 {200 + 54} 122L{200 + cinch} {waist}H{200 - cinch}L{200 - 54} 122"
        f"Q{200 - 50} 110 {200 - shoulder} {top}z"
    )
    skirt = (
        f"M{200 - cinch} {waist}C{200 - cinch - 8} {waist + 40} {200 - flare} {hem - 70} "
        f"{200 - flare} {hem}q{flare / 3} 12 {flare * 2 / 3} 2t{flare * 2 / 3} 0"
        f"t{flare * 2 / 3} -2C{200 + flare} {hem - 70} {200 + cinch + 8} {waist + 40} "
        f"{200 + cinch} {waist}z"
    )
    two = pen.chance("two-tone", 0.6)
    pen.fill(skirt, pen.paint, "cloth")
    with pen.clipped(skirt):
        for index in range(5):
            x = 200 + (index - 2) * flare * 0.4
            pen.fill(
                f"M{200 + (index - 2) * 12} {waist}L{x - 7} {hem + 16}L{x + 9} {hem + 16}z",
                "#000014",
                None,
                0.12,
            )
        if pen.chance("border", 0.4):
            pen.line(
                f"M{180 - flare} {hem - 6}Q200 {hem + 18} {220 + flare} {hem - 6}",
                pen.detail,
                pen.between("border-w", 14, 34),
            )
        if pen.chance("tier", 0.3):
            y = (waist + hem) / 2
            pen.line(f"M{180 - flare} {y}Q200 {y + 22} {220 + flare} {y}", darker(pen.main, 0.3), 4)
    pen.fill(bodice, pen.choice("bodice", (pen.accent, pen.second)) if two else pen.paint, "cloth")
    if pen.chance("belt", 0.55):
        pen.box(
            200 - cinch - 2,
            waist - 8,
            2 * cinch + 4,
            pen.between("belt-h", 10, 22),
            pen.choice("belt", (pen.detail, pen.accent, "#2b2420")),
            "cylinder",
            3,
        )


def cap(pen: Pen) -> None:
    crown = pen.between("crown", 92, 130)
    y = 268
    dome = (
        f"M84 {y}C78 {y - crown * 1.2} 132 {y - crown * 1.45} 190 {y - crown * 1.45}"
        f"S296 {y - crown} 288 {y}Q190 {y + 26} 84 {y}z"
    )
    pen.fill(dome, pen.paint)
    with pen.clipped(dome):
        if pen.chance("front", 0.45):
            pen.fill(
                f"M190 {y - crown * 2}Q180 {y - 40} 196 {y + 30}H320V0z",
                pen.choice("front-p", (pen.accent, pen.second)),
            )
        if pen.chance("band", 0.35):
            pen.line(f"M70 {y - 10}Q190 {y + 18} 300 {y - 10}", pen.detail, 22)
    pen.fill(dome, "none", "round")
    for x, bend in ((136, -34), (194, 4), (246, 36)):
        pen.seam(
            f"M{x} {y + 6}Q{x + bend * 0.2} {y - crown} 190 {y - crown * 1.42}",
            darker(pen.main, 0.5),
        )
    pen.oval(190, y - crown * 1.46, 9, 6, pen.accent, "round")
    emblem(
        pen,
        226,
        y - crown * 0.6,
        pen.between("emblem-r", 22, 36),
        pen.detail if pen.chance("front", 0.45) else pen.accent,
    )
    reach = pen.between("reach", 346, 384)
    pen.fill(
        f"M196 {y + 8}Q270 {y - 34} {reach} {y + 14}Q{reach + 4} {y + 34} {reach - 20} {y + 36}"
        f"Q280 {y + 8} 200 {y + 22}z",
        pen.choice("peak", (pen.main, pen.accent, pen.second)),
        "top",
    )


def sneaker(pen: Pen) -> None:
    collar = pen.between("collar", 128, 196)
    sole = pen.between("sole", 20, 40)
    base, toe = 336, pen.between("toe", 248, 272)
    y = base - sole
    upper = (
        f"M48 {y + 4}C36 {y - 50} 44 {collar + 50} 52 {collar}Q92 {collar + 26} 142 {collar - 8}"
        f"C166 {collar + 34} 206 {toe - 44} 262 {toe - 16}Q352 {toe - 4} 358 {y + 4}z"
    )
    sole_colour = pen.choice(
        "sole-colour", ("#f3f1ec", "#f3f1ec", pen.accent, "#8d5a33", "#222226")
    )
    pen.fill(
        f"M92 {collar + 8}Q110 {collar - 34} 148 {collar - 26}L196 {toe - 44}L140 {toe}z",
        pen.choice("tongue", (pen.detail, pen.accent)),
        "soft",
    )
    pen.fill(upper, pen.paint)
    with pen.clipped(upper):
        if pen.chance("toe-cap", 0.6):
            pen.fill(
                f"M290 {toe - 30}Q268 {y - 20} 276 {y + 10}H400V{toe - 40}z",
                pen.choice("cap", ("#f0eee8", pen.accent, darker(pen.main, 0.2))),
                "soft",
            )
        if pen.chance("heel", 0.6):
            pen.fill(
                f"M20 {collar - 20}H86Q66 {y - 30} 92 {y + 10}H20z",
                pen.choice("heel-paint", (pen.accent, pen.second)),
                "soft",
            )
        mark = pen.choice("mark", ("swoosh", "stripes", "star", "wave", "panel", "panel"))
        if mark == "swoosh":
            pen.fill(
                f"M96 {y - 46}Q130 {y + 6} 256 {toe - 2}Q140 {y - 22} 120 {y - 66}z", pen.accent
            )
        elif mark == "stripes":
            for index in range(pen.choice("stripes", (2, 3, 4))):
                x = 138 + index * 26
                pen.line(f"M{x + 28} {collar + 20}L{x} {y + 8}", pen.accent, 11)
        elif mark == "star":
            emblem(pen, 118, y - 48, 25, pen.accent)
        elif mark == "wave":
            pen.line(f"M60 {y - 34}q40 -34 80 -6t90 0t80 4", pen.accent, 12)
        elif mark == "panel":
            pen.fill(f"M96 {collar}L150 {y + 10}H240L190 {toe - 60}z", pen.second, "soft")
    pen.fill(upper, "none", "top")
    for index in range(pen.choice("laces", (4, 5, 6))):
        share = index / 5
        at, top = 152 + share * 74, collar + 8 + share * (toe - 30 - collar)
        pen.line(f"M{at - 14} {top + 18}L{at + 24} {top - 4}", "#fbfaf6", 6)
    pen.line(f"M52 {collar}Q92 {collar + 26} 142 {collar - 8}", darker(pen.main, 0.4), 7)
    pen.fill(
        f"M40 {y}Q200 {y + 10} 362 {y}Q372 {base - 8} 352 {base}H54Q34 {base} 40 {y}z",
        sole_colour,
        "top",
    )
    if pen.chance("sole-line", 0.5):
        pen.line(
            f"M44 {y + sole * 0.5}Q200 {y + sole * 0.5 + 8} 362 {y + sole * 0.5}", pen.accent, 4
        )
