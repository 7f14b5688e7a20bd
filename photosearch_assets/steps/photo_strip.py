"""A strip of a window's photos, small enough to lie in Dagster's event log.

A person who looks at a partition in Dagit sees at once whether its photos are right. A strip
is one JPEG of some 3 kB, because every materialisation keeps its own for ever. It is made in the
step, which has the photos at hand, and goes with its result: Dagster's process, which may be a
pod that mounts nothing, only shows it.
"""

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from photosearch.windows import Window
    from photosearch_assets.steps.context import StepContext

T = TypeVar("T")

SIDE = 64
PHOTOS = 6
STRIPS_A_RUN = 31
"""A run of more windows than a month's days shows the photos of some only: each strip stays
in the event log for ever, and thousands would be its largest part."""

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


class Strips:
    """The strips of a step's run: of all ``windows`` with photos, or of some, evenly spread.

    One of the chosen whose photos are all unusable leaves its strip to the next that has some.
    """

    def __init__(self, windows: Sequence["Window"], context: "StepContext") -> None:
        self._chosen = frozenset(spread(windows, STRIPS_A_RUN))
        self._context = context
        self._left = 0

    def of(self, window: "Window", paths: Sequence[str]) -> bytes | None:
        """The strip of a window whose photos lie at ``paths``, if it gets one."""
        self._left += window in self._chosen
        if not self._left or not paths:
            return None
        self._left -= 1
        return photo_strip(self._photos(spread(paths)))

    def _photos(self, paths: Iterable[str]) -> Iterator[NDArray[np.uint8]]:
        """Photos of the image cache; those that can't be read are left out."""
        from photosearch.errors import PhotosearchError

        for path in paths:
            content = self._context.image_cache.read(path)
            if content is None:
                continue
            with suppress(PhotosearchError):
                yield self._context.decoder.decode(content, side=SIDE, name=path)
