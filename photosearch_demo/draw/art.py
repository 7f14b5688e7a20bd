"""Printed pictures: what is on a poster, a plate, a book's cover, the front of a shirt.

Two goods of one kind and colour are told apart by what is printed on them, in a shop as by a
network. Each picture is a composition of a few bold shapes in the design's own five colours.
"""

from photosearch_demo.draw import creatures, scenes
from photosearch_demo.draw.palette import COLOURS, hue_gap
from photosearch_demo.draw.pen import Pen

# Their order decides which design gets which: new ones come last.
COMPOSITIONS = (
    scenes.sunset,
    scenes.bauhaus,
    creatures.portrait,
    creatures.creature,
    creatures.blossoms,
    scenes.city,
    scenes.boat,
    creatures.fruit,
    creatures.butterfly,
    scenes.arches,
    scenes.mandala,
    creatures.bird,
    scenes.forest,
    scenes.sky,
    scenes.rays,
    creatures.fish,
    scenes.lighthouse,
    scenes.lettering,
    creatures.whale,
    scenes.balloon,
    creatures.mushrooms,
    scenes.desert,
    creatures.penguin,
)


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
