"""Pictures to calibrate int8 on, drawn: shapes over shapes over textures.

Overlapping leaves of random size and texture have much of what natural pictures have: edges at
all scales, flat and busy parts, strong colours. Calibrated on 128 of them, EfficientNet-Lite0
is as near to float on real photographs as when it is calibrated on photographs (measured), and
anyone can make the shipped int8 file again. A catalogue's own photos are used for other networks
where there are enough.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

CALIBRATION_PICTURES = 128
_SIDE = 256


def draw_calibration_picture(seed: int) -> NDArray[np.uint8]:
    """Picture number ``seed``, uint8 [256, 256, 3]; the same for the same seed."""
    rng = np.random.default_rng(seed)
    leaves = int(rng.choice([1, 2, 4, 8, 20, 60]))
    textures = [Image.fromarray(_texture(rng)) for _ in range(min(leaves + 1, 8))]
    picture = textures[0].copy()
    for leaf in range(leaves):
        mask = Image.new("L", (_SIDE, _SIDE))
        ImageDraw.Draw(mask).polygon(_outline(rng, crowded=leaves >= 8), fill=255)
        picture.paste(textures[1 + leaf % (len(textures) - 1)], (0, 0), mask)
    if rng.random() < 0.5:
        picture = picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 1.5))))
    return np.asarray(picture)


def _outline(rng: np.random.Generator, *, crowded: bool) -> list[tuple[float, float]]:
    """A leaf's corners: smooth or jagged, small ones among many, large ones among few."""
    if crowded:
        radius = _SIDE * min(0.45, 0.04 + 0.3 * rng.pareto(3))
        centre = rng.uniform(0, 1, 2) * _SIDE
    else:
        radius = _SIDE * rng.uniform(0.15, 0.42)
        centre = rng.uniform(0.15, 0.85, 2) * _SIDE
    if rng.random() < 0.5:
        angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 24))))
    else:
        angles = np.linspace(0, 2 * np.pi, 40)
    waves = np.sin(angles * rng.integers(1, 6) + rng.uniform(0, 6))
    reach = radius * (1 + rng.uniform(0, 0.5) * waves)
    turn = rng.uniform(0, np.pi)
    x, y = reach * np.cos(angles), reach * np.sin(angles) * rng.uniform(0.4, 1)
    across = centre[0] + x * np.cos(turn) - y * np.sin(turn)
    down = centre[1] + x * np.sin(turn) + y * np.cos(turn)
    return [(float(a), float(b)) for a, b in zip(across, down, strict=True)]


def _texture(rng: np.random.Generator) -> NDArray[np.uint8]:
    """A colour, noise at six scales and sometimes stripes; now and then a white ground."""
    ground = rng.uniform(0, 255, 3) if rng.random() < 0.8 else np.full(3, 250.0)
    values = np.broadcast_to(ground, (_SIDE, _SIDE, 3)).copy()
    for cells in (4, 8, 16, 32, 64, 128):
        height = rng.uniform(0, 60) * (4 / cells) ** rng.uniform(0.2, 0.9)
        noise = Image.fromarray(rng.normal(0, 1, (cells, cells)).astype(np.float32))
        smooth = np.asarray(noise.resize((_SIDE, _SIDE), Image.Resampling.BICUBIC))
        values += height * smooth[..., None] * rng.uniform(0.5, 1, 3)
    if rng.random() < 0.3:
        down, across = np.mgrid[:_SIDE, :_SIDE]
        turn = rng.uniform(0, np.pi)
        phase = (across * np.cos(turn) + down * np.sin(turn)) / rng.uniform(1.5, 12)
        stripes = np.sin(phase) * rng.uniform(10, 70)
        values += stripes[..., None] * rng.uniform(0.3, 1, 3)
    return values.clip(0, 255).astype(np.uint8)
