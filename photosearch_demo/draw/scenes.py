"""Printed pictures of places and of plain shapes."""

from math import cos, pi, sin
from random import Random

from photosearch_demo.draw.emblems import star_path
from photosearch_demo.draw.palette import darker, lighter
from photosearch_demo.draw.pen import Colours, Pen


def sunset(pen: Pen, rng: Random, c: Colours) -> None:
    pen.box(0, 0, 100, 100, pen.fade(c[0], c[1]))
    pen.oval(rng.uniform(25, 75), rng.uniform(26, 50), rng.uniform(14, 24), None, c[2])
    for index in range(3):
        y = 56 + index * 14
        a, b = rng.uniform(-26, 10), rng.uniform(-26, 16)
        shade = darker(c[3 + index % 2], 0.18 * index)
        pen.fill(f"M-2 {y}C25 {y + a} 45 {y + b} 60 {y}S90 {y + a} 102 {y + b / 2}V102H-2z", shade)


def bauhaus(pen: Pen, rng: Random, c: Colours) -> None:
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


def city(pen: Pen, rng: Random, c: Colours) -> None:
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


def boat(pen: Pen, rng: Random, c: Colours) -> None:
    pen.box(0, 0, 100, 100, lighter(c[0], 0.4))
    x = rng.uniform(38, 62)
    pen.line(f"M{x} 12V72", "#5b3a22", 2)
    pen.fill(f"M{x + 2} 14Q{x + 34} 40 {x + 30} 64H{x + 2}z", c[1])
    pen.fill(f"M{x - 2} 22L{x - 26} 64H{x - 2}z", c[2])
    pen.fill(f"M{x - 32} 70H{x + 36}L{x + 24} 86H{x - 22}z", c[3])
    for index in range(3):
        pen.line(f"M-4 {80 + index * 9}q9 -8 18 0t18 0t18 0t18 0t18 0t18 0", darker(c[0], 0.2), 5)


def arches(pen: Pen, rng: Random, c: Colours) -> None:
    pen.box(0, 0, 100, 100, c[0])
    x, low = rng.choice((30, 50, 70)), rng.choice((70, 86, 100))
    for index in range(5):
        reach = 58 - index * 11
        pen.fill(f"M{x - reach} {low}A{reach} {reach} 0 0 1 {x + reach} {low}z", c[1 + index % 4])
    pen.box(0, low, 100, 40, c[rng.choice((0, 4))])


def mandala(pen: Pen, rng: Random, c: Colours) -> None:
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


def forest(pen: Pen, rng: Random, c: Colours) -> None:
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


def sky(pen: Pen, rng: Random, c: Colours) -> None:
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


def rays(pen: Pen, rng: Random, c: Colours) -> None:
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


def lighthouse(pen: Pen, rng: Random, c: Colours) -> None:
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


def lettering(pen: Pen, rng: Random, c: Colours) -> None:
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


def balloon(pen: Pen, rng: Random, c: Colours) -> None:
    pen.box(0, 0, 100, 100, pen.fade(c[0], lighter(c[0], 0.7)))
    for _ in range(3):
        x, y = rng.uniform(5, 90), rng.uniform(10, 90)
        pen.oval(x, y, 12, 4, "#ffffff", None, 0.7)
        pen.oval(x + 6, y - 4, 8, 4, "#ffffff", None, 0.7)
    hull = "M50 8C84 8 86 44 60 70H40C14 44 16 8 50 8z"
    pen.fill(hull, c[1])
    with pen.clipped(hull):
        if rng.random() < 0.5:
            for x in (26, 46, 66):
                pen.box(x, 0, 9, 80, c[2])
        else:
            pen.line("M10 30L26 44L42 30L58 44L74 30L90 44", c[2], 8)
            pen.line("M10 52L26 62L42 52L58 62L74 52L90 62", c[3], 5)
    pen.fill(hull, "none", "round")
    pen.line("M42 70L45 82M58 70L55 82", "#4a2f1d", 1.4)
    pen.box(43, 82, 14, 11, "#8a5a33", "top", 2)


def desert(pen: Pen, rng: Random, c: Colours) -> None:
    pen.box(0, 0, 100, 100, pen.fade(c[0], c[1]))
    pen.oval(rng.uniform(15, 85), 24, 12, None, c[2])
    pen.fill("M-2 78Q30 70 60 76T102 72V102H-2z", c[3])
    for x, high in ((rng.uniform(20, 45), 62), (rng.uniform(60, 85), 40)):
        green = darker(c[4], 0.25)
        pen.line(f"M{x} 88V{88 - high}", green, 12)
        pen.line(f"M{x} {88 - high * 0.4}h-15v{-high * 0.25}", green, 8)
        pen.line(f"M{x} {88 - high * 0.55}h15v{-high * 0.25}", green, 8)
        for dx in (-2.5, 2.5):
            pen.line(f"M{x + dx} 86V{90 - high}", lighter(green, 0.4), 0.8)
