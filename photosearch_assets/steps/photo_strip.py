"""A strip of a window's photos, small enough to lie in Dagster's event log.

A person who looks at a partition in Dagit sees at once whether its photos are right. A strip
is one JPEG of some 3 kB, because every materialisation keeps its own for ever.
"""

import base64
import io
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from photosearch.images.decoder import Decoder

T = TypeVar("T")

SIDE = 64
PHOTOS = 6
_QUALITY = 60


def spread(items: Sequence[T], count: int = PHOTOS) -> list[T]:
    """At most ``count`` of ``items``, evenly spread."""
    if len(items) <= count:
        return list(items)
    return [items[i * len(items) // count] for i in range(count)]


def photo_strip(photos: Iterable[NDArray[np.uint8]]) -> bytes | None:
    """A JPEG of the photos side by side, each ``SIDE`` square; None without photos."""
    from PIL import Image, ImageOps

    squares = [
        ImageOps.fit(Image.fromarray(photo), (SIDE, SIDE), Image.Resampling.BILINEAR)
        for photo in photos
    ]
    if not squares:
        return None
    strip = Image.new("RGB", (SIDE * len(squares), SIDE))
    for place, square in enumerate(squares):
        strip.paste(square, (place * SIDE, 0))
    out = io.BytesIO()
    strip.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()


def strip_of(
    paths: Sequence[str], read: Callable[[str], bytes | None], decoder: "Decoder"
) -> bytes | None:
    """The strip of some photos of the image cache; those that can't be read are left out."""
    from photosearch.errors import PhotosearchError

    photos = []
    for path in spread(paths):
        content = read(path)
        if content is None:
            continue
        try:
            photos.append(decoder.decode(content, side=SIDE, name=path))
        except PhotosearchError:
            continue
    return photo_strip(photos)


def as_markdown(strip: bytes) -> str:
    """The strip as a Markdown image that needs no server."""
    return f"![photos](data:image/jpeg;base64,{base64.b64encode(strip).decode()})"
