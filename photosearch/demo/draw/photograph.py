"""One photo of one product: the drawing, turned a little, lit, before a backdrop.

The cut-out (the product alone, with its alpha) comes first and the backdrop after it, so a
listing's second photo and the hard query pictures reuse the same drawing elsewhere.
"""

import io

import numpy as np
import resvg_py
from PIL import Image, ImageFilter

from photosearch.demo.draw.backdrops import Picture, backdrop
from photosearch.demo.draw.pen import SIDE
from photosearch.demo.draw.products import Kind, Pose

PHOTO_SIDE = 400
JPEG_QUALITY = 88


def cut_out(kind: Kind, seed: int, side: int, transform: str = "") -> Image.Image:
    """The product alone, RGBA [side, side], transparent around it."""
    png = resvg_py.svg_to_bytes(
        svg_string=kind.svg(seed, transform), width=side, height=side, skip_system_fonts=True
    )
    return Image.open(io.BytesIO(png)).convert("RGBA")


def photograph(kind: Kind, seed: int, shot: int, side: int = PHOTO_SIDE) -> bytes:
    """The listing's photo number ``shot`` as JPEG. The same arguments give the same bytes."""
    rng = np.random.default_rng([seed, shot, len(kind.name), ord(kind.name[0])])
    product = cut_out(kind, seed, side, _view(kind, seed, shot, rng))
    picture = backdrop(kind.pose, rng, side)
    picture = _shadowed(picture, product, kind.pose, rng)
    colours = np.asarray(product, np.float32)
    alpha = colours[..., 3:] / 255
    picture = picture * (1 - alpha) + colours[..., :3] * alpha
    picture *= rng.uniform(0.97, 1.03, 3).astype(np.float32)  # no two lamps are equally white
    picture += rng.normal(0, 1.6, (side, side, 1)).astype(np.float32)
    image = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=JPEG_QUALITY)
    return out.getvalue()


def extent(kind: Kind, seed: int) -> tuple[float, float, float, float]:
    """Where the product lies on its sheet: left, top, right, bottom, in the sheet's units."""
    side = 80
    box = cut_out(kind, seed, side).getchannel("A").getbbox()
    if box is None:
        return 0, 0, SIDE, SIDE
    left, top, right, bottom = (edge * SIDE / side for edge in box)
    return left, top, right, bottom


def _view(kind: Kind, seed: int, shot: int, rng: np.random.Generator) -> str:
    """The SVG transform of a shot: the product fills the frame, as shops want it.

    The first shot faces the lens, later ones turn away.
    """
    left, top, right, bottom = extent(kind, seed)
    fill = float(rng.uniform(0.78, 0.88))
    squeeze = float(rng.uniform(0.97, 1.0) if shot == 0 else rng.uniform(0.76, 0.9))
    skew = 0.0 if shot == 0 else float(rng.uniform(-6, 6))
    turn = float(rng.uniform(-3, 3))
    if kind.pose == "lies":
        turn = float(rng.uniform(-8, 8) if shot == 0 else rng.uniform(-30, 30))
    elif kind.pose == "stands":
        turn = 0.0
    scale = fill * SIDE / max(right - left, bottom - top)
    x = SIDE / 2 + float(rng.uniform(-6, 6))
    y = SIDE / 2 + float(rng.uniform(-4, 4)) + (8 if kind.pose == "stands" else 0)
    return (
        f"translate({x:.2f} {y:.2f}) rotate({turn:.2f}) skewY({skew:.2f}) "
        f"scale({scale * squeeze:.4f} {scale:.4f}) "
        f"translate({-(left + right) / 2:.2f} {-(top + bottom) / 2:.2f})"
    )


def _shadowed(
    picture: Picture, product: Image.Image, pose: Pose, rng: np.random.Generator
) -> Picture:
    """The backdrop with the product's shadow: under what stands, beside what lies or hangs."""
    side = product.width
    small = side // 4  # a shadow is soft: a quarter of the size is drawn 16 times faster
    alpha = product.getchannel("A").resize((small, small), Image.Resampling.BOX)
    shadow = Image.new("L", (small, small))
    if pose == "stands":
        box = alpha.getbbox()
        if box is None:
            return picture
        lean = float(rng.uniform(-0.5, 0.5))
        low = box[3]
        cast = alpha.transform(
            (small, small),
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
    level = Image.fromarray(strength.astype(np.float32), "F")
    full = np.asarray(level.resize((side, side), Image.Resampling.BILINEAR), np.float32)
    depth = float(rng.uniform(0.38, 0.6))
    return np.asarray(picture * (1 - depth * full[..., None] / 255), np.float32)
