"""What kind of TIFF a file is, where it is one that is not read.

TIFF is a box for everything: measurements, Lab colours, cameras' raw files. A whole file of such
a kind must not be called damaged, and the small preview that a raw file begins with must not be
taken for the photo.
"""

import struct
from collections.abc import Collection, Iterator

from photosearch.images.photo_error import TooMuchWork

_SUBFILE, _BITS, _COMPRESSION, _PHOTOMETRIC = 254, 258, 259, 262
_SUB_DIRECTORIES, _SAMPLE_FORMAT, _DNG_VERSION = 330, 339, 50706
_SAMPLES = 277
_NUMBERS = {1: ("B", 1), 3: ("H", 2), 4: ("I", 4), 13: ("I", 4)}
_STRIPS, _TILES = 273, 324

# Pillow makes some objects of each. A photo of 16 megapixels in the smallest tiles has as many.
MOST_PIECES = 65_536

_COLOURS = {4: "a mask", 8: "CIELab colours", 9: "ICCLab colours", 10: "ITULab colours"}
_COLOURS |= {32803: "a sensor's raw colours", 32844: "LogL values", 32845: "LogLuv colours"}
_COLOURS |= {34892: "a sensor's raw colours"}
_COMPRESSIONS = {34712: "JPEG 2000", 34933: "PNG", 34934: "JPEG XR", 50002: "JPEG XL"}
_COMPRESSIONS |= {34661: "JBIG", 34715: "JBIG2", 34887: "LERC", 22610: "JPEG XR"}
_COMPRESSIONS |= {34676: "SGILog", 34677: "SGILog", 52546: "JPEG XL", 34713: "Nikon's"}


def is_tiff(data: bytes) -> bool:
    return data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def require_few_pieces(data: bytes) -> None:
    """Raise TooMuchWork if a TIFF consists of more strips or tiles than a photo."""
    if is_tiff(data) and max(_lengths(data, (_STRIPS, _TILES)), default=0) > MOST_PIECES:
        raise TooMuchWork(f"{MOST_PIECES:,} strips or tiles")


def unread_kind(data: bytes) -> str | None:
    """What a TIFF is whose pixels would be read wrong, in words; none if it is not such a one."""
    tags = _tags(data)
    is_preview = bool(tags.get(_SUBFILE, 0) & 1) and _SUB_DIRECTORIES in tags
    if is_preview or _DNG_VERSION in tags or data[8:10] == b"CR":
        return "a camera's raw file"
    return _strange_colours(tags)


def strange_kind(data: bytes) -> str | None:
    """What makes a TIFF one that is not read, in words; none if nothing does."""
    if not is_tiff(data):
        return None
    tags = _tags(data)
    if not tags:
        return None
    if (colours := _strange_colours(tags)) is not None:
        return colours
    if tags.get(_COMPRESSION) in _COMPRESSIONS:
        return f"a TIFF compressed as {_COMPRESSIONS[tags[_COMPRESSION]]}"
    bits, samples = tags.get(_BITS, 1), tags.get(_SAMPLES, 1)
    kind = {2: "signed numbers", 3: "floating-point numbers", 5: "complex numbers"}.get(
        tags.get(_SAMPLE_FORMAT, 1)
    )
    if kind is not None and (samples, bits) not in ((1, 16), (1, 32)):
        return f"a TIFF of {samples} x {bits}-bit {kind}"
    if bits not in (1, 2, 4, 8, 16, 32) or samples not in (1, 2, 3, 4):
        return f"a TIFF of {samples} x {bits} bits"
    return None


def _strange_colours(tags: dict[int, int]) -> str | None:
    colours = _COLOURS.get(tags.get(_PHOTOMETRIC, 0))
    return None if colours is None else f"a TIFF of {colours}"


def _tags(data: bytes) -> dict[int, int]:
    """Of each tag of the first directory its first value, where that is a whole number."""
    found: dict[int, int] = {}
    for order, tag, kind, length, place in _entries(data):
        if kind not in _NUMBERS or not length:
            continue
        code, size = _NUMBERS[kind]
        if length * size > 4:
            (place,) = struct.unpack_from(f"{order}I", data, place)
        if place + size <= len(data):
            found[tag] = struct.unpack_from(order + code, data, place)[0]
    return found


def _lengths(data: bytes, tags: Collection[int]) -> Iterator[int]:
    return (length for _, tag, _, length, _ in _entries(data) if tag in tags)


def _entries(data: bytes) -> Iterator[tuple[str, int, int, int, int]]:
    """Byte order, tag, type, number of values and place of the value, of each tag of the first
    directory; of BigTIFF none."""
    if data[:4] not in (b"II*\0", b"MM\0*") or len(data) < 8:
        return
    order = "<" if data[:2] == b"II" else ">"
    (place,) = struct.unpack_from(f"{order}I", data, 4)
    if not 8 <= place <= len(data) - 2:
        return
    (count,) = struct.unpack_from(f"{order}H", data, place)
    for entry in range(place + 2, min(place + 2 + 12 * count, len(data) - 11), 12):
        tag, kind, length = struct.unpack_from(f"{order}HHI", data, entry)
        yield order, tag, kind, length, entry + 8
