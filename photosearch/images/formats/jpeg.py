"""What a JPEG says before its pixels: enough to know how much work they are.

libjpeg walks all blocks of a photo once for each scan, and a file may hold a scan in 80 bytes:
20,000 of them in 1.6 MB took 46 s. A photo of one sequential scan can't: its decoder reads
each byte and makes each pixel once. So the segments are walked first. Those that decide no pixel
(metadata of any length and number, thumbnails, previews) are left out of what the decoder gets,
and the photo's orientation is read from them here.
"""

import re
import struct
from contextlib import suppress
from dataclasses import dataclass, field

from photosearch.images.formats.exif import orientation
from photosearch.images.photo_error import TooMuchWork

SOI, EOI = b"\xff\xd8", b"\xff\xd9"

# More scans than any encoder writes: full progression by single bits of three colours is below.
MOST_SCANS = 500
MOST_SEGMENTS = 5_000
# Megapixels times scans: 108 megapixels in more scans than any phone or editor writes.
MOST_WORK = 2_500

_SOS = 0xDA
_FRAMES = {0xC0, 0xC1, 0xC2}
"""Start of a frame: baseline, extended, progressive; all Huffman-coded."""
_TABLES = {0xC4, 0xDB, 0xDD}
_APP0, _APP1, _APP14 = 0xE0, 0xE1, 0xEE
_UNREAD = {
    0xC3: "a lossless JPEG",
    0xC5: "a hierarchical JPEG",
    0xC6: "a hierarchical JPEG",
    0xC7: "a hierarchical JPEG",
    0xF7: "a JPEG-LS image",
}
_EXIF, _XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
# A marker in a scan: not a stuffed byte, not a restart, not a fill byte.
_MARKER_IN_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
# A search keeps all other threads waiting; this much takes it a millisecond at the worst.
_SEARCHED_AT_ONCE = 64 << 10
# Of an EXIF block that goes on in further segments: no tag that is looked up lies behind it.
_MOST_EXIF_BYTES = 1 << 20


class UnreadableJpegError(ValueError):
    """A JPEG that no decoder here reads; the text says what it is."""


@dataclass
class Jpeg:
    """A JPEG's header.

    ``slim`` is the file without what decides no pixel. ``scans`` counts no further than
    ``MOST_SCANS``. ``has_all_pixels`` is said of a file that ends without its end marker: whether
    every colour has had its last scan.
    """

    width: int = 0
    height: int = 0
    components: int = 0
    is_progressive: bool = False
    scans: int = 1
    is_ended: bool = True
    has_all_pixels: bool = False
    orientation: int = 1
    slim: bytes = b""
    exif: bytes = b""
    _kept: list[bytes] = field(default_factory=list)
    _xmp: bytes = b""

    @property
    def megapixels(self) -> float:
        return self.width * self.height / 1e6


def read_jpeg(data: bytes) -> Jpeg | None:
    """Walk the segments of ``data``; None if it is no JPEG, or not one that can be walked.

    Raises:
        UnreadableJpegError: if it is of a kind that is not read.
        TooMuchWork: if it has more scans or segments than a photo has.
    """
    if not data.startswith(b"\xff\xd8\xff"):
        return None
    jpeg = Jpeg()
    start = _walk_header(data, jpeg)
    if start is None or not jpeg.width or not jpeg.height:
        return None
    jpeg.orientation = orientation(jpeg.exif, jpeg._xmp)
    jpeg.slim = b"".join([SOI, *jpeg._kept, data[start:]])
    in_first = data[start + 4] if start + 4 < len(data) else 0
    if jpeg.is_progressive or in_first != jpeg.components:
        _walk_scans(data, start, jpeg)
    return jpeg


def require_little_work(jpeg: Jpeg) -> None:
    """Raise TooMuchWork if a JPEG's scans are more work together than a photo's."""
    if jpeg.megapixels * jpeg.scans > MOST_WORK:
        raise TooMuchWork(f"{MOST_WORK:,} megapixels in all scans together")


def exif_of_start(data: bytes) -> bytes:
    """The EXIF block of a JPEG of which ``data`` is the beginning; empty if there is none."""
    jpeg = Jpeg()
    with suppress(UnreadableJpegError, TooMuchWork):
        _walk_header(data, jpeg)
    return jpeg.exif


def look_for_end(data: bytes, jpeg: Jpeg) -> None:
    """Find out whether a walked JPEG ends, and if not, whether it has all its scans."""
    start = _walk_header(data, Jpeg())
    if start is not None:
        _walk_scans(data, start, jpeg)


def _walk_header(data: bytes, jpeg: Jpeg) -> int | None:
    """Fill ``jpeg``; where its first scan starts, none if that can't be told."""
    place = 2
    for _ in range(MOST_SEGMENTS):
        if place + 4 > len(data) or data[place] != 0xFF:
            return None
        marker = data[place + 1]
        if marker == 0xFF:  # a fill byte
            place += 1
            continue
        if marker == _SOS:
            return place
        if marker in _UNREAD:
            raise UnreadableJpegError(_UNREAD[marker])
        length = int.from_bytes(data[place + 2 : place + 4])
        end = place + 2 + length
        if length < 2 or end > len(data) or marker < 0xC0 or 0xD0 <= marker <= 0xD9:
            return None
        content = data[place + 4 : min(end, place + 4 + 32)]
        if marker in _FRAMES:
            _read_frame(marker, content, jpeg)
        elif marker in range(0xC9, 0xCC) or marker in range(0xCD, 0xD0):
            return None  # arithmetic coding: rare, slow, and left to the decoder
        if marker == _APP1:
            if content.startswith(_EXIF) and len(jpeg.exif) < _MOST_EXIF_BYTES:
                body = data[place + 4 : end]
                jpeg.exif = jpeg.exif + body[6:] if jpeg.exif else body
            elif content.startswith(_XMP):
                jpeg._xmp = data[place + 4 + len(_XMP) : end]
        if (
            marker in _FRAMES
            or marker in _TABLES
            or (marker == _APP0 and content.startswith(b"JFIF"))
            or (marker == _APP14 and content.startswith(b"Adobe"))
        ):
            jpeg._kept.append(data[place:end])
        place = end
    raise TooMuchWork(f"{MOST_SEGMENTS:,} segments")


def _read_frame(marker: int, content: bytes, jpeg: Jpeg) -> None:
    if len(content) < 6:
        return
    precision, jpeg.height, jpeg.width, jpeg.components = struct.unpack_from(">BHHB", content)
    if precision != 8:
        raise UnreadableJpegError(f"a JPEG of {precision} bits a colour")
    jpeg.is_progressive = marker == 0xC2


def _walk_scans(data: bytes, place: int, jpeg: Jpeg) -> None:
    """Count the scans from ``place``, the first one's marker, to the end of the photo."""
    left: dict[tuple[int, int], int] = {}  # (component, coefficient): bits still to come
    scans = 0
    for _ in range(MOST_SEGMENTS):
        if place + 4 > len(data):
            break
        marker = data[place + 1]
        if marker == EOI[1]:
            jpeg.is_ended, jpeg.scans = True, max(1, scans)
            return
        length = int.from_bytes(data[place + 2 : place + 4])
        end = place + 2 + length
        if end > len(data):
            break
        if marker == _SOS:
            scans += 1
            if scans > MOST_SCANS:
                raise TooMuchWork(f"{MOST_SCANS} scans")
            _note(data[place + 4 : end], left)
        place = _next_marker(data, end)
        if place == len(data):
            break
    else:
        raise TooMuchWork(f"{MOST_SEGMENTS:,} segments")
    jpeg.is_ended, jpeg.scans = False, max(1, scans)
    jpeg.has_all_pixels = len(left) == jpeg.components * 64 and not any(left.values())


def _next_marker(data: bytes, place: int) -> int:
    """Where the scan that goes on at ``place`` is over; the end of the file if it is not."""
    while place < len(data):
        found = _MARKER_IN_SCAN.search(data, place, place + _SEARCHED_AT_ONCE + 1)
        if found is not None:
            return found.start()
        place += _SEARCHED_AT_ONCE
    return len(data)


def _note(scan: bytes, left: dict[tuple[int, int], int]) -> None:
    """Keep what a scan brings: of each of its components and coefficients the bits still open."""
    count = scan[0] if scan else 0
    if len(scan) < 4 + 2 * count:
        return
    first, last, bits = scan[1 + 2 * count : 4 + 2 * count]
    for number in range(count):
        component = scan[1 + 2 * number]
        for coefficient in range(first, min(last, 63) + 1):
            left[component, coefficient] = bits & 15
