"""A PNG with nothing but its pixels, so that what else it holds can neither cost nor spoil it.

Tools write pages of text, colour profiles and whole documents into PNGs, compressed. Pillow reads
all of that first and refuses the photo where a text is long or its checksum is wrong; browsers
skip it. The chunks are walked here, those that decide no pixel are left out, and what is left
is one chunk of pixels however many there were: a file may have one for each byte.
"""

import struct
import zlib
from dataclasses import dataclass

from photosearch.images.formats.exif import orientation
from photosearch.images.photo_error import TooMuchWork

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MOST_CHUNKS = 100_000
_LONGEST_TEXT = 1 << 20
_CRITICAL = (b"IHDR", b"PLTE")
_GREY, _COLOUR = 0, 2


@dataclass(frozen=True)
class Png:
    """A PNG's pixels, how they are to be turned, and its EXIF block if it has one."""

    slim: bytes
    orientation: int
    exif: bytes


def read_png(data: bytes) -> Png:
    """Walk the chunks of ``data``, which starts as a PNG does.

    Raises:
        TooMuchWork: if it has more chunks than a photo has.
    """
    kept, pixels = [SIGNATURE], []
    header = exif = profile = xmp = b""
    place, pixels_are_over = len(SIGNATURE), False
    for _ in range(MOST_CHUNKS):
        if place + 8 > len(data):
            break
        length, name = struct.unpack_from(">I4s", data, place)
        end = place + 12 + length
        content = data[place + 8 : end - 4]
        if name == b"IDAT":
            if not pixels_are_over:
                pixels.append(content)
        elif name == b"IEND":
            break
        elif end > len(data):
            break  # cut off; if all pixels have come, nothing is missing
        elif name in _CRITICAL:
            header = content if name == b"IHDR" else header
            kept.append(data[place:end])
        elif zlib.crc32(data[place + 4 : end - 4]) == int.from_bytes(data[end - 4 : end]):
            if name == b"tRNS":
                kept.append(_chunk(name, _transparency(content, header)))
            elif name == b"eXIf":
                exif = content
            elif name in (b"tEXt", b"zTXt") and content.startswith(b"Raw profile type exif\0"):
                profile = _profile(name, content)
            elif name == b"iTXt" and content.startswith(b"XML:com.adobe.xmp\0"):
                xmp = _international(content)
        pixels_are_over = bool(pixels) and name != b"IDAT"
        place = end
    else:
        raise TooMuchWork(f"{MOST_CHUNKS:,} chunks")
    kept += [_chunk(b"IDAT", b"".join(pixels)), _chunk(b"IEND", b"")]
    return Png(b"".join(kept), orientation(exif or profile, xmp), exif)


def _chunk(name: bytes, content: bytes) -> bytes:
    checked = name + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))


def _transparency(content: bytes, header: bytes) -> bytes:
    """The colour that is transparent, in 8 bits where Pillow makes 8 bits of the pixels."""
    if len(header) < 10:
        return content
    depth, kind = header[8], header[9]
    values = [value for (value,) in struct.iter_unpack(">H", content[: len(content) & ~1])]
    if kind == _GREY and 0 < depth < 8 and values:
        most = (1 << depth) - 1
        return struct.pack(">H", (values[0] & most) * 255 // most)
    if kind == _COLOUR and depth == 16:
        return struct.pack(f">{len(values)}H", *(value >> 8 for value in values))
    return content


def _profile(name: bytes, content: bytes) -> bytes:
    """The EXIF block that ImageMagick writes as text: a name, a length, and hexadecimal digits."""
    text = content.partition(b"\0")[2]
    if name == b"zTXt":
        text = _inflated(text[1:])
    try:
        return bytes.fromhex(b"".join(text[:_LONGEST_TEXT].split(b"\n")[3:]).decode("ascii"))
    except ValueError:
        return b""


def _international(content: bytes) -> bytes:
    rest = content.partition(b"\0")[2]
    is_compressed = rest[:1] == b"\1"
    parts = rest[2:].split(b"\0", 2)
    if len(parts) != 3:
        return b""
    return _inflated(parts[2]) if is_compressed else parts[2]


def _inflated(content: bytes) -> bytes:
    """What is compressed, as far as a text is long."""
    try:
        return zlib.decompressobj().decompress(content, _LONGEST_TEXT)
    except zlib.error:
        return b""
