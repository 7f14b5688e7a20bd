"""Some tags of an EXIF block, and nothing else of it.

Pillow copies every value that the block names before it is asked for one. 5,000 tags of 12 bytes
that all name the same 64 kB are 360 MB, and a block may be far longer. Here a tag is looked up in
its directory and only its own few bytes are read.
"""

import mmap
import re
import struct
from collections.abc import Collection

ORIENTATION = 0x0112
CAMERA_DIRECTORY = 0x8769
_MOST_TAGS = 4096
_LONGEST_TEXT = 64
_BYTE, _TEXT, _SHORT, _LONG = 1, 2, 3, 4
_NUMBERS = {_BYTE: ("B", 1), _SHORT: ("H", 2), _LONG: ("I", 4)}
_NAMES = re.compile(rb"(?:Exif\0\0)*")
_XMP_ORIENTATION = re.compile(rb'tiff:Orientation(="|>)([0-9])')


def read_tags(
    block: bytes | mmap.mmap, wanted: Collection[int], *, directory: int = 0
) -> dict[int, int | str]:
    """Those of ``wanted`` that a directory of ``block`` (from its byte order on) has.

    ``directory`` is the place of one that a tag named; the first by default. A single number
    becomes an int, a text a str without what follows its end; other values are left out.
    """
    order = {b"II": "<", b"MM": ">"}.get(bytes(block[:2]))
    if order is None or block[2:4] not in (b"*\0", b"\0*") or len(block) < 8:
        return {}
    place = directory or struct.unpack_from(f"{order}I", block, 4)[0]
    if not 8 <= place <= len(block) - 2:
        return {}
    count = struct.unpack_from(f"{order}H", block, place)[0]
    found: dict[int, int | str] = {}
    for number in range(min(count, _MOST_TAGS)):
        entry = place + 2 + 12 * number
        if entry + 12 > len(block):
            break
        tag, kind, length = struct.unpack_from(f"{order}HHI", block, entry)
        if tag in wanted:
            value = _value(block, order, kind, length, entry + 8)
            if value is not None:
                found[tag] = value
    return found


def without_name(block: bytes) -> bytes:
    """An EXIF block from its byte order on; some programs write its name twice.

    Taken off one by one, a million of them would copy the rest of the block a million times.
    """
    named = _NAMES.match(block)
    return block[named.end() :] if named is not None else block


def orientation(exif: bytes, xmp: bytes) -> int:
    """How a photo is to be turned, by its EXIF block (with or without its name) or, if that does
    not say, by its XMP packet."""
    value = read_tags(without_name(exif), (ORIENTATION,)).get(ORIENTATION)
    if isinstance(value, int):
        return value
    found = _XMP_ORIENTATION.search(xmp)
    return int(found[2]) if found else 1


def _value(
    block: bytes | mmap.mmap, order: str, kind: int, length: int, place: int
) -> int | str | None:
    if kind in _NUMBERS and length == 1:
        number: int = struct.unpack_from(order + _NUMBERS[kind][0], block, place)[0]
        return number
    if kind == _TEXT and length <= _LONGEST_TEXT:
        if length > 4:
            place = struct.unpack_from(f"{order}I", block, place)[0]
        text = bytes(block[place : place + length])
        return text.partition(b"\0")[0].decode("latin-1") if len(text) == length else None
    return None
