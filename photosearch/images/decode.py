"""From a photo's bytes to pixels, for catalogue photos and for a shopper's alike.

Bytes come from strangers, so the declared size is checked before a pixel is made, only formats
whose decoder is fit for strangers' bytes are tried, and what decides no pixel is left out before
a decoder sees it. JPEGs are decoded at the smallest of libjpeg's scales that is still large enough
(``draft``), 2.5 to 4 times as fast as at full size.

What is left may still be much work; :mod:`photosearch.images.decoding.decoder` says where it is
done.
"""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ImageFile import ImageFile

from photosearch.images.formats import avif, gif, jpeg, png, tiff
from photosearch.images.formats.exif import ORIENTATION
from photosearch.images.formats.ordinary import is_ordinary
from photosearch.images.formats.photo_bytes import FIRST_BYTES, is_photo
from photosearch.images.formats.unknown_bytes import declared_size, looks_like
from photosearch.images.photo_error import PhotoError, TooMuchWork
from photosearch.images.pixels import rgb, upright

# No EPS (it runs Ghostscript), no icons, no camera formats. MPO, which many phones write, is a
# JPEG with more behind it.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF")
READ = "JPEG, PNG, WebP, GIF, TIFF, BMP or AVIF"
_REMEDY = "convert it to JPEG"

# Of a thinner photo the middle is kept: scaled to the network's side its length would be
# huge, and the network looks at the middle anyway.
LONGEST_ASPECT = 8

# What is decoded in some tenths of a second at most. A progressive photo's pixels are walked once
# for each scan.
_LITTLE_MEGAPIXELS, _LITTLE_BYTES, _LITTLE_WORK = 16.0, 8 << 20, 48.0

# Two canvases, Pillow's copy, and the picture made of it.
_WEBP_BYTES_A_PIXEL = 16

# What stands for the bytes that a cut-off JPEG lacks, to see whether its pixels depend on them.
_STAND_INS = (b"", b"\0" * 64, b"\x55" * 64, b"\xaa" * 64, bytes(range(1, 65)))


@dataclass(frozen=True)
class _Opened:
    """A photo's decoder before it makes pixels; its orientation, where it was read already."""

    image: ImageFile
    orientation: int | None = None


def decode_photo(
    data: bytes, *, max_megapixels: float, side: int = 224, name: str = "photo"
) -> NDArray[np.uint8]:
    """The pixels of a photo as a person sees it: uint8 [height, width, 3], RGB, upright.

    A photo may come smaller than it is, its shorter side still at least ``side``; it never
    comes larger. Of an animation it is the first frame; what is transparent lies on white;
    of a photo more than 8 times as long as wide it is the middle.

    Raises:
        PhotoError: if the bytes are no photo, damaged, or declare too many pixels.
    """
    header = _read_jpeg(data, max_megapixels, name)
    if header is not None:
        return _pixels_of_jpeg(data, header, side, name)
    require_size(*declared_size(data), max_megapixels, name)
    opened = _open(data, name)
    require_size(*opened.image.size, max_megapixels, name)
    try:
        return _pixels(opened, side)
    except MemoryError:
        raise
    except Exception as error:  # Pillow's decoders raise nearly anything on damaged bytes
        kind = tiff.strange_kind(data)
        if kind is not None:
            raise _unread(name, kind) from error
        raise _damaged(name, opened.image.format, error) from error


def decode_if_little_work(
    data: bytes, *, max_megapixels: float, side: int = 224, name: str = "photo"
) -> NDArray[np.uint8] | None:
    """As :func:`decode_photo`, if the header proves that it is little work, whatever follows.

    None if it does not: for large photos, and for formats other than JPEG, PNG and WebP.
    """
    if len(data) > _LITTLE_BYTES:
        return None
    header = _read_jpeg(data, max_megapixels, name)
    if header is None:
        if not is_ordinary(data):
            return None
        return decode_photo(data, max_megapixels=max_megapixels, side=side, name=name)
    work = header.megapixels * header.scans
    if header.megapixels > _LITTLE_MEGAPIXELS or work > _LITTLE_WORK:
        return None
    return _pixels_of_jpeg(data, header, side, name)


def _read_jpeg(data: bytes, max_megapixels: float, name: str) -> jpeg.Jpeg | None:
    try:
        header = jpeg.read_jpeg(data)
        if header is not None:
            require_size(header.width, header.height, max_megapixels, name)
            jpeg.require_little_work(header)
        return header
    except jpeg.UnreadableJpegError as error:
        raise _unread(name, str(error)) from error
    except TooMuchWork as error:
        raise _too_much(name, error) from error


def require_size(width: int, height: int, max_megapixels: float, name: str) -> None:
    """Raise PhotoError if a photo of this size is larger than the limit."""
    megapixels = width * height / 1e6
    if megapixels > max_megapixels:
        raise PhotoError(
            f"{name} has too many pixels",
            found=f"{width} x {height}, {megapixels:.1f} megapixels",
            limit=f"{max_megapixels:g} megapixels",
            remedy="make it smaller, or raise max_megapixels",
        )


def _pixels_of_jpeg(data: bytes, header: jpeg.Jpeg, side: int, name: str) -> NDArray[np.uint8]:
    try:
        return _pixels(_opened_jpeg(header.slim, header.orientation), side)
    except MemoryError:
        raise
    except Exception as error:
        jpeg.look_for_end(data, header)
        if header.is_ended or not header.has_all_pixels:
            raise _damaged(name, "JPEG", error) from error
        return _pixels_without_end(header, side, name, error)


def _pixels_without_end(
    header: jpeg.Jpeg, side: int, name: str, error: Exception
) -> NDArray[np.uint8]:
    """The pixels of a JPEG that lacks its last bytes, if those decide none."""
    found: list[NDArray[np.uint8]] = []
    body = header.slim.removesuffix(b"\xff")
    for stand_in in _STAND_INS:
        try:
            whole = body + stand_in + jpeg.EOI
            found.append(_pixels(_opened_jpeg(whole, header.orientation), side))
        except Exception:
            raise _damaged(name, "JPEG", error) from error
        if not np.array_equal(found[0], found[-1]):
            raise _damaged(name, "JPEG", error) from error
    return found[0]


def _opened_jpeg(slim: bytes, orientation: int) -> _Opened:
    Image.init()
    factory, _ = Image.OPEN["JPEG"]
    image = factory(io.BytesIO(slim), "")
    # All of it at once: given piece by piece, libjpeg walks a long run of fill bytes from its
    # start again with each piece.
    image.decodermaxblock = len(slim)
    return _Opened(image, orientation)


def _pixels(opened: _Opened, side: int) -> NDArray[np.uint8]:
    image = opened.image
    image.draft("RGB", (side, side))
    image.load()
    visible = rgb(_middle(image))
    shrink = min(visible.size) // side
    small = visible.reduce(shrink) if shrink > 1 else visible
    orientation = opened.orientation
    return np.array(upright(small, _orientation(image) if orientation is None else orientation))


def _orientation(image: Image.Image) -> int:
    """What the metadata says; ask after loading, because TIFF is turned by Pillow itself."""
    try:
        value = image.getexif().get(ORIENTATION)
    except MemoryError:
        raise
    except Exception:  # damaged metadata; the pixels are fine
        return 1
    return value if isinstance(value, int) else 1


def _open(data: bytes, name: str) -> _Opened:
    """A photo's format and size, no pixels yet.

    ``Image.open`` is not used: it warns or fails at a limit on pixels that is one for the
    whole process, and ours is a setting.

    Raises:
        PhotoError: if it is no photo, or its header is damaged.
    """
    Image.init()
    start, orientation = data[:FIRST_BYTES], None
    if not is_photo(start):
        raise _unread(name, looks_like(start) or f"bytes that start with {start[:8].hex(' ')}")
    unread = tiff.unread_kind(data)
    if unread is not None:
        raise _unread(name, unread)
    try:
        tiff.require_few_pieces(data)
        avif.require_few_parts(data)
        if data.startswith(png.SIGNATURE) and data[12:16] != b"CgBI":
            read = png.read_png(data)
            data, orientation = read.slim, read.orientation
        elif data.startswith(gif.SIGNATURES):
            data = gif.first_picture(data)
    except TooMuchWork as error:
        raise _too_much(name, error) from error
    if start[8:12] == b"WEBP":
        _require_room(*declared_size(data))
    failure: Exception | None = None
    for kind in FORMATS:
        factory, accept = Image.OPEN.get(kind, (None, None))
        # Any brand may come first in an AVIF; Pillow knows some.
        is_avif = kind == "AVIF" and start[4:8] == b"ftyp"
        if factory is None or not (is_avif or accept is None or accept(start[:16]) is True):
            continue
        try:
            return _Opened(factory(io.BytesIO(data), ""), orientation)
        except MemoryError:
            raise
        except Exception as error:
            failure = error
    kind_found = tiff.strange_kind(data) or looks_like(start)
    if kind_found is not None:
        raise _unread(name, kind_found)
    raise PhotoError(
        f"{name} can't be decoded",
        found=f"a damaged header ({failure or type(failure).__name__})",
        remedy="replace it with a whole file",
    ) from failure


def _unread(name: str, found: str) -> PhotoError:
    return PhotoError(
        f"{name} is no photo that can be read", found=found, limit=READ, remedy=_REMEDY
    )


def _too_much(name: str, error: TooMuchWork) -> PhotoError:
    return PhotoError(
        f"{name} takes too much work to decode",
        found=f"more than {error}",
        limit=str(error),
        remedy="save it again with another program",
    )


def _require_room(width: int, height: int) -> None:
    """Raise MemoryError if a WebP of this size can't be decoded; its decoder would call it
    damaged. What is asked for is not touched, so asking costs nothing."""
    np.empty(width * height * _WEBP_BYTES_A_PIXEL, np.uint8)


def _damaged(name: str, kind: str | None, error: Exception) -> PhotoError:
    return PhotoError(
        f"{name} can't be decoded",
        found=f"damaged or cut off {kind} ({error or type(error).__name__})",
        remedy="replace it with a whole file",
    )


def _middle(image: Image.Image) -> Image.Image:
    width, height = image.size
    longest = LONGEST_ASPECT * min(width, height)
    if max(width, height) <= longest:
        return image
    left, top = max(0, width - longest) // 2, max(0, height - longest) // 2
    box = (left, top, min(width, left + longest), min(height, top + longest))
    return image.crop(box)
