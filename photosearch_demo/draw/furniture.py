"""Things that stand in a room: chairs, sofas, tables."""

from photosearch_demo.draw.palette import darker
from photosearch_demo.draw.pen import Pen


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
