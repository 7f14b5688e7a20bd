"""What decides how a drawn product looks: one seed, and names for every choice.

A choice is drawn from the seed *and its name*, not from a running stream. So a drawing can
gain a choice, or skip one, without changing any other: the same listing keeps its shape when
it is drawn again on another background, which is what makes honest query pictures possible.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from photosearch_demo.draw.palette import COLOURS, METALS, WOODS, scheme

T = TypeVar("T")


@dataclass(frozen=True)
class Design:
    """One product: its category and the seed of all that tells it from its kind."""

    category: str
    seed: int
    main: str = field(init=False)
    accent: str = field(init=False)
    detail: str = field(init=False)

    def __post_init__(self) -> None:
        main, accent, detail = scheme(self.random("colours"))
        object.__setattr__(self, "main", main)
        object.__setattr__(self, "accent", accent)
        object.__setattr__(self, "detail", detail)

    def random(self, name: str) -> Random:
        """A generator of this design's own for the choice called ``name``."""
        digest = hashlib.sha256(f"{self.category}/{self.seed}/{name}".encode()).digest()
        return Random(int.from_bytes(digest[:8], "big"))

    def between(self, name: str, low: float, high: float) -> float:
        return self.random(name).uniform(low, high)

    def choice(self, name: str, options: Sequence[T]) -> T:
        return self.random(name).choice(options)

    def chance(self, name: str, probability: float) -> bool:
        return self.random(name).random() < probability

    @property
    def colours(self) -> tuple[str, str, str]:
        """Main, accent and detail colour as ``#rrggbb``."""
        return COLOURS[self.main], COLOURS[self.accent], COLOURS[self.detail]

    @property
    def wood(self) -> str:
        return self.choice("wood", list(WOODS))

    @property
    def metal(self) -> str:
        return self.choice("metal", list(METALS))
