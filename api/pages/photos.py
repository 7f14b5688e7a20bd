"""Photo bytes: for the web page, for thumbnails, and for "more like this".

The image cache is asked first and the image store only for what it lacks. What a browser
gets is named by its own first bytes, never by its path or by whoever uploaded it: a page that
calls itself a .jpg stays a download. Thumbnails are made once and kept in memory by the
photo's digest and size, as long as they are asked for.
"""

import asyncio
import copy
import functools
import hashlib
import io
import logging
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from api.pages.pieces import BytesInFlight
from api.problems.problems import ApiProblem
from photosearch.catalogue.listing import Photo
from photosearch.images.cache import ImageCache
from photosearch.images.decoding.decode_processes import Abandonment
from photosearch.images.decoding.decoder import Decoder
from photosearch.images.photo_error import PhotoError, PhotoUnreachable
from photosearch.images.store import ImageStore
from photosearch.settings.settings import Settings

logger = logging.getLogger(__name__)

THUMBNAIL_SIDES = (32, 1024)
KEPT_THUMBNAIL_BYTES = 64 << 20
_WAITING = 32
_KEPT_UNUSABLE = 4096

_SIGNATURES = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
)


@dataclass(frozen=True)
class PhotoBytes:
    """A photo or a thumbnail as it goes to a browser; ``tag`` names these very bytes."""

    content: bytes
    media_type: str
    tag: str


class PhotoStore:
    """Reads photos by their catalogue entry; its work runs in threads of its own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._cache = ImageCache.of(settings)
        self._store: ImageStore | None = None
        self._workers = ThreadPoolExecutor(2, thread_name_prefix="photos")
        # Processes of their own: no photo of the catalogue holds up a query, nor the other way.
        self._decoder = Decoder(settings, processes=2)
        self._waiting = ThreadPoolExecutor(_WAITING, thread_name_prefix="thumbnails")
        self._unusable: OrderedDict[tuple[str, str], PhotoError] = OrderedDict()
        self._thumbnails: OrderedDict[tuple[str, int], PhotoBytes] = OrderedDict()
        self._kept_bytes = 0
        #: Photos that wait to be made small, or to be read by whoever asked.
        self.in_flight = BytesInFlight()

    async def bytes_of(self, photo: Photo) -> bytes:
        """The photo's file.

        Raises:
            ApiProblem: 404 if neither cache nor store has it.
        """
        return await asyncio.get_running_loop().run_in_executor(self._workers, self._read, photo)

    async def original(self, photo: Photo) -> PhotoBytes:
        """The photo as it was uploaded."""
        content, digest = await self._named(photo)
        return PhotoBytes(content, media_type(content), digest)

    async def thumbnail(self, photo: Photo, side: int) -> PhotoBytes:
        """The photo as a JPEG of at most ``side`` pixels a side, upright.

        Raises:
            PhotoError: if it is unusable; that is found out once.
            ApiProblem: 429 if too many others wait.
        """
        content, digest = await self._named(photo)
        key = (digest, side)
        if key in self._thumbnails:
            self._thumbnails.move_to_end(key)
            return self._thumbnails[key]
        name = (digest, photo.photo_id)
        if name in self._unusable:
            raise copy.copy(self._unusable[name])
        try:
            with self.in_flight.one(len(content)):
                made = await self._made(content, side, photo.photo_id)
        except PhotoError as error:
            self._unusable[name] = copy.copy(error)
            if len(self._unusable) > _KEPT_UNUSABLE:
                self._unusable.popitem(last=False)
            raise
        self._keep(key, made)
        return made

    async def _named(self, photo: Photo) -> tuple[bytes, str]:
        """The photo's file and its digest; made in one go, so that none waits in between."""

        def read() -> tuple[bytes, str]:
            content = self._read(photo)
            return content, _digest(content)

        return await asyncio.get_running_loop().run_in_executor(self._workers, read)

    def close(self) -> None:
        self._workers.shutdown(wait=False, cancel_futures=True)
        self._waiting.shutdown(wait=False, cancel_futures=True)
        self._decoder.close()

    async def _made(self, content: bytes, side: int, name: str) -> PhotoBytes:
        loop = asyncio.get_running_loop()
        decode = functools.partial(self._decoder.decode_here, side=side, name=name)
        pixels = await loop.run_in_executor(self._workers, decode, content)
        if pixels is None:
            abandonment = Abandonment()
            decode_apart = functools.partial(
                self._decoder.decode_apart, side=side, name=name, abandonment=abandonment
            )
            try:
                pixels = await loop.run_in_executor(self._waiting, decode_apart, content)
            finally:
                abandonment.give_up()  # no more than a name, unless the request was given up
        return await loop.run_in_executor(self._workers, _shrink, pixels, side)

    def _read(self, photo: Photo) -> bytes:
        try:
            content = self._cache.read(photo.path)
            if content is None:
                content = self._opened().read(photo.path, self._settings.max_photo_bytes)
            return content
        except PhotoUnreachable:
            raise
        except PhotoError as error:
            logger.warning("the photo %r can't be had: %s", photo.photo_id, error)
            raise ApiProblem(
                404,
                "photo-missing",
                f"the photo {photo.photo_id!r} is in the catalogue but can't be had",
                found="it is not where the catalogue says, or may not be read",
                remedy="put the file back or remove the photo from the catalogue",
            ) from error

    def _opened(self) -> ImageStore:
        """The image store, opened when first needed: without photos the API can still search."""
        if self._store is None:
            self._store = ImageStore.of(self._settings)
        return self._store

    def _keep(self, key: tuple[str, int], made: PhotoBytes) -> None:
        if key in self._thumbnails:  # drawn meanwhile for somebody else
            return
        self._thumbnails[key] = made
        self._kept_bytes += len(made.content)
        while self._kept_bytes > KEPT_THUMBNAIL_BYTES:
            _, dropped = self._thumbnails.popitem(last=False)
            self._kept_bytes -= len(dropped.content)


def media_type(content: bytes) -> str:
    """What the first bytes say; a download for anything that is not a known kind of image."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    if content[4:12] in (b"ftypavif", b"ftypavis"):
        return "image/avif"
    return next(
        (kind for start, kind in _SIGNATURES if content.startswith(start)),
        "application/octet-stream",
    )


def _shrink(pixels: NDArray[np.uint8], side: int) -> PhotoBytes:
    image = Image.fromarray(pixels)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=82, optimize=True)
    small = out.getvalue()
    return PhotoBytes(small, "image/jpeg", _digest(small))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]
