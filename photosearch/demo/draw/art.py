"""Printed pictures: what is on a poster, a plate, a book's cover, the front of a shirt.

Two goods of one kind and colour are told apart by what is printed on them, in a shop as by a
network. Each picture is a composition of a few bold shapes in the design's own five colours.
"""

from collections.abc import Callable
from math import cos, pi, sin
from random import Random

from photosearch.demo.draw.emblems import star_path
from photosearch.demo.draw.palette import COLOURS, darker, hue_gap, lighter
from photosearch.demo.draw.pen import Pen

Colours = list[str]


def picture(pen: Pen, clip: str, x: float, y: float, side: float, height: float = 0) -> None:
    """Print the design's picture into ``clip``; it covers (x, y, side, height or side)."""
    rng = pen.design.random("picture")
    compose = rng.choice(COMPOSITIONS)
    names = list(COLOURS.values())
    first = rng.choice(names)
    colours = [first]
    while len(colours) < 5:
        clear = [c for c in names if all(hue_gap(c, other) > 0.2 for other in colours)]
        colours.append(rng.choice(clear or names))
    tall = (height or side) / side
    with (
        pen.clipped(clip),
        pen.moved(f"translate({x:.1f} {y:.1f}) scale({side / 100:.4f} {side * tall / 100:.4f})"),
    ):
        compose(pen, rng, colours)


def _sunset(pen: Pen, rng: Random, c: Colours) -> None:
    pen.box(0, 0, 100, 100, pen.fade(c[0], c[1]))
    pen.oval(rng.uniform(25, 75), rng.uniform(26, 50), rng.uniform(14, 24), None, c[2])
    for index in range(3):
        y = 56 + index * 14
        a, b = rng.uniform(-26, 10), rng.uniform(-26, 16)
        shade = darker(c[3 + index % 2], 0.18 * index)
        pen.fill(f"M-2 {y}C25 {y + a} 45 {y + b} 60 {y}S90 {y + a} 102 {y + b / 2}V102H-2z", shade)


def _bauhaus(pen: Pen, rng: Random, c: Colours) -> None:
    cells = rng.choice((2, 3, 4))
    s = 100 / cells
    for row in range(cells):
        for column in range(cells):
            x, y = column * s, row * s
            ground, figure = rng.sample(c, 2)
            pen.box(x, y, s + 0.5, s + 0.5, ground)
            form = rng.choice(("circle", "quarter", "half", "triangle", "ring", "bars"))
            if form == "circle":
                pen.oval(x + s / 2, y + s / 2, s * 0.36, None, figure)
            elif form == "quarter":
                pen.fill(f"M{x} {y}H{x + s}A{s} {s} 0 0 1 {x} {y + s}z", figure)
            elif form == "half":
                pen.fill(f"M{x} {y + s}A{s / 2} {s / 2} 0 0 1 {x + s} {y + s}z", figure)
            elif form == "triangle":
                pen.fill(f"M{x} {y + s}L{x + s} {y + s}L{x + s} {y}z", figure)
            elif form == "ring":
                pen.ring(x + s / 2, y + s / 2, s * 0.3, s * 0.3, figure, s * 0.16)
            else:
                for bar in range(3):
                    pen.box(x, y + s * (0.1 + bar * 0.32), s, s * 0.16, figure)


def _portrait(pen: Pen, rng: Random, c: Colours) -> None:
    pen.box(0, 0, 100, 100, c[0])
    pen.oval(50, 44, 36, None, c[1])
    skin = rng.choice(("#f1c9a5", "#c98d62", "#8a5a3b", "#e7b48a"))
    hair = rng.choice(("#2b1d16", "#7a4322", "#d9a441", c[4]))
    if rng.random() < 0.6:
        pen.fill("M28 40Q26 12 50 12T72 40L76 78H24z", hair)
    pen.fill("M10 102Q14 72 42 70H58Q86 72 90 102z", c[2])
    pen.box(43, 56, 14, 20, darker(skin, 0.12))
    pen.oval(50, 44, 17, 21, skin)
    pen.fill(
        f"M32 42Q34 {rng.uniform(14, 22)} 52 20T68 42Q60 {rng.uniform(24, 34)} 46 32T32 42z", hair
    )
    for x in (43, 57):
        pen.oval(x, 45, 2.2, None, "#231a18")
    pen.line("M44 55Q50 60 56 55", "#a63a3a", 2.4)
    if rng.random() < 0.5:
        for x in (42, 58):
            pen.ring(x, 45, 7, 7, c[3], 2)


def _creature(pen: Pen, rng: Random, c: Colours) -> None:
    pen.box(0, 0, 100, 100, c[0])
    ears = rng.choice(("cat", "bear", "rabbit", "owl"))
    for way in (-1, 1):
        x = 50 + way * 20
        if ears == "cat":
            pen.fill(f"M{x - 13} 40L{x + way * 8} 8L{x + 13} 40z", c[1])
        elif ears == "rabbit":
            pen.oval(x - way * 6, 22, 8, 24, c[1])
            pen.oval(x - way * 6, 22, 4, 17, c[2])
        else:
            pen.oval(x + way * 6, 30, 13, None, c[1])
    pen.oval(50, 58, 34, 30, c[1], "soft")
    pen.oval(50, 68, 16, 12, c[2])
    size = rng.uniform(4, 11)
    for way in (-1, 1):
        pen.oval(50 + way * 15, 52, size, None, "#fdfbf4")
        pen.oval(50 + way * 15, 52, size * 0.55, None, "#1d1a1c")
        pen.line(f"M{50 + way * 12} 70l{way * 24} {rng.uniform(-5, 5)}", c[3], 1.4)
    pen.fill("M45 62H55L50 69z", c[4])


def _blossoms(pen: Pen, rng: Random, c: Colours) -> None:
    pen.box(0, 0, 100, 100, c[0])
    for index in range(rng.choice((1, 3, 5))):
        x, y = 50 + (index % 3 - 1) * 30, 40 + index // 3 * 30 + rng.uniform(-8, 8)
        pen.line(f"M{x} {y}Q{x + 6} {y + 30} {x - 2} 102", "#3d7a45", 3)
        petals, long = rng.choice((5, 6, 8, 12)), rng.uniform(13, 26)
        for petal in range(petals):
            with pen.moved(f"rotate({petal * 360 / petals:.1f} {x} {y})"):
                pen.oval(x, y - long * 0.6, long * 0.3, long * 0.6, c[1 + index % 3])
        pen.oval(x, y, long * 0.34, None, c[4])


def _city(pen: Pen, rng: Random, c: Colours) -> None:
    pen.box(0, 0, 100, 100, pen.fade(c[0], lighter(c[0], 0.5)))
    pen.oval(rng.uniform(15, 85), 20, 9, None, c[4])
    x = -2.0
    while x < 100:
        width, top = rng.uniform(12, 26), rng.uniform(22, 66)
        shade = rng.choice(c[1:4])
        pen.box(x, top, width, 102 - top, shade)
        if rng.random() < 0.4:
            pen.fill(f"M{x} {top}L{x + width / 2} {top - 14}L{x + width} {top}z", darker(shade))
        for row in range(int((92 - top) / 10)):
            for column in range(int(width / 7)):
                if rng.random() < 0.8:
                    pen.box(x + 2 + column * 7, top + 4 + row * 10, 3.6, 5, lighter(c[4], 0.3))
        x += width


def _boat(pen: Pen, rng: Random, c: Colours) -> None:
    pen.box(0, 0, 100, 100, lighter(c[0], 0.4))
    x = rng.uniform(38, 62)
    pen.line(f"M{x} 12V72", "#5b3a22", 2)
    pen.fill(f"M{x + 2} 14Q{x + 34} 40 {x + 30} 64H{x + 2}z", c[1])
    pen.fill(f"M{x - 2} 22L{x - 26} 64H{x - 2}z", c[2])
    pen.fill(f"M{x - 32} 70H{x + 36}L{x + 24} 86H{x - 22}z", c[3])
    for index in range(3):
        pen.line(f"M-4 {80 + index * 9}q9 -8 18 0t18 0t18 0t18 0t18 0t18 0", darker(c[0], 0.2), 5)


def _fruit(pen: Pen, rng: Random, c: Colours) -> None:
    pen.box(0, 0, 100, 100, c[0])
    pen.box(0, 72, 100, 30, c[3])
    kind = rng.choice(("pear", "apple", "cherries", "lemon", "melon"))
    if kind == "cherries":
        for x in (34, 66):
            pen.line(f"M{x} 66Q50 40 56 14", "#4c6b2c", 2.5)
            pen.oval(x, 70, 18, None, c[1], "round")
        pen.fill("M56 14q26 -6 32 12q-22 6 -32 -12z", "#4f8a3a")
    elif kind == "melon":
        pen.fill("M10 40A42 42 0 0 0 90 40z", c[1])
        pen.fill("M18 40A34 34 0 0 0 82 40z", c[2])
        for x in (32, 44, 56, 68):
            pen.oval(x, 52 + (x % 3) * 3, 2.2, 3.4, "#231a18")
    else:
        path = {
            "pear": "M50 16C64 16 62 40 72 54C84 74 70 90 50 90S16 74 28 54C38 40 36 16 50 16z",
            "apple": "M50 34C66 20 90 32 84 60C80 84 62 92 50 86C38 92 20 84 16 60C10 32 34 20 50 "
            "34z",
            "lemon": "M12 54Q30 26 52 28T90 50Q72 82 50 80T12 54z",
        }[kind]
        pen.fill(path, c[1], "round")
        pen.line("M50 30Q50 18 56 10", "#5b3a22", 3)
        pen.fill("M54 18q20 -14 32 0q-18 12 -32 0z", "#4f8a3a")


def _blobs(pen: Pen, rng: Random, c: Colours) -> None:
    pen.box(0, 0, 100, 100, c[0])
    for index in range(rng.choice((4, 5, 7))):
        x, y, size = rng.uniform(5, 95), rng.uniform(5, 95), rng.uniform(14, 34)
        points = []
        for corner in range(6):
            reach = size * rng.uniform(0.6, 1.3)
            points.append((x + reach * cos(corner * pi / 3), y + reach * sin(corner * pi / 3)))
        middle = [
            ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2)
            for a, b in zip(points, [*points[1:], points[0]], strict=True)
        ]
        path = f"M{middle[-1][0]:.1f} {middle[-1][1]:.1f}" + "".join(
            f"Q{p[0]:.1f} {p[1]:.1f} {m[0]:.1f} {m[1]:.1f}"
            for p, m in zip(points, middle, strict=True)
        )
        pen.fill(path + "z", c[1 + index % 4])
    pen.line(
        f"M{rng.uniform(0, 40)} 90Q{rng.uniform(10, 90)} 20 {rng.uniform(60, 100)} 30", c[4], 2
    )


def _panes(pen: Pen, rng: Random, c: Colours) -> None:
    xs = [0, *sorted(rng.sample(range(12, 90, 9), 3)), 100]
    ys = [0, *sorted(rng.sample(range(12, 90, 9), 3)), 100]
    for row in range(4):
        for column in range(4):
            shade = rng.choice(("#f6f2e8", "#f6f2e8", *c[:4]))
            pen.box(xs[column], ys[row], xs[column + 1] - xs[column], ys[row + 1] - ys[row], shade)
    lines = "".join(f"M{x} 0V100" for x in xs[1:4]) + "".join(f"M0 {y}H100" for y in ys[1:4])
    pen.line(lines, rng.choice(("#1d1a1c", c[4])), rng.uniform(2, 5))


def _arches(pen: Pen, rng: Random, c: Colours) -> None:
    pen.box(0, 0, 100, 100, c[0])
    x, low = rng.choice((30, 50, 70)), rng.choice((70, 86, 100))
    for index in range(5):
        reach = 58 - index * 11
        pen.fill(f"M{x - reach} {low}A{reach} {reach} 0 0 1 {x + reach} {low}z", c[1 + index % 4])
    pen.box(0, low, 100, 40, c[rng.choice((0, 4))])


def _mandala(pen: Pen, rng: Random, c: Colours) -> None:
    pen.box(0, 0, 100, 100, c[0])
    petals = rng.choice((6, 8, 10, 12))
    for ring, reach in enumerate((48, 36, 24, 13)):
        form = rng.choice(("petal", "star", "dots"))
        shade = c[1 + ring % 4]
        if form == "star":
            pen.fill(star_path(petals, reach, reach * 0.68, 50, 50), shade)
            continue
        for index in range(petals):
            with pen.moved(f"rotate({index * 360 / petals:.1f} 50 50)"):
                if form == "petal":
                    pen.oval(50, 50 - reach * 0.62, reach * 0.22, reach * 0.4, shade)
                else:
                    pen.oval(50, 50 - reach * 0.85, reach * 0.15, None, shade)
    pen.oval(50, 50, 6, None, c[4])


def _bird(pen: Pen, rng: Random, c: Colours) -> None:
    pen.box(0, 0, 100, 100, c[0])
    for _ in range(5):
        x, y = rng.uniform(0, 100), rng.uniform(0, 100)
        pen.fill(f"M{x} {y}q14 -16 26 -4q-12 14 -26 4z", c[3])
    pen.line("M-2 84Q50 74 102 86", "#5b3a22", 4)
    pen.fill("M20 62Q8 84 2 92L34 76z", c[4])
    pen.fill("M18 64C20 36 44 24 60 30C76 18 92 32 84 46C82 74 50 88 30 74z", c[1], "soft")
    pen.fill("M28 60Q46 38 66 52Q56 76 30 72z", c[2])
    pen.fill("M84 36l14 3l-13 6z", "#e9a820")
    pen.oval(76, 36, 3.2, None, "#1d1a1c")
    pen.line("M46 80v8M56 78v8", "#e9a820", 2)


def _forest(pen: Pen, rng: Random, c: Colours) -> None:
    pen.box(0, 0, 100, 100, pen.fade(c[0], lighter(c[1], 0.4)))
    pen.box(0, 82, 100, 20, darker(c[2], 0.3))
    for index in range(rng.choice((3, 5, 8))):
        x, high = rng.uniform(5, 95), rng.uniform(34, 70)
        shade = c[2 + index % 3]
        pen.box(x - 2, 76, 4, 12, "#4a2f1d")
        if index % 2:
            pen.oval(x, 78 - high * 0.5, high * 0.3, high * 0.42, shade)
            continue
        for step in range(3):
            y, wide = 80 - high + step * high * 0.3, 7 + step * 5
            pen.fill(f"M{x} {y - 6}L{x + wide} {y + high * 0.32}H{x - wide}z", shade)


def _sky(pen: Pen, rng: Random, c: Colours) -> None:
    pen.box(0, 0, 100, 100, darker(c[0], 0.5))
    for _ in range(26):
        pen.oval(rng.uniform(0, 100), rng.uniform(0, 100), rng.uniform(0.5, 1.6), None, "#fdf8e4")
    for index in range(rng.choice((1, 2, 3))):
        x, y, size = rng.uniform(20, 80), rng.uniform(20, 80), rng.uniform(10, 30) / (1 + index / 2)
        pen.oval(x, y, size, None, c[1 + index], "round")
        if rng.random() < 0.6:
            pen.line(
                f"M{x - size * 1.7} {y + size * 0.5}Q{x} {y + size} {x + size * 1.7} "
                f"{y - size * 0.5}",
                c[4],
                size * 0.16,
            )
    if rng.random() < 0.5:
        pen.fill("M46 60L50 28L58 60L64 72H40z", "#f1ede4")
        pen.fill("M45 72H59L52 92z", "#ef8a3c")


def _rays(pen: Pen, rng: Random, c: Colours) -> None:
    pen.box(0, 0, 100, 100, c[0])
    x, y = rng.choice(((50, 50), (50, 100), (0, 100), (100, 0)))
    count = rng.choice((8, 12, 18, 24))
    for index in range(count):
        a, b = 2 * pi * index / count, 2 * pi * (index + 0.5) / count
        pen.fill(
            f"M{x} {y}L{x + 150 * cos(a):.1f} {y + 150 * sin(a):.1f}L{x + 150 * cos(b):.1f} "
            f"{y + 150 * sin(b):.1f}z",
            c[1],
        )
    pen.oval(x, y, rng.uniform(14, 36), None, c[2])
    pen.oval(x, y, rng.uniform(5, 13), None, c[3])


def _fish(pen: Pen, rng: Random, c: Colours) -> None:
    pen.box(0, 0, 100, 100, c[0])
    rows = rng.choice((1, 1, 2, 3))
    for row in range(rows):
        with pen.moved(f"translate({row % 2 * 14} {row * 100 / rows}) scale({1 / rows:.3f})"):
            pen.fill("M70 50L96 26V74z", c[2])
            pen.fill("M6 50Q34 14 76 50Q34 86 6 50z", c[1], "soft")
            pen.fill("M36 34Q50 10 60 38z", c[2])
            for x in (36, 46, 56):
                pen.line(f"M{x} 34Q{x + 8} 50 {x} 66", c[3], 4)
            pen.oval(20, 45, 4.5, None, "#fdfbf4")
            pen.oval(20, 45, 2.4, None, "#1d1a1c")


def _lighthouse(pen: Pen, rng: Random, c: Colours) -> None:
    pen.box(0, 0, 100, 100, pen.fade(c[0], lighter(c[0], 0.6)))
    x = rng.uniform(30, 70)
    pen.fill(f"M{x} 26L-40 4V34zM{x} 26L140 8V40z", "#fff3b8", None, 0.5)
    pen.fill(f"M{x - 9} 34H{x + 9}L{x + 15} 84H{x - 15}z", "#f4f1ea")
    with pen.clipped(f"M{x - 9} 34H{x + 9}L{x + 15} 84H{x - 15}z"):
        for y in (40, 58, 76):
            pen.box(0, y, 100, 9, c[1])
    pen.box(x - 7, 20, 14, 14, c[4])
    pen.fill(f"M{x - 10} 20L{x} 10L{x + 10} 20z", c[1])
    pen.fill(f"M{x - 46} 102Q{x - 20} 74 {x + 16} 82T{x + 60} 102z", darker(c[2], 0.3))


def _type(pen: Pen, rng: Random, c: Colours) -> None:
    """Bold blocks and bars, as a poster of a concert has them."""
    pen.box(0, 0, 100, 100, c[0])
    for row in range(rng.choice((3, 4, 5))):
        x, y = 8.0, 10 + row * 19
        while x < 88:
            width = rng.uniform(6, 22)
            form = rng.choice(("bar", "disc", "wedge"))
            shade = c[1 + rng.randrange(4)]
            if form == "bar":
                pen.box(x, y, width, 14, shade)
            elif form == "disc":
                pen.oval(x + 7, y + 7, 7, None, shade)
                width = 14
            else:
                pen.fill(f"M{x} {y + 14}L{x + width / 2} {y}L{x + width} {y + 14}z", shade)
            x += width + 3


COMPOSITIONS: tuple[Callable[[Pen, Random, Colours], None], ...] = (
    *(_sunset, _bauhaus, _portrait, _creature, _blossoms, _city, _boat, _fruit, _blobs, _panes),
    *(_arches, _mandala, _bird, _forest, _sky, _rays, _fish, _lighthouse, _type, _bauhaus),
)
