"""What stands behind the goods: studio paper, walls, wood, fabric, stone.

Drawn as arrays. Grain is made once a process and cropped at random, because fresh noise for
each of two thousand photos would cost more than the drawing itself.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from photosearch_demo.draw.products import Pose

Picture = NDArray[np.float32]  # [side, side, 3], 0 to 255

_PAPERS = ("#f1efec", "#e7e2da", "#dfe5e8", "#efe3dc", "#dde4d8", "#e9e4ee", "#d5d9dd", "#f3ead2")
_WALLS = ("#e4ded2", "#d6dcda", "#e0d2c5", "#d0d7da", "#dccfc7", "#dcd8c8", "#ccd3ca", "#e6d8d2")
_PALE_TIMBERS = ("#dbc3a0", "#d6bd98", "#e0cdae", "#e5d9c5", "#d0b692")
TIMBERS = ("#b98a58", "#7d5636", "#9c6b45", "#5a3f2d", *_PALE_TIMBERS)
_FABRICS = ("#d8d2c6", "#c3c8ce", "#d3c7b6", "#cdd2d6", "#d4cac2", "#c9d0c5", "#e4dccf")
_STONES = ("#ecebe8", "#dcdcdb", "#d2d4d5", "#e0d8cd")


def rgb(colour: str) -> Picture:
    """``#rrggbb`` as float32 [3]."""
    levels: Picture = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], np.float32)
    return levels


@cache
def _grain(cells_x: int, cells_y: int, size: int = 1024) -> Picture:
    """Smooth noise, float32 [size, size] about 0 with deviation 1, of so many cells a side."""
    rng = np.random.default_rng(cells_x * 1000 + cells_y)
    small = rng.normal(size=(cells_y, cells_x)).astype(np.float32)
    image = Image.fromarray(small).resize((size, size), Image.Resampling.BICUBIC)
    noise = np.asarray(image, np.float32)
    return np.asarray(noise / noise.std(), np.float32)


def grain(rng: np.random.Generator, cells_x: int, cells_y: int, height: int, width: int) -> Picture:
    """A random piece of smooth noise, float32 [height, width], deviation about 1."""
    whole = _grain(cells_x, cells_y)
    y = int(rng.integers(0, whole.shape[0] - height + 1))
    x = int(rng.integers(0, whole.shape[1] - width + 1))
    piece = whole[y : y + height, x : x + width]
    return piece[:, ::-1] if rng.random() < 0.5 else piece


def _ramp(height: int, width: int, rng: np.random.Generator) -> Picture:
    """Light that falls off away from one side, float32 [height, width] about 1."""
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    slope = float(rng.uniform(0.02, 0.09)) * (1 if rng.random() < 0.5 else -1)
    return np.asarray((1.02 - slope * x - 0.05 * x * x) - (0.05 * y + 0.05 * y * y), np.float32)


def timber(
    rng: np.random.Generator,
    height: int,
    width: int,
    planks: int,
    colours: tuple[str, ...] = _PALE_TIMBERS,
) -> Picture:
    """Boards that run across, float32 [height, width, 3]."""
    base = rgb(str(rng.choice(colours)))
    tone = 7 * grain(rng, 6, 160, height, width) + 4 * grain(rng, 40, 512, height, width)
    rows = (np.arange(height) * planks // height).astype(int)
    shift = rng.uniform(-13, 13, planks)[rows]
    tone += shift[:, None].astype(np.float32)
    joint = np.flatnonzero(np.diff(rows)) + 1
    tone[joint] -= 42
    tone[np.clip(joint + 1, 0, height - 1)] -= 18
    return np.asarray(base + tone[..., None], np.float32)


def _fabric(rng: np.random.Generator, height: int, width: int) -> Picture:
    tone = 5 * grain(rng, 512, 512, height, width) + 4 * grain(rng, 9, 9, height, width)
    lines = 3.5 * np.sin(np.arange(max(height, width), dtype=np.float32) * 2.1)
    tone += lines[None, :width] + lines[:height, None]
    return rgb(str(rng.choice(_FABRICS))) + tone[..., None]


def _stone(rng: np.random.Generator, height: int, width: int) -> Picture:
    vein = grain(rng, 7, 9, height, width) + 0.35 * grain(rng, 30, 30, height, width)
    tone = 4 * grain(rng, 9, 9, height, width) - 16 * np.exp(vein * vein / -0.03)
    return np.asarray(rgb(str(rng.choice(_STONES))) + tone[..., None], np.float32)


def _wall(rng: np.random.Generator, height: int, width: int) -> Picture:
    tone = 3 * grain(rng, 9, 9, height, width) + 1.5 * grain(rng, 160, 160, height, width)
    if rng.random() < 0.25:  # panelling
        tone -= 12 * (np.arange(width) % int(rng.integers(40, 80)) < 2).astype(np.float32)
    return rgb(str(rng.choice(_WALLS))) + tone[..., None]


def _room(rng: np.random.Generator, height: int, width: int) -> Picture:
    """A wall over a table or floor."""
    depth = int(rng.uniform(0.26, 0.42) * max(height, width))
    if rng.random() < 0.65:
        floor = timber(rng, depth, width, int(rng.integers(3, 6)))
    else:
        floor = rgb(str(rng.choice(_PAPERS))) + 3 * grain(rng, 40, 40, depth, width)[..., None]
    picture = np.concatenate([_wall(rng, height - depth, width), floor])
    picture[height - depth - 2 : height - depth + 1] *= 0.72
    return picture


def _sweep(rng: np.random.Generator, height: int, width: int) -> Picture:
    """Studio paper: one colour, darker where it bends to the wall."""
    y = np.linspace(0, 1, height, dtype=np.float32)
    bend = float(rng.uniform(0.62, 0.74))
    tone = -16 * np.exp(-(((y - bend) / 0.16) ** 2)) + 10 * (y > bend) * (y - bend)
    picture = np.empty((height, width, 3), np.float32)
    picture[:] = rgb(str(rng.choice(_PAPERS))) + tone[:, None, None]
    return picture


def backdrop(pose: Pose, rng: np.random.Generator, height: int, width: int) -> Picture:
    """A background that suits the pose, float32 [height, width, 3]."""
    draw = float(rng.random())
    if draw < 0.72:
        picture = _sweep(rng, height, width)
    elif pose == "stands":
        picture = _room(rng, height, width)
    elif pose == "hangs":
        picture = _wall(rng, height, width)
    elif draw < 0.82:
        picture = timber(rng, height, width, int(rng.integers(4, 8)))
    else:
        picture = (_fabric if draw < 0.9 else _stone)(rng, height, width)
    picture *= _ramp(height, width, rng)[..., None]
    return picture
