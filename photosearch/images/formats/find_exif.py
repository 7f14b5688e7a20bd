"""The EXIF block of a photo's file, found without decoding and without reading all of it.

A folder is scanned for its photos' dates at every start, strangers' photos among them, so the
search looks at a bounded part of each file, and no decoder is asked. AVIF keeps its block
where only its own parser finds it; that one makes no pixels.
"""

import io
import mmap
import struct
from typing import IO

from PIL import AvifImagePlugin

from photosearch.images.formats import jpeg, png
from photosearch.images.formats.exif import without_name
from photosearch.images.formats.tiff import is_tiff
from photosearch.images.photo_error import TooMuchWork

_START_BYTES = 1 << 20
_MOST_CHUNKS = 200
_MOST_BYTES = 64 << 20
# Of all the lists in an AVIF. Its parser compares each item with all before it, so 4 MB of
# them, which make no picture, take it minutes; a photo has some, of dozens of bytes each.
_MOST_LISTED_BYTES = 256 << 10
_LISTS = (b"meta", b"moov")
# Pillow takes them off one by one, copying the rest.
_MANY_NAMES = b"Exif\0\0" * 8


def find_exif(file: IO[bytes]) -> bytes | mmap.mmap:
    """The EXIF block of an open file, from its byte order on; empty if there is none.

    Raises:
        OSError: if the file can't be read.
    """
    start = file.read(32)
    if start.startswith(b"\xff\xd8\xff"):
        return without_name(jpeg.exif_of_start(start + file.read(_START_BYTES)))
    if start.startswith(png.SIGNATURE):
        return _exif_of_png(start + file.read(_START_BYTES))
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return _exif_of_webp(file)
    if is_tiff(start):
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)  # it is such a block itself
    if start[4:8] == b"ftyp":
        return _exif_of_avif(start + file.read(_MOST_BYTES))
    return b""


def _exif_of_png(start: bytes) -> bytes:
    try:
        return png.read_png(start).exif
    except TooMuchWork:
        return b""


def _exif_of_webp(file: IO[bytes]) -> bytes:
    file.seek(12)
    for _ in range(_MOST_CHUNKS):
        header = file.read(8)
        if len(header) < 8:
            break
        name, size = struct.unpack("<4sI", header)
        if name == b"EXIF":
            return without_name(file.read(min(size, _START_BYTES)))
        file.seek(size + (size & 1), io.SEEK_CUR)
    return b""


def _exif_of_avif(content: bytes) -> bytes:
    if _listed_bytes(content) > _MOST_LISTED_BYTES or _MANY_NAMES in content:
        return b""
    try:
        image = AvifImagePlugin.AvifImageFile(io.BytesIO(content), "")
    except Exception:  # a damaged photo is reported when it is fetched
        return b""
    return without_name(image.info.get("exif", b""))


def _listed_bytes(avif: bytes) -> int:
    """How long the boxes of an AVIF are together that say what is in it."""
    listed = place = 0
    for _ in range(_MOST_CHUNKS):
        if place + 8 > len(avif):
            return listed
        size, name = struct.unpack_from(">I4s", avif, place)
        if size == 1 and place + 16 <= len(avif):
            (size,) = struct.unpack_from(">Q", avif, place + 8)
        end = place + size if size > 1 else len(avif)
        if name in _LISTS:
            listed += min(end, len(avif)) - place
        place = max(end, place + 8)
    return len(avif)
