"""A GIF's first picture alone.

Pillow gathers every comment before it comes to a pixel, joining texts that grow with each of
their blocks: 1 MB of comments in blocks of one byte takes 14 s. Comments and applications' blocks
decide no pixel, and of an animation the first picture is taken, so the rest need not be read.
"""

from photosearch.images.photo_error import TooMuchWork

SIGNATURES = (b"GIF87a", b"GIF89a")
# A GIF of 50 megapixels has some 120,000 blocks of 255 bytes.
MOST_BLOCKS = 400_000

_IMAGE, _EXTENSION, _CONTROL, _END = 0x2C, 0x21, 0xF9, b"\x3b"


def first_picture(data: bytes) -> bytes:
    """The file without what comes after its first picture, and without comments before it.

    What can't be walked is given back as far as it was.

    Raises:
        TooMuchWork: if the picture has more blocks than a photo has.
    """
    place = 13 + _palette_bytes(data, 10)
    kept = [data[:place]]
    blocks = 0
    while place < len(data):
        if data[place] == _EXTENSION:
            end, count = _after_blocks(data, place + 2, MOST_BLOCKS - blocks)
            if data[place + 1 : place + 2] == bytes([_CONTROL]):
                kept.append(data[place:end])
        elif data[place] == _IMAGE:
            start = place + 10 + _palette_bytes(data, place + 9) + 1
            end, _ = _after_blocks(data, start, MOST_BLOCKS - blocks)
            kept.append(data[place:end])
            if end < len(data):
                kept.append(_END)
            break
        else:  # Pillow skips bytes between blocks
            end, count = place + 1, 1
        blocks += count
        place = end
    return b"".join(kept)


def _palette_bytes(data: bytes, flags: int) -> int:
    if flags >= len(data) or not data[flags] & 0x80:
        return 0
    return 3 << ((data[flags] & 7) + 1)


def _after_blocks(data: bytes, place: int, most: int) -> tuple[int, int]:
    """Where the blocks from ``place`` end, and how many they are."""
    for number in range(most):
        if place >= len(data):
            return len(data), number
        size = data[place]
        place += 1 + size
        if not size:
            return place, number + 1
    raise TooMuchWork(f"{MOST_BLOCKS:,} blocks")
