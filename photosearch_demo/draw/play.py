"""Things to play with: kites and balls."""

from math import cos, pi, sin

from photosearch_demo.draw.art import picture
from photosearch_demo.draw.emblems import emblem, star_path
from photosearch_demo.draw.palette import darker
from photosearch_demo.draw.pen import Pen, oval_path


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
