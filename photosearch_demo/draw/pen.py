"""A small drawing kit over SVG: shapes with paint and light.

Form comes from light laid over paint: every shape is filled twice, with its colour or
pattern and then with a translucent gradient (``cylinder``, ``round``, ``cloth`` …). One
set of lights for all categories is what makes the pictures look like one shop's.

The sheet is 400 × 400 units; things that stand, stand on y = 350.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from photosearch_demo.draw.design import Design
from photosearch_demo.draw.palette import METALS, WOODS, darker, lighter, mix
from photosearch_demo.draw.patterns import PATTERNS, tile

SIDE = 400
Stops = tuple[tuple[float, str, float], ...]
Colours = list[str]  # of a printed picture: ground, three figures, detail

_BLACK, _WHITE = "#000014", "#ffffff"
LIGHTS: dict[str, tuple[str, Stops]] = {
    "cylinder": (
        '<linearGradient id="{}" x1="0" y1="0" x2="1" y2="0">',
        (
            (0, _BLACK, 0.42),
            (0.12, _BLACK, 0.14),
            (0.27, _WHITE, 0.42),
            (0.4, _WHITE, 0.1),
            (0.62, _BLACK, 0.06),
            (0.9, _BLACK, 0.42),
            (1, _BLACK, 0.3),
        ),
    ),
    "round": (
        '<radialGradient id="{}" cx=".36" cy=".3" r=".8">',
        (
            (0, _WHITE, 0.6),
            (0.22, _WHITE, 0.22),
            (0.5, _BLACK, 0.0),
            (0.85, _BLACK, 0.34),
            (1, _BLACK, 0.46),
        ),
    ),
    "soft": (
        '<radialGradient id="{}" cx=".42" cy=".32" r=".85">',
        ((0, _WHITE, 0.3), (0.45, _WHITE, 0.02), (0.75, _BLACK, 0.14), (1, _BLACK, 0.34)),
    ),
    "cloth": (
        '<linearGradient id="{}" x1="0" y1="0" x2="1" y2=".25">',
        (
            (0, _BLACK, 0.2),
            (0.2, _WHITE, 0.14),
            (0.36, _BLACK, 0.08),
            (0.52, _WHITE, 0.14),
            (0.72, _BLACK, 0.1),
            (0.85, _WHITE, 0.04),
            (1, _BLACK, 0.28),
        ),
    ),
    "top": (
        '<linearGradient id="{}" x1="0" y1="0" x2="0" y2="1">',
        ((0, _WHITE, 0.34), (0.3, _WHITE, 0.05), (0.7, _BLACK, 0.1), (1, _BLACK, 0.36)),
    ),
    "metal": (
        '<linearGradient id="{}" x1="0" y1="0" x2=".9" y2="1">',
        (
            (0, _WHITE, 0.5),
            (0.22, _BLACK, 0.12),
            (0.4, _WHITE, 0.45),
            (0.55, _BLACK, 0.05),
            (0.8, _BLACK, 0.4),
            (1, _WHITE, 0.12),
        ),
    ),
    "glow": (
        '<radialGradient id="{}">',
        ((0, "#fff3c0", 0.85), (0.5, "#fff0b0", 0.35), (1, "#fff0b0", 0)),
    ),
    "inside": (
        '<linearGradient id="{}" x1="0" y1="0" x2="1" y2=".3">',
        ((0, _BLACK, 0.62), (0.55, _BLACK, 0.36), (1, _BLACK, 0.08)),
    ),
}


def _stops(stops: Stops) -> str:
    return "".join(
        f'<stop offset="{at}" stop-color="{colour}" stop-opacity="{opacity}"/>'
        for at, colour, opacity in stops
    )


_LIGHT_DEFS = "".join(
    f"{head.format(f'light-{name}')}{_stops(stops)}</{head[1 : head.index(' ')]}>"
    for name, (head, stops) in LIGHTS.items()
)


class Pen:
    """Draws one design.

    ``paint`` is its patterned fill and ``second`` another, for a part of its own; colours are
    ``#rrggbb``.
    """

    def __init__(self, design: Design, patterns: tuple[str, ...] = tuple(PATTERNS)) -> None:
        self.design = design
        self.main, self.accent, self.detail = design.colours
        self.wood = WOODS[design.wood]
        self.metal = METALS[design.metal]
        self.between, self.choice, self.chance = design.between, design.choice, design.chance
        self.pattern = design.choice("pattern", patterns)
        self._defs: list[str] = []
        self._parts: list[str] = []
        self._names = 0
        self.paint = self.patterned(self.pattern, self.main, self.accent, self.detail)
        other = design.choice("second-pattern", tuple(p for p in PATTERNS if p != self.pattern))
        self.second = self.patterned(other, self.detail, self.main, self.accent)

    def patterned(self, pattern: str, ground: str, figure: str, third: str) -> str:
        """A fill of the named pattern in three colours; its scale and turn are the design's."""
        if pattern == "plain":
            return ground
        name = self._name()
        scale = self.between(f"{pattern}-scale", 0.75, 1.7)
        self._defs.append(tile(pattern, name, scale, ground, figure, third))
        return f"url(#{name})"

    def fade(self, top: str, bottom: str, horizontal: bool = False) -> str:
        """A fill that goes from one colour to another."""
        name = self._name()
        end = 'x2="1" y2="0"' if horizontal else 'x2="0" y2="1"'
        stops = _stops(((0, top, 1), (1, bottom, 1)))
        self._defs.append(
            f'<linearGradient id="{name}" x1="0" y1="0" {end}>{stops}</linearGradient>'
        )
        return f"url(#{name})"

    def grain(self, colour: str) -> str:
        """A fill of wood: bands of the colour's own shades."""
        name = self._name()
        dark, light = darker(colour, 0.14), lighter(colour, 0.1)
        lines = "".join(
            f'<path d="M0 {y} q30 {bend} 60 0 t60 0" stroke="{shade}" stroke-width="{width}" '
            f'fill="none"/>'
            for y, bend, shade, width in (
                (3, 2, dark, 1.4),
                (9, -3, light, 2.2),
                (14, 3, dark, 0.8),
                (19, 1, mix(colour, dark, 0.5), 2.5),
                (25, -2, dark, 1.1),
            )
        )
        turn = self.choice("grain", (0, 90, 86, 4))
        self._defs.append(
            f'<pattern id="{name}" width="120" height="28" patternUnits="userSpaceOnUse" '
            f'patternTransform="rotate({turn})"><rect width="120" height="28" fill="{colour}"/>'
            f"{lines}</pattern>"
        )
        return f"url(#{name})"

    def fill(self, path: str, paint: str, light: str | None = None, opacity: float = 1) -> None:
        """Fill a path with paint, then with a light of :data:`LIGHTS`."""
        self._parts.append(f'<path d="{path}" fill="{paint}" fill-opacity="{opacity:.2f}"/>')
        if light:
            self._parts.append(f'<path d="{path}" fill="url(#light-{light})"/>')

    def line(self, path: str, colour: str, width: float, opacity: float = 1) -> None:
        """Stroke a path with round ends."""
        self._parts.append(
            f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width:.2f}" '
            f'stroke-linecap="round" stroke-linejoin="round" stroke-opacity="{opacity:.2f}"/>'
        )

    def rod(self, path: str, colour: str, width: float) -> None:
        """A stroke that looks like a bar: dark below, a thin light along its middle."""
        self.line(path, darker(colour, 0.35), width)
        self.line(path, colour, width * 0.68)
        self.line(path, lighter(colour, 0.5), width * 0.22, 0.8)

    def seam(self, path: str, colour: str, width: float = 1.4) -> None:
        """A dashed line of stitches."""
        self._parts.append(
            f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width}" '
            f'stroke-dasharray="5 3.4" stroke-opacity=".75"/>'
        )

    def oval(
        self,
        x: float,
        y: float,
        rx: float,
        ry: float | None,
        paint: str,
        light: str | None = None,
        opacity: float = 1,
    ) -> None:
        """An ellipse about (x, y); a circle when ``ry`` is None."""
        self.fill(oval_path(x, y, rx, rx if ry is None else ry), paint, light, opacity)

    def ring(self, x: float, y: float, rx: float, ry: float, colour: str, width: float) -> None:
        self.line(oval_path(x, y, rx, ry), colour, width)

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        paint: str,
        light: str | None = None,
        radius: float = 0,
    ) -> None:
        self.fill(box_path(x, y, width, height, radius), paint, light)

    @contextmanager
    def clipped(self, path: str) -> Iterator[None]:
        """What is drawn inside shows only within the path."""
        name = self._name()
        self._defs.append(f'<clipPath id="{name}"><path d="{path}"/></clipPath>')
        self._parts.append(f'<g clip-path="url(#{name})">')
        yield
        self._parts.append("</g>")

    @contextmanager
    def moved(self, transform: str) -> Iterator[None]:
        """What is drawn inside is moved by an SVG transform."""
        self._parts.append(f'<g transform="{transform}">')
        yield
        self._parts.append("</g>")

    def svg(
        self, size: tuple[int, int], transform: str = "", sheet: tuple[float, float] = (SIDE, SIDE)
    ) -> str:
        """The drawing as SVG of ``size`` pixels, on a transparent ground.

        ``sheet`` is the stretch of units it shows from (0, 0), ``transform`` an SVG transform
        of the drawing on it.
        """
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{size[0]}" height="{size[1]}" '
            f'viewBox="0 0 {sheet[0]:g} {sheet[1]:g}" preserveAspectRatio="none">'
            f"<defs>{_LIGHT_DEFS}{''.join(self._defs)}</defs>"
            f'<g transform="{transform}">{"".join(self._parts)}</g></svg>'
        )

    def _name(self) -> str:
        self._names += 1
        return f"n{self._names}"


def oval_path(x: float, y: float, rx: float, ry: float) -> str:
    return f"M{x - rx} {y}a{rx} {ry} 0 1 0 {2 * rx} 0a{rx} {ry} 0 1 0 {-2 * rx} 0z"


def box_path(x: float, y: float, width: float, height: float, radius: float = 0) -> str:
    r = min(radius, width / 2, height / 2)
    return (
        f"M{x + r} {y}h{width - 2 * r}q{r} 0 {r} {r}v{height - 2 * r}q0 {r} {-r} {r}"
        f"h{-(width - 2 * r)}q{-r} 0 {-r} {-r}v{-(height - 2 * r)}q0 {-r} {r} {-r}z"
    )
