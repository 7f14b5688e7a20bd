"""Whether bytes are a photo of a format that is read, by how they begin.

A file's suffix says what somebody called it. Browsers, messengers, cameras and backups save
photos under dozens of others, and under none. Pillow is not asked: its own look at a few bytes
takes any text that begins with ``BM`` for a bitmap, and the HEIC of phones for AVIF.
"""

FIRST_BYTES = 512
"""So many decide."""

_JPEG = b"\xff\xd8\xff"
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_STARTS = (_JPEG, b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", *_TIFF)
_AVIF_BRANDS = {b"avif", b"avis"}
_BITMAP_HEADERS = {12, 16, 40, 52, 56, 64, 108, 124}


def is_photo(start: bytes) -> bool:
    """Whether a file's first bytes are those of JPEG, PNG, GIF, TIFF, WebP, AVIF or BMP."""
    return (
        start.startswith(_STARTS)
        or (start[:4] == b"RIFF" and start[8:12] == b"WEBP")
        or (start[4:8] == b"ftyp" and not _AVIF_BRANDS.isdisjoint(_brands(start)))
        or (start[:2] == b"BM" and int.from_bytes(start[14:18], "little") in _BITMAP_HEADERS)
    )


def is_tiff(start: bytes) -> bool:
    """Whether it is TIFF, in which most cameras' raw formats lie too."""
    return start.startswith(_TIFF)


def _brands(start: bytes) -> set[bytes]:
    """What an ISO media file says that it is, and what else can read it."""
    end = min(int.from_bytes(start[:4], "big"), len(start))
    return {start[8:12], *(start[at : at + 4] for at in range(16, end - 3, 4))}
