"""Pixels of any kind made 8-bit RGB as a person sees them: upright, on white.

Pillow's own conversions are wrong for two kinds and are not used for them: from 16 bits
they clip, where the upper byte is meant, and from transparency they show the colours that
the alpha channel hides.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_TO_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_UNSEEN_DIFFERENCE = 2


def rgb(image: Image.Image) -> Image.Image:
    """The same picture in mode RGB, whatever its mode; loaded already."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode in ("F", "I") or image.mode.startswith("I;16"):
        values = np.asarray(image)
        grey = _eight_bits(values)
        clear = image.info.get("transparency")
        if isinstance(clear, int):
            grey[values == clear] = 255
        return Image.fromarray(grey).convert("RGB")
    if image.has_transparency_data:
        # Premultiplied colours have to be divided first; only their own twin mode does that.
        twin = {"La": "LA", "RGBa": "RGBA"}.get(image.mode)
        visible = (image.convert(twin) if twin else image).convert("RGBA")
        white = Image.new("RGB", visible.size, "white")
        white.paste(visible, mask=visible.getchannel("A"))
        return white
    return image.convert("RGB")


def upright(pixels: Image.Image, orientation: int) -> Image.Image:
    """``pixels`` turned as a photo's metadata asks."""
    turn = _TO_UPRIGHT.get(orientation)
    return pixels if turn is None else pixels.transpose(turn)


def is_one_colour(pixels: NDArray[np.uint8]) -> bool:
    """Whether ``pixels`` [height, width, 3] show one colour, as far as an eye can tell.

    Some of them are looked at first, which is all that a usual photo costs.
    """
    return all(_differ_little(some) for some in (pixels[::16, ::16], pixels))


def _differ_little(pixels: NDArray[np.uint8]) -> bool:
    return bool((np.ptp(pixels, axis=(0, 1)) <= _UNSEEN_DIFFERENCE).all())


def _eight_bits(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Greys of 16 or 32 bits or floats, [height, width], as uint8."""
    if values.dtype.kind == "u":
        return (values.astype(np.uint16) >> 8).astype(np.uint8)
    # In place and in 32 bits: a photo of 50 megapixels took 1.5 GB otherwise.
    grey = np.nan_to_num(values.astype(np.float32), copy=False, posinf=0.0, neginf=0.0)
    # 32-bit files don't say which of their range they use: the smallest that holds it.
    top = next((top for top in (1.0, 255.0, 65535.0) if grey.max() <= top), grey.max())
    if values.dtype.kind == "i":
        top = max(top, 255.0)
    grey *= np.float32(255.0 / top)
    return np.clip(grey, 0, 255, out=grey).astype(np.uint8)
