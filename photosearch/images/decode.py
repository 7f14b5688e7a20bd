"""From a photo's bytes to pixels, for catalogue photos and for a shopper's alike.

Bytes come from strangers, so the declared size is checked before a pixel is made, and only
formats whose decoder is fit for strangers' bytes are tried. JPEGs are decoded at the
smallest of libjpeg's scales that is still large enough (``draft``), 2.5 to 4 times as fast
as at full size.
"""

import io
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ImageFile import ImageFile

from photosearch.images.photo_error import PhotoError
from photosearch.images.pixels import rgb, upright
from photosearch.images.unknown_bytes import looks_like

# No EPS (it runs Ghostscript), no icons, no camera formats. MPO is what many phones write.
FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF")

# Of a thinner photo the middle is kept: scaled to the network's side its length would be
# huge, and the network looks at the middle anyway.
LONGEST_ASPECT = 8


def decode_photo(
    data: bytes, *, max_megapixels: float, side: int = 224, name: str = "photo"
) -> NDArray[np.uint8]:
    """The pixels of a photo as a person sees it: uint8 [height, width, 3], RGB, upright.

    A photo may come smaller than it is, its shorter side still at least ``side``; it never
    comes larger. Of an animation it is the first frame; what is transparent lies on white;
    of a photo more than 8 times as long as wide it is the middle.

    Raises:
        PhotoError: if the bytes are no photo, damaged, or declare too many pixels.
    """
    image = read_header(io.BytesIO(data), name)
    megapixels = image.width * image.height / 1e6
    if megapixels > max_megapixels:
        raise PhotoError(
            f"{name} has too many pixels",
            found=f"{image.width} x {image.height}, {megapixels:.1f} megapixels",
            limit=f"{max_megapixels:g} megapixels",
            remedy="make it smaller, or raise max_megapixels",
        )
    try:
        image.draft("RGB", (side, side))
        image.load()
        visible = rgb(_middle(image))
        shrink = min(visible.size) // side
        return np.array(upright(visible.reduce(shrink) if shrink > 1 else visible, image))
    except Exception as error:  # Pillow's decoders raise nearly anything on damaged bytes
        raise PhotoError(
            f"{name} can't be decoded",
            found=f"damaged or cut off {image.format} ({error or type(error).__name__})",
            remedy="replace it with a whole file",
        ) from error


def read_header(file: IO[bytes], name: str) -> ImageFile:
    """A photo's format and size, no pixels yet.

    ``Image.open`` is not used: it warns or fails at a limit on pixels that is one for the
    whole process, and ours is a setting.

    Raises:
        PhotoError: if it is no photo, or its header is damaged.
    """
    Image.init()
    start = file.read(512)
    failure: Exception | None = None
    for kind in FORMATS:
        factory, accept = Image.OPEN.get(kind, (None, None))
        if factory is None or (accept is not None and accept(start[:16]) is not True):
            continue
        file.seek(0)
        try:
            return factory(file, "")
        except Exception as error:
            failure = error
    if failure is not None:
        raise PhotoError(
            f"{name} can't be decoded",
            found=f"a damaged header ({failure or type(failure).__name__})",
            remedy="replace it with a whole file",
        ) from failure
    raise PhotoError(
        f"{name} is no photo that can be read",
        found=looks_like(start),
        limit="JPEG, PNG, WebP, GIF, TIFF, BMP or AVIF",
        remedy="convert it to JPEG",
    )


def _middle(image: Image.Image) -> Image.Image:
    width, height = image.size
    longest = LONGEST_ASPECT * min(width, height)
    if max(width, height) <= longest:
        return image
    left, top = max(0, width - longest) // 2, max(0, height - longest) // 2
    box = (left, top, min(width, left + longest), min(height, top + longest))
    return image.crop(box)
