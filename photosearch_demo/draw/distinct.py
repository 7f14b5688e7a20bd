"""Which designs of a kind the shop offers: those that differ by more than their colour.

A shop seldom lists one chair in ten colours as ten listings, and a network trained on
photographs hardly sees such differences. So of many seeds those are kept whose drawings differ
most in form and print: their small grey pictures are described by the directions of their
edges, and each seed chosen is the one farthest from all chosen before. That takes a minute, so the
choice is kept in ``seeds.json``; ``python -m photosearch_demo.draw.distinct`` makes it anew
after a change of the drawings.
"""

import json
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from photosearch_demo.draw.photograph import cut_out
from photosearch_demo.draw.products import KINDS, Ware

SEEDS_FILE = Path(__file__).with_name("seeds.json")
POOL, CHOSEN = 240, 100  # seeds looked at and kept, a kind
_SIDE, _CELLS, _DIRECTIONS = 48, 6, 6
# Colour counts a little: forms being equal, red beside blue is better than red beside red.
_COLOUR_WEIGHT = 0.35


def seed_of(kind: Ware, number: int) -> int:
    """The seed of the kind's listing ``number`` (from 0); past those chosen, any that is left."""
    chosen = _chosen()[kind.name]
    if number < len(chosen):
        return chosen[number]
    return POOL + number - len(chosen)


def describe(kind: Ware, seed: int) -> NDArray[np.float32]:
    """Form and print of a drawing, float32 [cells * cells * directions + 3], about unit length."""
    small = cut_out(kind, seed, _SIDE).resize((_SIDE, _SIDE), Image.Resampling.BOX)
    pixels = np.asarray(small, np.float32) / 255
    alpha = pixels[..., 3]
    colour = pixels[..., :3] * alpha[..., None] + 0.5 * (1 - alpha[..., None])
    grey = colour.mean(axis=2)
    down, across = np.gradient(grey)
    strength = np.sqrt(down * down + across * across)
    direction = (np.arctan2(down, across) % np.pi) * (_DIRECTIONS / np.pi)
    bins = np.minimum(direction.astype(int), _DIRECTIONS - 1)
    cell = np.arange(_SIDE) * _CELLS // _SIDE
    place = (cell[:, None] * _CELLS + cell[None, :]) * _DIRECTIONS + bins
    edges = np.bincount(place.ravel(), strength.ravel(), _CELLS * _CELLS * _DIRECTIONS)
    edges = np.sqrt(edges)  # or one strong outline would drown the print
    edges = edges / (np.linalg.norm(edges) + 1e-9)
    mean = colour[alpha > 0.5].mean(axis=0) * _COLOUR_WEIGHT
    return np.concatenate([edges, mean]).astype(np.float32)


def choose(kind: Ware, pool: int = POOL, count: int = CHOSEN) -> list[int]:
    """``count`` seeds of ``pool``, the most different first."""
    described = np.stack([describe(kind, seed) for seed in range(pool)])
    chosen = [0]
    nearest = np.full(pool, np.inf)
    while len(chosen) < count:
        last = described[chosen[-1]]
        nearest = np.minimum(nearest, np.linalg.norm(described - last, axis=1))
        chosen.append(int(nearest.argmax()))
    return chosen


@cache
def _chosen() -> dict[str, list[int]]:
    found: dict[str, list[int]] = json.loads(SEEDS_FILE.read_text())
    return found


if __name__ == "__main__":
    lines = [f" {json.dumps(kind.name)}: {json.dumps(choose(kind))}" for kind in KINDS]
    SEEDS_FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
