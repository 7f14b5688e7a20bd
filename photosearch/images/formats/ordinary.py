"""Ordinary PNGs and WebPs, by a look that costs less than a tenth of a millisecond.

Shops and phones send them by the thousand, and handing one to another process can cost more than
decoding it. What their decoders loop over is bounded by what is looked at here: few pixels,
a small file, few chunks, one frame, no metadata that unfolds. The worst that could be built
within these bounds took 0.3 s of CPU, as the worst JPEG that is decoded beside it does.
"""

import struct

from photosearch.images.formats.png import SIGNATURE
from photosearch.images.formats.unknown_bytes import declared_size

MOST_MEGAPIXELS = 2.0
MOST_BYTES = 4 << 20
MOST_CHUNKS = 1_000
MOST_TEXTS = 4
"""Of a PNG, each of which may be compressed."""

_TEXTS = (b"zTXt", b"iTXt", b"tEXt")
_FRAMES_OR_METADATA = 0b1110
"""Flags of a WebP: EXIF, XMP, animation."""


def is_ordinary(data: bytes) -> bool:
    """Whether ``data`` is a PNG or WebP that is little work to decode, whatever follows."""
    if len(data) > MOST_BYTES:
        return False
    if data.startswith(SIGNATURE + b"\0\0\0\x0dIHDR"):
        return _is_small(data) and _has_few_chunks(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _is_small(data) and _is_one_picture(data)
    return False


def _is_small(data: bytes) -> bool:
    width, height = declared_size(data)
    return 0 < width * height <= MOST_MEGAPIXELS * 1e6


def _has_few_chunks(png: bytes) -> bool:
    place, texts, headers = len(SIGNATURE), 0, 0
    for _ in range(MOST_CHUNKS):
        if place + 8 > len(png):
            return True
        length, name = struct.unpack_from(">I4s", png, place)
        texts += name in _TEXTS
        headers += name == b"IHDR"
        if texts > MOST_TEXTS or headers > 1:  # a second header would tell another size
            return False
        place += 12 + length
    return False


def _is_one_picture(webp: bytes) -> bool:
    if webp[12:16] in (b"VP8 ", b"VP8L"):
        return True
    is_plain = webp[12:16] == b"VP8X" and not webp[20] & _FRAMES_OR_METADATA
    return is_plain and not any(name in webp for name in (b"EXIF", b"XMP ", b"ANMF"))
