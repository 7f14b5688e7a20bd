"""One photo of one product: the drawing, turned a little, lit, before a backdrop.

The cut-out (the product alone, with its alpha) comes first and the backdrop after it, so a
listing's second photo and the hard query pictures reuse the same drawing elsewhere.
"""

import io

import numpy as np
import pyvips
from PIL import Image, ImageFilter

from photosearch_demo.draw.backdrops import Picture, backdrop
from photosearch_demo.draw.pen import SIDE, Pen
from photosearch_demo.draw.products import Pose, Ware

LONG_SIDE = 400  # pixels
JPEG_QUALITY = 88
_NARROWEST = 0.5625  # short over long side: a phone's or a camera's upright picture

pyvips.cache_set_max(0)  # or libvips keeps the last hundred drawings of each process

Box = tuple[float, float, float, float]  # left, top, right, bottom in the sheet's units


def render(
    pen: Pen, size: tuple[int, int], transform: str, sheet: tuple[float, float]
) -> Image.Image:
    """The drawing alone, RGBA of ``size`` (width, height), transparent around it."""
    drawn = pyvips.Image.svgload_buffer(pen.svg(size, transform, sheet).encode())
    return Image.fromarray(drawn.numpy())


def cut_out(kind: Ware, seed: int, long_side: int = LONG_SIDE) -> Image.Image:
    """The product alone, RGBA, cropped to it, transparent around it."""
    pen = kind.drawn(seed)
    left, top, right, bottom = _extent(pen)
    width, height = right - left, bottom - top
    scale = long_side / max(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return render(pen, size, f"translate({-left:.2f} {-top:.2f})", (width, height))


def photograph(kind: Ware, seed: int, shot: int, long_side: int = LONG_SIDE) -> bytes:
    """The listing's photo number ``shot`` as JPEG. The same arguments give the same bytes."""
    rng = np.random.default_rng([seed, shot, len(kind.name), ord(kind.name[0])])
    pen = kind.drawn(seed)
    extent = _extent(pen)
    aspect = (extent[2] - extent[0]) / (extent[3] - extent[1])
    aspect = min(max(aspect, _NARROWEST), 1 / _NARROWEST)
    size = (
        (long_side, round(long_side / aspect))
        if aspect > 1
        else (round(long_side * aspect), long_side)
    )
    sheet = (SIDE * size[0] / long_side, SIDE * size[1] / long_side)
    product = render(pen, size, _view(kind, extent, sheet, shot, rng), sheet)
    ground = backdrop(kind.pose, rng, size[1], size[0])
    picture = _shadowed(ground, product, kind.pose, rng)
    colours = np.asarray(product, np.float32)
    alpha = colours[..., 3:] * np.float32(1 / 255)
    picture += (colours[..., :3] - picture) * alpha
    picture *= rng.uniform(0.97, 1.03, 3).astype(np.float32)  # no two lamps are equally white
    picture += 1.6 * rng.standard_normal((size[1], size[0], 1), dtype=np.float32)
    image = Image.fromarray(np.clip(picture, 0, 255, out=picture).astype(np.uint8))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=JPEG_QUALITY)
    return out.getvalue()


def _extent(pen: Pen) -> Box:
    """Where the product lies on its sheet; found on a small rendering."""
    side = 50
    box = render(pen, (side, side), "", (SIDE, SIDE)).getchannel("A").getbbox()
    if box is None:
        return 0, 0, SIDE, SIDE
    left, top, right, bottom = (edge * SIDE / side for edge in box)
    return left, top, right, bottom


def _view(
    kind: Ware, extent: Box, sheet: tuple[float, float], shot: int, rng: np.random.Generator
) -> str:
    """The SVG transform of a shot: the product fills the frame, as shops want it.

    The first shot faces the lens, later ones turn away.
    """
    left, top, right, bottom = extent
    fill = float(rng.uniform(0.84, 0.92))
    squeeze = float(rng.uniform(0.97, 1.0) if shot == 0 else rng.uniform(0.78, 0.9))
    skew = 0.0 if shot == 0 else float(rng.uniform(-6, 6))
    turn = float(rng.uniform(-2, 2))
    if kind.pose == "lies":
        turn = float(rng.uniform(-5, 5) if shot == 0 else rng.uniform(-25, 25))
    elif kind.pose == "stands":
        turn = 0.0
    scale = fill * min(sheet[0] / (right - left), sheet[1] / (bottom - top))
    x = sheet[0] / 2 + float(rng.uniform(-5, 5))
    y = sheet[1] / 2 + float(rng.uniform(-4, 4)) + (6 if kind.pose == "stands" else 0)
    return (
        f"translate({x:.2f} {y:.2f}) rotate({turn:.2f}) skewY({skew:.2f}) "
        f"scale({scale * squeeze:.4f} {scale:.4f}) "
        f"translate({-(left + right) / 2:.2f} {-(top + bottom) / 2:.2f})"
    )


def _shadowed(
    picture: Picture, product: Image.Image, pose: Pose, rng: np.random.Generator
) -> Picture:
    """The backdrop with the product's shadow: under what stands, beside what lies or hangs."""
    width, height = product.width // 4, product.height // 4  # soft: drawn small, 16 times faster
    small = max(width, height)
    alpha = product.getchannel("A").resize((width, height), Image.Resampling.BOX)
    shadow = Image.new("L", (width, height))
    if pose == "stands":
        box = alpha.getbbox()
        if box is None:
            return picture
        lean = float(rng.uniform(-0.5, 0.5))
        low = box[3]
        cast = alpha.transform(
            (width, height),
            Image.Transform.AFFINE,
            (1, -lean * 5, lean * 5 * low, 0, 5.0, -4.0 * low + 2),
            Image.Resampling.BILINEAR,
        )
        shadow = cast.filter(ImageFilter.GaussianBlur(small * 0.012))
        wide = cast.filter(ImageFilter.GaussianBlur(small * 0.05))
        strength = 0.5 * np.asarray(shadow, np.float32) + 0.5 * np.asarray(wide, np.float32)
    else:
        reach = 0.012 if pose == "lies" else float(rng.uniform(0.02, 0.05))
        dx, dy = int(small * reach * rng.choice((-1, 1))), max(1, int(small * reach * 1.3))
        shadow.paste(alpha, (dx, dy))
        strength = np.asarray(shadow.filter(ImageFilter.GaussianBlur(small * 0.03)), np.float32)
    level = Image.fromarray(strength.astype(np.float32))
    full = np.asarray(level.resize(product.size, Image.Resampling.BILINEAR), np.float32)
    depth = float(rng.uniform(0.38, 0.6))
    picture *= 1 - full[..., None] * (depth / 255)
    return picture
