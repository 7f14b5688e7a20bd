"""The kinds of goods: how each is drawn, called, priced and photographed.

``patterns`` repeats what is common: a shop has more plain sofas than zigzag ones. ``pose``
says what the photographer does: things stand on a surface, lie flat seen from above, or hang
before a wall.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from photosearch_demo.draw import (
    accessories,
    bags,
    clothes,
    furniture,
    gadgets,
    kitchen,
    play,
    prints,
    room,
    wheels,
)
from photosearch_demo.draw.design import Design
from photosearch_demo.draw.patterns import PATTERNS
from photosearch_demo.draw.pen import Pen

Pose = Literal["stands", "lies", "hangs"]


@dataclass(frozen=True)
class Ware:
    """One category.

    ``low`` and ``high`` bound its prices; ``words`` end its titles; ``share`` says how much
    of the shop it is beside the others.
    """

    name: str
    draw: Callable[[Pen], None]
    pose: Pose
    low: float
    high: float
    words: tuple[str, ...]
    patterns: tuple[str, ...] = PATTERNS
    share: int = 2

    def drawn(self, seed: int) -> Pen:
        """One of its products, drawn."""
        pen = Pen(Design(self.name, seed), self.patterns)
        self.draw(pen)
        return pen

    def title(self, seed: int) -> str:
        """What a seller would write above it."""
        design = Design(self.name, seed)
        pattern = Pen(design, self.patterns).pattern
        first = "" if pattern == "plain" else f"{pattern} "
        made = design.choice("word", self.words)
        text = f"{first}{made} in {design.main} and {design.accent}"
        return text[0].upper() + text[1:]

    def price(self, seed: int) -> float:
        """A price that looks like one: 24.90 or 24.00."""
        design = Design(self.name, seed)
        amount = self.low * (self.high / self.low) ** design.between("price", 0, 1)
        whole = max(1, round(amount))
        return whole - 0.1 if design.chance("odd", 0.6) else float(whole)


_HARD = (
    *("plain",) * 2,
    *("striped", "hooped", "dotted", "checked", "chevron", "diagonal", "terrazzo", "wavy"),
    *("triangular", "diamond", "starred", "zigzag", "bubbled"),
)
_FINE = (*PATTERNS, "plain")

KINDS: tuple[Ware, ...] = (
    Ware(
        "mugs",
        kitchen.mug,
        "stands",
        6,
        28,
        ("stoneware mug", "coffee mug", "ceramic mug"),
        share=3,
    ),
    Ware("teapots", kitchen.teapot, "stands", 18, 85, ("teapot", "porcelain teapot"), share=3),
    Ware("vases", kitchen.vase, "stands", 15, 140, ("vase", "glazed vase", "hand-thrown vase")),
    Ware(
        "bottles",
        kitchen.bottle,
        "stands",
        9,
        38,
        ("water bottle", "steel bottle", "flask"),
    ),
    Ware("bowls", kitchen.bowl, "stands", 8, 60, ("bowl", "salad bowl", "fruit bowl"), share=3),
    Ware("chairs", furniture.chair, "stands", 35, 290, ("chair", "kitchen chair"), _FINE, share=1),
    Ware(
        "sofas",
        furniture.sofa,
        "stands",
        190,
        1900,
        ("sofa", "velvet sofa", "couch"),
        _FINE,
        share=3,
    ),
    Ware("lamps", room.lamp, "stands", 22, 240, ("lamp", "table lamp", "reading lamp"), share=1),
    Ware("clocks", room.clock, "hangs", 14, 120, ("wall clock", "kitchen clock"), _FINE, share=3),
    Ware(
        "tables",
        furniture.table,
        "stands",
        60,
        640,
        ("table", "side table", "desk"),
        _FINE,
        share=1,
    ),
    Ware("plants", room.plant, "stands", 9, 75, ("potted plant", "house plant in a pot"), share=1),
    Ware(
        "shirts", clothes.shirt, "lies", 12, 70, ("shirt", "cotton top", "jersey"), _FINE, share=3
    ),
    Ware("dresses", clothes.dress, "lies", 25, 180, ("dress", "summer dress"), _FINE),
    Ware("sneakers", clothes.sneaker, "stands", 35, 190, ("sneakers", "high-tops"), _FINE),
    Ware("handbags", bags.handbag, "stands", 30, 420, ("handbag", "tote bag"), _FINE, share=3),
    Ware("backpacks", bags.backpack, "stands", 25, 160, ("backpack", "rucksack"), _FINE, share=3),
    Ware("caps", clothes.cap, "lies", 10, 45, ("cap", "baseball cap"), share=3),
    Ware("watches", accessories.watch, "lies", 40, 900, ("watch", "wristwatch")),
    Ware("sunglasses", accessories.sunglasses, "lies", 12, 190, ("sunglasses",), share=1),
    Ware("cameras", gadgets.camera, "stands", 60, 980, ("film camera", "camera"), _HARD, share=1),
    Ware(
        "headphones",
        gadgets.headphones,
        "hangs",
        25,
        320,
        ("headphones", "headset"),
        _HARD,
        share=3,
    ),
    Ware("guitars", gadgets.guitar, "hangs", 80, 1400, ("guitar",), _HARD, share=1),
    Ware("radios", gadgets.radio, "stands", 20, 210, ("radio", "kitchen radio"), _HARD),
    Ware("books", gadgets.book, "lies", 4, 45, ("notebook", "clothbound book", "diary"), share=3),
    Ware(
        "bicycles",
        wheels.bicycle,
        "stands",
        120,
        1600,
        ("bicycle", "city bike"),
        ("plain",),
        share=1,
    ),
    Ware("umbrellas", accessories.umbrella, "hangs", 10, 60, ("umbrella",)),
    Ware("kites", play.kite, "hangs", 9, 65, ("kite",), share=1),
    Ware("toy cars", wheels.toy_car, "stands", 4, 48, ("toy car", "model car"), _HARD, share=3),
    Ware("skateboards", wheels.skateboard, "lies", 30, 150, ("skateboard", "deck"), _FINE, share=1),
    Ware("balls", play.ball, "stands", 5, 40, ("ball", "play ball"), share=1),
    Ware(
        "suitcases",
        bags.suitcase,
        "stands",
        40,
        330,
        ("suitcase", "cabin case"),
        _FINE,
    ),
    Ware("lanterns", room.lantern, "stands", 12, 90, ("lantern", "garden lantern"), share=1),
    Ware("posters", prints.poster, "hangs", 8, 90, ("framed print", "poster"), share=3),
    Ware("plates", prints.plate, "lies", 5, 40, ("plate", "dinner plate")),
    Ware("cushions", prints.cushion, "lies", 9, 60, ("cushion", "linen cushion"), share=1),
    Ware("rugs", prints.rug, "lies", 30, 520, ("rug", "wool rug"), share=1),
    Ware("phone cases", prints.phone_case, "lies", 8, 35, ("phone case",), share=3),
    Ware("tins", prints.tin, "stands", 4, 28, ("biscuit tin", "tea tin"), share=3),
)

KIND_OF = {kind.name: kind for kind in KINDS}
