"""Things of the table and the shelf: mugs, teapots, vases, bottles, bowls."""

from photosearch_demo.draw.art import picture
from photosearch_demo.draw.emblems import emblem
from photosearch_demo.draw.palette import darker, lighter
from photosearch_demo.draw.pen import Pen, box_path, oval_path


def mug(pen: Pen) -> None:
    half = pen.between("half", 78, 108)
    top = pen.between("top", 110, 180)
    taper = pen.between("taper", 0, 26) * (1 if pen.chance("tapers", 0.6) else 0)
    belly = pen.between("belly", 0, 22) * (1 if pen.chance("bellied", 0.4) else 0)
    x, base = 182, 344
    left, right = x - half, x + half
    low = base - 10
    body = (
        f"M{left} {top}C{left - belly} {top + 90} {left + taper - belly} {low - 60} "
        f"{left + taper} {low}Q{x} {base + 18} {right - taper} {low}"
        f"C{right - taper + belly} {low - 60} {right + belly} {top + 90} {right} {top}z"
    )
    grip = pen.choice("grip", ("round", "angular", "ear", "low"))
    reach = right + pen.between("reach", 50, 72)
    handle = {
        "round": f"M{right - 6} {top + 42}C{reach} {top + 20} {reach} {low - 30} "
        f"{right - taper - 4} {low - 52}",
        "angular": f"M{right - 6} {top + 40}H{reach - 12}V{low - 56}H{right - taper - 4}",
        "ear": f"M{right - 6} {top + 34}C{reach + 22} {top + 20} {reach - 6} {top + 120} "
        f"{right - taper - 4} {low - 50}",
        "low": f"M{right - 6} {top + 70}C{reach} {top + 60} {reach} {low - 20} "
        f"{right - taper - 4} {low - 30}",
    }[grip]
    colour = pen.choice("handle", (pen.main, pen.accent, pen.main))
    pen.rod(handle, colour, pen.between("thick", 17, 25))
    pen.fill(body, pen.paint)
    with pen.clipped(body):
        dress = pen.choice("dress", ("picture", "picture", "foot", "band", "badge", "none"))
        if dress == "picture":
            picture(pen, body, left - 10, top, 2 * half + 20, base - top + 10)
        elif dress == "foot":
            pen.box(left - 20, base - (base - top) * 0.4, 2 * half + 40, 140, pen.second)
        elif dress == "band":
            pen.box(left - 30, top + 44, 2 * half + 60, (base - top) * 0.42, pen.second)
        elif dress == "badge" or pen.pattern == "plain":
            emblem(pen, x, (top + base) / 2 + 8, half * 0.56, pen.accent)
    pen.fill(body, "none", "cylinder")
    inner = pen.choice("inner", (pen.accent, lighter(pen.main, 0.5), "#f4f1ea"))
    pen.oval(x, top, half, 20, lighter(pen.main, 0.35))
    pen.oval(x, top + 1, half - 7, 15, inner, "inside")
    if pen.chance("filled", 0.35):
        with pen.clipped(oval_path(x, top + 1, half - 7, 15)):
            pen.oval(x, top + 9, half - 10, 14, "#4a2b18", "top")


def teapot(pen: Pen) -> None:
    rx = pen.between("rx", 92, 118)
    ry = pen.between("ry", 68, 98)
    x, y = 200, 342 - ry
    squat = pen.choice("shape", ("round", "cone", "barrel"))
    if squat == "round":
        body = oval_path(x, y, rx, ry)
    elif squat == "cone":
        body = (
            f"M{x - 48} {y - ry}C{x - 70} {y} {x - rx} {y + 30} {x - rx} {y + ry - 12}"
            f"Q{x} {y + ry + 14} {x + rx} {y + ry - 12}C{x + rx} {y + 30} {x + 70} {y} "
            f"{x + 48} {y - ry}z"
        )
    else:
        body = (
            f"M{x - 70} {y - ry}Q{x - rx - 14} {y} {x - 76} {y + ry}Q{x} {y + ry + 14} "
            f"{x + 76} {y + ry}Q{x + rx + 14} {y} {x + 70} {y - ry}z"
        )
    side = 62 if squat == "cone" else rx - 12
    grip = pen.choice("grip", ("side", "over", "square"))
    trim = pen.choice("trim", (pen.accent, pen.main, pen.metal))
    if grip == "over":
        pen.rod(
            f"M{x - 70} {y - ry + 26}C{x - 80} {y - ry - 118} {x + 80} {y - ry - 118} "
            f"{x + 70} {y - ry + 26}",
            trim,
            13,
        )
    elif grip == "side":
        pen.rod(
            f"M{x + side} {y - 34}C{x + rx + 82} {y - 70} {x + rx + 60} {y + 60} "
            f"{x + side + 4} {y + 36}",
            trim,
            17,
        )
    else:
        pen.rod(f"M{x + side} {y - 30}H{x + rx + 48}V{y + 40}H{x + side}", trim, 15)
    spout = pen.choice("spout", ("swan", "stub"))
    if spout == "swan":
        path = (
            f"M{x - side + 30} {y + 34}C{x - rx - 34} {y + 40} {x - rx - 30} {y - 20} "
            f"{x - rx - 66} {y - 52}L{x - rx - 44} {y - 64}C{x - rx - 2} {y - 40} "
            f"{x - rx - 10} {y - 14} {x - side + 14} {y - 14}z"
        )
    else:
        path = (
            f"M{x - side + 10} {y + 20}L{x - rx - 50} {y - 44}L{x - rx - 30} {y - 58}"
            f"L{x - side + 24} {y - 30}z"
        )
    pen.fill(path, pen.main, "top")
    pen.fill(body, pen.paint)
    with pen.clipped(body):
        if pen.pattern == "plain" and pen.chance("emblem", 0.6):
            emblem(pen, x, y + 12, ry * 0.5, pen.accent)
        if pen.chance("band", 0.4):
            pen.box(0, y - 18, 400, ry * 0.7, pen.second)
    pen.fill(body, "none", "round")
    lid = 50 if squat == "cone" else 60
    pen.fill(
        f"M{x - lid} {y - ry + 10}Q{x} {y - ry - 46} {x + lid} {y - ry + 10}"
        f"Q{x} {y - ry + 26} {x - lid} {y - ry + 10}z",
        pen.choice("lid", (pen.main, pen.accent, pen.paint)),
        "top",
    )
    pen.oval(x, y - ry - 24, pen.between("knob", 9, 16), None, trim, "round")


def vase(pen: Pen) -> None:
    top = pen.between("top", 70, 150) if not pen.chance("stems", 0.45) else 175
    neck = pen.between("neck", 18, 52)
    lip = neck + pen.between("lip", 2, 24)
    belly = pen.between("belly", 62, 112)
    foot = pen.between("foot", 30, 62)
    at = pen.between("at", 0.35, 0.75)
    x, base = 200, 346
    middle = top + (base - top) * at
    if pen.chance("stems", 0.45):
        _stems(pen, x, top, neck)
    half = (
        f"{x - lip} {top}C{x - neck} {top + 20} {x - neck} {top + 30} {x - neck} {top + 42}"
        f"C{x - neck} {middle - 40} {x - belly} {middle - 50} {x - belly} {middle}"
        f"C{x - belly} {middle + 50} {x - foot} {base - 40} {x - foot} {base - 4}"
    )
    body = (
        f"M{half}Q{x} {base + 12} {x + foot} {base - 4}"
        f"C{x + foot} {base - 40} {x + belly} {middle + 50} {x + belly} {middle}"
        f"C{x + belly} {middle - 50} {x + neck} {middle - 40} {x + neck} {top + 42}"
        f"C{x + neck} {top + 30} {x + neck} {top + 20} {x + lip} {top}z"
    )
    if pen.pattern == "plain":
        paint = pen.choice("glaze", (pen.main, pen.fade(pen.main, pen.accent)))
    else:
        paint = pen.paint
    pen.fill(body, paint)
    with pen.clipped(body):
        if pen.chance("glazed", 0.4):
            drip = top + pen.between("drip", 50, 120)
            pen.fill(
                f"M0 0H400V{drip}q-14 34 -30 0t-30 10t-26 -8t-34 16t-30 -14t-28 12t-32 -6"
                f"t-30 -8t-34 14t-30 -12t-40 10t-40 -4z",
                pen.detail,
            )
        if pen.chance("belt", 0.6):
            pen.box(0, middle - 26, 400, 56, pen.second)
            pen.box(0, middle - 32, 400, 4, pen.detail)
            pen.box(0, middle + 32, 400, 4, pen.detail)
    pen.fill(body, "none", "cylinder")
    pen.oval(x, top, lip, 8, lighter(pen.main, 0.2))
    pen.oval(x, top + 1, lip - 6, 5, darker(pen.main, 0.4), "inside")


def _stems(pen: Pen, x: float, top: float, neck: float) -> None:
    petals = pen.choice("petals", ("#e8566f", "#f4c542", "#f3f0ea", "#9a6fd0", "#ef8a3c"))
    for index, lean in enumerate((-70, -28, 14, 58)):
        tip = top - pen.between(f"stem{index}", 60, 130)
        pen.line(
            f"M{x + lean * neck / 160} {top + 6}Q{x + lean * 0.3} {tip + 50} {x + lean} {tip}",
            "#4c7a3d",
            4,
        )
        pen.fill(
            f"M{x + lean * 0.5} {tip + 46}q{lean * 0.5} -26 {lean * 0.8} -6"
            f"q{-lean * 0.3} 16 {-lean * 0.8} 6z",
            "#5d9148",
            "cloth",
        )
        size = pen.between(f"bloom{index}", 15, 25)
        for turn in range(6):
            with pen.moved(f"rotate({turn * 60} {x + lean} {tip})"):
                pen.oval(x + lean, tip - size * 0.7, size * 0.45, size * 0.7, petals, "soft")
        pen.oval(x + lean, tip, size * 0.36, None, "#7a4a1e", "round")


def bottle(pen: Pen) -> None:
    half = pen.between("half", 62, 92)
    shoulder = pen.between("shoulder", 120, 180)
    neck = pen.between("neck", 18, 30)
    x, base, top = 200, 348, pen.between("top", 62, 92)
    body = (
        f"M{x - neck} {top}V{shoulder - 46}C{x - neck} {shoulder - 10} {x - half} {shoulder - 10} "
        f"{x - half} {shoulder + 24}V{base - 12}Q{x - half} {base} {x - half + 14} {base}"
        f"H{x + half - 14}Q{x + half} {base} {x + half} {base - 12}V{shoulder + 24}"
        f"C{x + half} {shoulder - 10} {x + neck} {shoulder - 10} {x + neck} {shoulder - 46}V{top}z"
    )
    pen.fill(body, pen.paint if pen.chance("all-over", 0.5) else pen.main)
    with pen.clipped(body):
        kind = pen.choice("label", ("band", "badge", "low", "picture", "picture"))
        if kind == "band":
            pen.box(0, shoulder + 30, 400, pen.between("label-h", 60, 110), pen.second)
        elif kind == "picture":
            label = box_path(x - half, shoulder + 18, 2 * half, 112)
            picture(pen, label, x - half, shoulder + 18, 2 * half, 112)
        elif kind == "badge":
            emblem(pen, x, shoulder + 84, half * 0.66, pen.accent)
        elif kind == "low":
            pen.box(0, base - 90, 400, 100, pen.second)
    pen.fill(body, "none", "cylinder")
    cap = pen.choice("cap", (pen.metal, pen.accent, pen.detail, "#303136"))
    if pen.chance("loop", 0.4):
        pen.rod(
            f"M{x - neck} {top - 6}C{x - neck - 16} {top - 54} {x + neck + 16} {top - 54} "
            f"{x + neck} {top - 6}",
            cap,
            10,
        )
    pen.box(x - neck - 6, top - 26, 2 * neck + 12, 40, cap, "cylinder", 6)


def bowl(pen: Pen) -> None:
    x, half = 200, pen.between("half", 118, 156)
    top = pen.between("top", 188, 226)
    foot = pen.between("foot", 40, 64)
    body = (
        f"M{x - half} {top}C{x - half + 6} {top + 90} {x - foot - 40} 332 {x - foot} 338"
        f"L{x - foot} 348Q{x} 356 {x + foot} 348L{x + foot} 338"
        f"C{x + foot + 40} 332 {x + half - 6} {top + 90} {x + half} {top}z"
    )
    pen.fill(body, pen.paint)
    with pen.clipped(body):
        if pen.chance("rim", 0.5):
            pen.box(0, top, 400, 70, pen.second)
    pen.fill(body, "none", "cylinder")
    pen.oval(x, top, half, 34, lighter(pen.main, 0.3))
    inner = pen.choice("inner", ("#f5f2ec", pen.accent, lighter(pen.main, 0.4)))
    pen.oval(x, top + 1, half - 8, 28, inner, "inside")
    fruit = pen.choice("fruit", ("none", "none", "#d83a34", "#f09a26", "#8ab83c"))
    if fruit != "none":
        for index, (dx, dy) in enumerate(((-66, -8), (62, -10), (-24, -24), (26, -26), (0, -4))):
            size = pen.between(f"fruit{index}", 29, 38)
            pen.oval(x + dx, top + dy, size, None, fruit, "round")
            pen.line(f"M{x + dx} {top + dy - size * 0.8}q2 -8 6 -11", "#5b3b1f", 3)
        with pen.clipped(f"M0 {top}H400V400H0z"):
            arc = f"M{x - half} {top}A{half} 34 0 0 0 {x + half} {top}"
            pen.fill(
                arc + f"C{x + half} {top + 46} {x - half} {top + 46} {x - half} {top}z",
                pen.detail if pen.chance("rim", 0.5) else pen.main,
                "cylinder",
            )
