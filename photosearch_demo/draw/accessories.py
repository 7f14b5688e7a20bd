"""Things to wear besides: watches, sunglasses, umbrellas."""

from photosearch_demo.draw.palette import darker, lighter
from photosearch_demo.draw.pen import Pen, oval_path


def watch(pen: Pen) -> None:
    half = pen.between("strap-w", 30, 46)
    case = pen.between("case", 68, 92)
    strap = pen.choice("strap", ("leather", "links", "woven"))
    colour = pen.choice("strap-colour", (pen.main, pen.paint, pen.paint, pen.second))
    if strap == "links":
        colour = pen.metal
    for way in (-1, 1):
        far = 200 + way * 186
        near = 200 + way * (case - 10)
        pen.fill(
            f"M{200 - half} {near}L{200 - half * 0.76} {far}Q200 {far + way * 14} "
            f"{200 + half * 0.76} {far}L{200 + half} {near}z",
            colour,
            "cylinder",
        )
        if strap == "links":
            for index in range(8):
                y = near + way * (10 + index * 14)
                pen.line(f"M{200 - half} {y}H{200 + half}", darker(colour, 0.5), 2)
        elif strap == "leather":
            for side in (-1, 1):
                pen.seam(
                    f"M{200 + side * half * 0.8} {near}L{200 + side * half * 0.62} {far}", "#f0e6d2"
                )
    square = pen.chance("square", 0.35)
    metal = pen.metal
    pen.box(200 + case - 6, 190, 20, 20, metal, "metal", 4)
    if square:
        pen.box(200 - case, 200 - case, 2 * case, 2 * case, metal, "metal", 24)
        pen.box(212 - case, 212 - case, 2 * case - 24, 2 * case - 24, _face(pen), "soft", 16)
    else:
        pen.oval(200, 200, case, None, metal, "metal")
        if pen.chance("bezel", 0.5):
            pen.oval(200, 200, case - 5, None, pen.accent, "soft")
        pen.oval(200, 200, case - 15, None, _face(pen), "soft")
    ink = "#f7f5ee" if _face(pen) in (pen.main, "#1d2026") else "#202126"
    marks = pen.choice("marks", ("bars", "dots", "digital", "dials"))
    reach = case - 24
    if marks == "digital":
        pen.box(200 - reach * 0.72, 176, reach * 1.44, 48, "#9fb39a", "inside", 5)
        for index, x in enumerate((-0.5, -0.2, 0.14, 0.44)):
            pen.line(f"M{200 + reach * x} 186v{10 + index * 3}m0 4v10", "#20261f", 5)
    else:
        for index in range(12):
            with pen.moved(f"rotate({index * 30} 200 200)"):
                if marks == "dots":
                    pen.oval(200, 204 - reach, 4, None, ink)
                else:
                    pen.line(f"M200 {202 - reach}v10", ink, 4 if index % 3 == 0 else 2)
        if marks == "dials":
            for x, y in ((-0.42, 0.1), (0.42, 0.1), (0, 0.5)):
                pen.oval(200 + reach * x, 200 + reach * y, reach * 0.24, None, pen.detail, "soft")
        for name, length, width in (("hour", 0.5, 6), ("minute", 0.8, 4)):
            with pen.moved(f"rotate({pen.between(name, 0, 360):.0f} 200 200)"):
                pen.line(f"M200 200V{200 - reach * length}", ink, width)
        with pen.moved(f"rotate({pen.between('second', 0, 360):.0f} 200 200)"):
            pen.line(f"M200 214V{200 - reach * 0.86}", pen.detail, 2)
    pen.fill(
        oval_path(200 - case * 0.2, 200 - case * 0.3, case * 0.5, case * 0.3), "#ffffff", None, 0.12
    )


def _face(pen: Pen) -> str:
    return pen.choice("face", ("#f6f3ea", "#1d2026", pen.main, pen.detail, pen.accent))


def sunglasses(pen: Pen) -> None:
    form = pen.choice("form", ("round", "square", "cat", "aviator", "heart"))
    wide = pen.between("wide", 64, 80)
    high = pen.between("high", 48, 68)
    tint = pen.choice("tint", ("#2b2b31", "#5b3f2a", "#31503c", "#33507a", "#7a3b5a", "#a0742a"))
    lens = pen.fade(darker(tint, 0.3), lighter(tint, pen.between("fade", 0.1, 0.6)))
    thick = pen.between("thick", 12, 30)
    frame = pen.choice("frame", (pen.paint, pen.paint, pen.metal, pen.second))
    arms = pen.choice("arms", (pen.main, pen.accent, pen.detail))
    for way in (-1, 1):
        pen.rod(
            f"M{200 + way * (wide * 2 + 12)} 176Q{200 + way * 196} 190 {200 + way * 176} 262",
            arms,
            11,
        )
    pen.rod(
        f"M{200 - 22} 186Q200 {168 + pen.between('bridge', -8, 14)} 222 186", pen.main, thick * 0.6
    )
    for way in (-1, 1):
        x, y = 200 + way * (wide + 14), 206
        path = {
            "round": oval_path(x, y, high * 1.05, high * 1.05),
            "square": f"M{x - wide} {y - high}H{x + wide}L{x + wide - 8} {y + high}"
            f"H{x - wide + 8}z",
            "cat": f"M{x - way * wide} {y - high * 0.5}Q{x} {y - high * 0.8} "
            f"{x + way * (wide + 14)} {y - high * 1.25}Q{x + way * wide} {y + high} {x} {y + high}"
            f"T{x - way * wide} {y - high * 0.5}z",
            "aviator": f"M{x - wide} {y - high}H{x + wide}C{x + wide + 6} {y + high} "
            f"{x + way * 30} {y + high * 1.3} {x} {y + high * 1.2}"
            f"C{x - wide * 0.9} {y + high} {x - wide} {y} {x - wide} {y - high}z",
            "heart": f"M{x} {y + high * 1.2}C{x - wide * 1.6} {y} {x - wide} {y - high * 1.4} {x} "
            f"{y - high * 0.6}C{x + wide} {y - high * 1.4} {x + wide * 1.6} {y} {x} "
            f"{y + high * 1.2}z",
        }[form]
        pen.fill(path, lens)
        with pen.clipped(path):
            pen.line(
                f"M{x - wide} {y + high}L{x + wide * 0.3} {y - high * 1.4}", "#ffffff", 16, 0.22
            )
        pen.line(path, darker(pen.main, 0.2), thick)
        pen.line(path, frame, thick * 0.76)
    if pen.chance("bar", 0.3):
        pen.rod("M130 146H270", pen.accent, thick * 0.5)


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
