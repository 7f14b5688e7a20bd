"""Printed pictures of what lives: animals, people, flowers, fruit."""

from random import Random

from photosearch_demo.draw.palette import darker, lighter
from photosearch_demo.draw.pen import Colours, Pen


def portrait(pen: Pen, rng: Random, c: Colours) -> None:
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


def creature(pen: Pen, rng: Random, c: Colours) -> None:
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


def blossoms(pen: Pen, rng: Random, c: Colours) -> None:
    pen.box(0, 0, 100, 100, c[0])
    for index in range(rng.choice((1, 3, 5))):
        x, y = 50 + (index % 3 - 1) * 30, 40 + index // 3 * 30 + rng.uniform(-8, 8)
        pen.line(f"M{x} {y}Q{x + 6} {y + 30} {x - 2} 102", "#3d7a45", 3)
        petals, long = rng.choice((5, 6, 8, 12)), rng.uniform(13, 26)
        for petal in range(petals):
            with pen.moved(f"rotate({petal * 360 / petals:.1f} {x} {y})"):
                pen.oval(x, y - long * 0.6, long * 0.3, long * 0.6, c[1 + index % 3])
        pen.oval(x, y, long * 0.34, None, c[4])


def fruit(pen: Pen, rng: Random, c: Colours) -> None:
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


def butterfly(pen: Pen, rng: Random, c: Colours) -> None:
    pen.box(0, 0, 100, 100, c[0])
    spread, spots = rng.uniform(34, 44), rng.choice((0, 1, 2, 3))
    for way in (-1, 1):
        tip = 50 + way * spread
        pen.fill(
            f"M50 48C{50 + way * 12} 8 {tip + way * 6} 4 {tip} 30Q{tip} 52 50 54z", c[1], "soft"
        )
        pen.fill(f"M50 54Q{tip - way * 4} 54 {tip - way * 10} 78Q{50 + way * 10} 100 50 60z", c[2])
        for spot in range(spots):
            pen.oval(50 + way * (14 + spot * 9), 36 - spot * 5, 4 + spot, None, c[3])
        pen.line(f"M50 34Q{50 + way * 6} 20 {50 + way * 14} 14", "#231a18", 1.6)
    pen.oval(50, 54, 4, 24, "#231a18")


def bird(pen: Pen, rng: Random, c: Colours) -> None:
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


def fish(pen: Pen, rng: Random, c: Colours) -> None:
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


def whale(pen: Pen, rng: Random, c: Colours) -> None:
    pen.box(0, 0, 100, 100, lighter(c[0], 0.45))
    pen.fill(
        "M6 56Q10 26 46 28T84 58Q92 54 94 36Q102 44 96 60Q90 74 78 76Q20 92 6 56z", c[1], "soft"
    )
    pen.fill("M8 62Q30 76 66 72Q40 88 20 78z", lighter(c[1], 0.6))
    pen.oval(24, 52, 3, None, "#1d1a1c")
    for lean in (-12, 0, 12):
        pen.line(f"M40 26Q{40 + lean * 0.3} 14 {40 + lean} {rng.uniform(4, 10)}", c[2], 3)
    for y in (84, 93):
        pen.line(f"M-4 {y}q9 -7 18 0t18 0t18 0t18 0t18 0t18 0", c[3], 4)


def mushrooms(pen: Pen, rng: Random, c: Colours) -> None:
    pen.box(0, 0, 100, 100, c[0])
    pen.fill("M-2 84Q30 74 60 82T102 80V102H-2z", c[3])
    for x, y, size in ((36, 84, 1.0), (72, 88, 0.66))[: rng.choice((1, 2))]:
        wide = rng.uniform(28, 38) * size
        pen.fill(
            f"M{x - 8 * size} {y}Q{x - 4 * size} {y - 30 * size} {x - 7 * size} "
            f"{y - 44 * size}H{x + 7 * size}Q{x + 4 * size} {y - 30 * size} {x + 8 * size} {y}z",
            "#f3ead6",
            "cylinder",
        )
        cap = (
            f"M{x - wide} {y - 40 * size}Q{x - wide * 0.7} {y - 84 * size} {x} {y - 84 * size}"
            f"T{x + wide} {y - 40 * size}Q{x} {y - 30 * size} {x - wide} {y - 40 * size}z"
        )
        pen.fill(cap, c[1], "soft")
        with pen.clipped(cap):
            for dx, dy in ((-0.5, 52), (0.1, 70), (0.5, 54), (-0.1, 46)):
                pen.oval(x + dx * wide, y - dy * size, 6 * size, None, c[2])


def penguin(pen: Pen, rng: Random, c: Colours) -> None:
    pen.box(0, 0, 100, 100, c[0])
    pen.box(0, 82, 100, 20, "#f3f4f2")
    for x in (36, 64):
        pen.oval(x, 90, 11, 5, c[2])
        pen.fill(f"M{x} 44Q{x + (x - 50) * 1.6} 60 {x + (x - 50) * 1.1} 76L{x} 70z", "#23262e")
    pen.oval(50, 56, 25, 36, "#23262e", "soft")
    pen.oval(50, 64, 17, 25, "#f7f5ee")
    for x in (42, 58):
        pen.oval(x, 36, 6, None, "#f7f5ee")
        pen.oval(x, 36, 2.6, None, "#1d1a1c")
    pen.fill("M44 42H56L50 50z", c[2])
    wear = rng.choice(("scarf", "hat", "bow"))
    if wear == "scarf":
        pen.line("M30 52Q50 62 70 52", c[1], 9)
        pen.line("M64 54L70 80", c[1], 9)
    elif wear == "hat":
        pen.fill("M30 26Q32 2 50 2T70 26z", c[1])
        pen.line("M28 27H72", c[3], 8)
    else:
        pen.fill("M50 56L34 48V64zM50 56L66 48V64z", c[1])
