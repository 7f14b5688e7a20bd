"""Colours with the names that a seller would write in a title.

A listing has a main colour, an accent that stands out against it and a detail colour. They
are drawn from one small palette, because a shop's goods share their colours: what tells two
mugs apart has to be their pattern and shape as well.
"""

import colorsys
from functools import cache
from random import Random

COLOURS = {
    "white": "#f2efe9",
    "cream": "#ead9b5",
    "black": "#26262a",
    "charcoal": "#4b4f57",
    "silver": "#b9bec4",
    "red": "#c8262f",
    "cherry": "#8f1631",
    "coral": "#ef6f5c",
    "orange": "#ea7a1e",
    "amber": "#e9a820",
    "yellow": "#f1d02f",
    "lime": "#9bc53d",
    "green": "#3a8f4b",
    "forest": "#1f5138",
    "olive": "#75743a",
    "mint": "#9ed8bf",
    "teal": "#177f83",
    "turquoise": "#37b9c4",
    "sky blue": "#7fbfe6",
    "blue": "#2a62bd",
    "navy": "#1f2c58",
    "lavender": "#b3a1db",
    "purple": "#6c3a95",
    "magenta": "#bf2f86",
    "pink": "#f1a6bd",
    "brown": "#744527",
    "tan": "#c0935f",
}

WOODS = {
    "oak": "#c49a62",
    "walnut": "#6b4529",
    "beech": "#d8b588",
    "cherry wood": "#94482b",
    "ebony": "#33271f",
    "white lacquer": "#e9e6df",
}

METALS = {
    "steel": "#aab1b8",
    "brass": "#c9a24a",
    "copper": "#bd7349",
    "black iron": "#35373b",
    "gold": "#dcb550",
}


def _channels(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue


def luminance(colour: str) -> float:
    """Perceived lightness of ``#rrggbb``, 0 to 1."""
    red, green, blue = _channels(colour)
    return 0.299 * red + 0.587 * green + 0.114 * blue


def mix(colour: str, other: str, share: float) -> str:
    """``colour`` with ``share`` (0 to 1) of ``other``."""
    pairs = zip(_channels(colour), _channels(other), strict=True)
    return "#" + "".join(f"{round(255 * (a + (b - a) * share)):02x}" for a, b in pairs)


def darker(colour: str, share: float = 0.3) -> str:
    return mix(colour, "#000000", share)


def lighter(colour: str, share: float = 0.3) -> str:
    return mix(colour, "#ffffff", share)


@cache  # a printed picture asks for some hundred pairs of the same few colours
def hue_gap(colour: str, other: str) -> float:
    """How far two colours are apart to the eye, roughly 0 to 1.5."""
    a, b = _channels(colour), _channels(other)
    hue_a, _, sat_a = colorsys.rgb_to_hls(*a)
    hue_b, _, sat_b = colorsys.rgb_to_hls(*b)
    turn = abs(hue_a - hue_b)
    turn = min(turn, 1 - turn) * 2 * min(sat_a, sat_b)
    return turn + abs(luminance(colour) - luminance(other))


def scheme(rng: Random) -> tuple[str, str, str]:
    """Names of a main colour, an accent that stands out against it, and a detail colour."""
    names = list(COLOURS)
    main = rng.choice(names)
    clear = [n for n in names if hue_gap(COLOURS[n], COLOURS[main]) > 0.38]
    accent = rng.choice(clear)
    rest = [n for n in names if n not in (main, accent)]
    clear = [n for n in rest if hue_gap(COLOURS[n], COLOURS[main]) > 0.3] or rest
    return main, accent, rng.choice(clear)
