"""How much an AVIF names, before its decoder walks it.

An AVIF is a tree of boxes (ISO/IEC 14496-12), in which pictures are called items (ISO/IEC
23008-12). libavif looks for each item among all before it, so time grows with the square of
their number: 100,000 without a single pixel keep it for a minute.
"""

from collections.abc import Iterator

from photosearch.images.photo_error import TooMuchWork

#: Of a large picture, which is a grid of some hundred, each has a few entries.
MOST_PARTS = 10_000

#: Boxes of boxes, and how many bytes of their own come first.
_CONTAINERS = {
    b"meta": 4,
    b"iprp": 0,
    b"ipco": 0,
    b"grpl": 0,
    b"moov": 0,
    b"trak": 0,
    b"mdia": 0,
    b"minf": 0,
    b"dinf": 0,
    b"stbl": 0,
}


def require_few_parts(data: bytes) -> None:
    """Count boxes and entries, as far as they can be followed; other files have none.

    Raises:
        TooMuchWork: if there are more than a photo has.
    """
    if data[4:8] != b"ftyp":
        return
    parts = 0
    for count in _counts(memoryview(data)):
        parts += count
        if parts > MOST_PARTS:
            raise TooMuchWork(f"{MOST_PARTS:,} boxes and entries")


def _counts(data: memoryview) -> Iterator[int]:
    """One for each box, and what its entries add."""
    waiting = [(0, len(data), b"")]
    while waiting:
        place, end, within = waiting.pop()
        while place + 8 <= end:
            size, name = int.from_bytes(data[place : place + 4]), bytes(data[place + 4 : place + 8])
            start = place + 8
            if size == 1:  # it needs 64 bits
                size, start = int.from_bytes(data[place + 8 : place + 16]), place + 16
            place = end if size == 0 else min(place + size, end)  # 0: up to the end
            if place < start:
                break
            content = data[start:place]
            yield 1 + _entries(name, content, within)
            if name in _CONTAINERS:
                waiting.append((start + _CONTAINERS[name], place, name))
            elif name == b"iinf":
                waiting.append((start + (8 if _version(content) else 6), place, name))
            elif name == b"iref":
                waiting.append((start + 4, place, b"iref32" if _version(content) else b"iref16"))


def _entries(name: bytes, content: memoryview, within: bytes) -> int:
    """How many items a table names, by its own count."""
    if within == b"iref16":
        return int.from_bytes(content[2:4])
    if within == b"iref32":
        return int.from_bytes(content[4:6])
    if name == b"iloc":
        return int.from_bytes(content[6:10] if _version(content) == 2 else content[6:8])
    if name == b"ipma":
        return int.from_bytes(content[4:8])
    return 0


def _version(content: memoryview) -> int:
    return content[0] if content else 0
