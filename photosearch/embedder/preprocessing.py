"""From a decoded photo to what a network reads: the one code path of query and batch.

Pillow resizes the uint8 picture in fixed-point integers and the rest is one multiplication and
one addition a value, so that the same photo gives the same bits on every machine, with or
without torch. A second implementation (torchvision's resize, OpenCV's) would differ in
antialiasing, and query vectors would drift from the catalogue's.

The centre square is taken, since the same thing comes upright in the catalogue and lying in a
query: on hard renderings of photographs recall@1 was .823, .774 with the whole photo squashed
and .794 with white borders.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from photosearch.embedder.errors import EmbedderError

SMALLEST_SIDE, LARGEST_SIDE = 16, 1024
Framing = Literal["squash", "crop"]


class Preprocessing(BaseModel):
    """How a photo becomes a network's input. Part of the fingerprint."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    side: int = Field(
        ge=SMALLEST_SIDE, le=LARGEST_SIDE, description="Input height and width in pixels."
    )
    framing: Framing = Field(
        "crop", description="crop: the centre square; squash: the whole photo to the square."
    )
    mean: tuple[float, float, float] = Field(description="Mean of a channel, pixels in 0..1.")
    std: tuple[float, float, float] = Field(description="Deviation of a channel, pixels in 0..1.")

    def prepare(self, image: NDArray[np.uint8], name: str = "photo") -> NDArray[np.float32]:
        """A decoded photo, uint8 [h, w, 3] RGB, as float32 [3, side, side].

        Raises:
            EmbedderError: if ``image`` is not such an array.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
            raise EmbedderError(
                f"{name!r} is not a decoded photo",
                found=f"{image.dtype} {list(image.shape)}",
                limit="uint8 [height, width, 3]",
                remedy="decode it with photosearch.images first",
            )
        scale = 1.0 / (255.0 * np.asarray(self.std))
        shift = -np.asarray(self.mean) / np.asarray(self.std)
        planes = np.ascontiguousarray(self._square(image).transpose(2, 0, 1))
        prepared = np.multiply(planes, scale[:, None, None].astype(np.float32), dtype=np.float32)
        prepared += shift[:, None, None].astype(np.float32)
        return prepared

    def _square(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width = image.shape[:2]
        if (height, width) == (self.side, self.side):
            return image
        box: tuple[float, float, float, float] = (0, 0, width, height)
        if self.framing == "crop":
            edge = min(height, width)
            left, top = (width - edge) / 2, (height - edge) / 2
            box = (left, top, left + edge, top + edge)
        resized = Image.fromarray(image).resize(
            (self.side, self.side), Image.Resampling.BILINEAR, box=box
        )
        return np.asarray(resized)
