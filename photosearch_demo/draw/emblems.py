"""Printed emblems: the logo on a mug, a shirt, a bag."""

from math import cos, pi, sin

from photosearch_demo.draw.pen import Pen

# Paths about the origin, about two units high and wide.
_PATHS = {
    "heart": "M0 .9C-1.5 -.1 -.9 -1.1 -.3 -.8Q0 -.65 0 -.35Q0 -.65 .3 -.8C.9 -1.1 1.5 -.1 0 .9z",
    "bolt": "M.25 -1L-.6 .15H-.05L-.3 1L.65 -.25H.1z",
    "moon": "M.3 -.95A1 1 0 1 0 .95 .3A.8 .8 0 0 1 .3 -.95z",
    "mountain": "M-1 .7L-.25 -.6L.1 0L.4 -.4L1 .7z",
    "leaf": "M-.8 .8Q-1 -.8 .9 -.9Q.9 .7 -.5 .55L-.8 .95z",
    "drop": "M0 -1C.9 .1 .8 .9 0 .95C-.8 .9 -.9 .1 0 -1z",
    "wave": "M-1 .5Q-.6 -.9 0 -.2Q.5 .3 1 -.5Q.9 .8 .2 .75Q-.4 .7 -.5 .3Q-.7 .3 -1 .5z",
    "cat": "M-.8 -.9L-.3 -.5H.3L.8 -.9V.3Q.7 .9 0 .9Q-.7 .9 -.8 .3z",
    "fish": "M-1 0Q-.2 -.9 .5 0L1 -.5V.5L.5 0Q-.2 .9 -1 0z",
    "tree": "M0 -1L.7 .1H.35L.8 .65H.15V1H-.15V.65H-.8L-.35 .1H-.7z",
    "house": "M0 -.95L1 -.05H.7V.85H-.7V-.05H-1z",
    "crown": "M-.9 .7V-.6L-.4 0L0 -.8L.4 0L.9 -.6V.7z",
    "arrow": "M-1 .25V-.25H.2V-.75L1 0L.2 .75V.25z",
    "cup": "M-.9 -.7H.9Q.8 .4 .2 .5V.7H.6V.9H-.6V.7H-.2V.5Q-.8 .4 -.9 -.7z",
    "hill": "M-1 .6Q-.6 -.6 0 .1Q.4 -.7 1 .6z",
    "cross": "M-.3 -1H.3V-.3H1V.3H.3V1H-.3V.3H-1V-.3H-.3z",
}
_DRAWN = ("star", "sun", "ring", "smile", "target", "bars", "letter")


def emblem(pen: Pen, x: float, y: float, size: float, colour: str) -> None:
    """Print the design's emblem at (x, y), about ``2 * size`` units wide."""
    kind = pen.choice("emblem-kind", (*_PATHS, *_DRAWN))
    if pen.chance("badge", 0.35):
        pen.oval(x, y, size * 1.12, None, pen.detail)
        size *= 0.72
    with pen.moved(f"translate({x:.1f} {y:.1f}) scale({size:.2f})"):
        if kind in _PATHS:
            pen.fill(_PATHS[kind], colour)
            if kind == "cat":
                pen.oval(-0.33, 0.05, 0.13, None, pen.main)
                pen.oval(0.33, 0.05, 0.13, None, pen.main)
        elif kind == "star":
            pen.fill(star_path(pen.choice("points", (5, 6, 8)), 1, 0.45), colour)
        elif kind == "sun":
            pen.fill(star_path(14, 1, 0.7), colour)
            pen.oval(0, 0, 0.45, None, pen.detail)
        elif kind == "ring":
            pen.ring(0, 0, 0.75, 0.75, colour, 0.34)
        elif kind == "smile":
            pen.oval(0, 0, 1, None, colour)
            pen.oval(-0.35, -0.25, 0.14, None, pen.main)
            pen.oval(0.35, -0.25, 0.14, None, pen.main)
            pen.line("M-.5 .25Q0 .8 .5 .25", pen.main, 0.16)
        elif kind == "target":
            for radius, shade in ((1, colour), (0.68, pen.main), (0.36, colour)):
                pen.oval(0, 0, radius, None, shade)
        elif kind == "bars":
            for row, width in enumerate((1, 0.6, 0.85)):
                pen.box(-1, -0.8 + row * 0.6, 2 * width, 0.36, colour)
        else:
            letter = pen.choice("letter", ("A", "E", "H", "K", "N", "S", "T", "X", "Z"))
            pen.line(_LETTERS[letter], colour, 0.36)


_LETTERS = {
    "A": "M-.6 .8L0 -.8L.6 .8M-.35 .25H.35",
    "E": "M.5 -.8H-.5V.8H.5M-.5 0H.35",
    "H": "M-.55 -.8V.8M.55 -.8V.8M-.55 0H.55",
    "K": "M-.5 -.8V.8M.55 -.8L-.5 .1M-.15 -.15L.6 .8",
    "N": "M-.55 .8V-.8L.55 .8V-.8",
    "S": "M.5 -.6Q0 -1 -.45 -.6Q-.7 -.1 0 0Q.7 .15 .45 .6Q0 1 -.5 .6",
    "T": "M-.7 -.8H.7M0 -.8V.8",
    "X": "M-.6 -.8L.6 .8M.6 -.8L-.6 .8",
    "Z": "M-.6 -.8H.6L-.6 .8H.6",
}


def star_path(points: int, outer: float, inner: float, x: float = 0, y: float = 0) -> str:
    """A star about (x, y) with its first point up."""
    corners = []
    for index in range(2 * points):
        radius = outer if index % 2 == 0 else inner
        angle = pi * index / points - pi / 2
        corners.append(f"{x + radius * cos(angle):.3f} {y + radius * sin(angle):.3f}")
    return "M" + "L".join(corners) + "z"
