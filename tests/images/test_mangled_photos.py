"""Whatever a stranger does to a photo's bytes, it is a photo or an unusable photo."""

import zlib
from itertools import product

import pytest
from PIL import Image

from photosearch.images.decode import decode_if_little_work, decode_photo
from photosearch.images.photo_error import PhotoError
from tests.images.hostile import noise, saved

_EXIF = Image.Exif()
_EXIF[0x0112], _EXIF[0x9003] = 6, "2026:11:30 10:00:00"
_FRAMES = [noise(40, 30), noise(40, 30)]
PHOTOS = {
    "JPEG": saved(noise(40, 30), "JPEG", exif=_EXIF),
    "progressive JPEG": saved(noise(40, 30), "JPEG", progressive=True),
    "PNG": saved(noise(40, 30), "PNG", exif=_EXIF),
    "grey PNG": saved(noise(40, 30).convert("1"), "PNG", transparency=1),
    "deep PNG": saved(noise(40, 30).convert("I;16"), "PNG"),
    "PNG of a palette": saved(noise(40, 30).convert("P"), "PNG", transparency=bytes(9)),
    "WebP": saved(noise(40, 30), "WEBP", exif=_EXIF),
    "lossless WebP": saved(noise(40, 30), "WEBP", lossless=True),
    "GIF": saved(noise(40, 30).convert("P"), "GIF", transparency=3),
    "TIFF": saved(noise(40, 30), "TIFF"),
    "TIFF of LZW": saved(noise(40, 30).convert("L"), "TIFF", compression="tiff_lzw"),
    "BMP": saved(noise(40, 30), "BMP"),
    "AVIF": saved(noise(40, 30), "AVIF"),
    "animated GIF": saved(_FRAMES[0], "GIF", save_all=True, append_images=_FRAMES[1:]),
    "animated PNG": saved(_FRAMES[0], "PNG", save_all=True, append_images=_FRAMES[1:]),
    "animated WebP": saved(_FRAMES[0], "WEBP", save_all=True, append_images=_FRAMES[1:]),
}
HEADER_BYTES = 160
VALUES = (0x00, 0x01, 0x7F, 0x80, 0xFF)


def with_checksums(png: bytes) -> bytes:
    """The PNG with the checksums that its chunks should have, so that readers go on."""
    out, place = bytearray(png[:8]), 8
    while place + 12 <= len(png):
        end = place + 8 + int.from_bytes(png[place : place + 4])
        checked = png[place + 4 : end]
        out += png[place : place + 4] + checked + zlib.crc32(checked).to_bytes(4)
        place = end + 4
    return bytes(out)


@pytest.mark.parametrize("kind", PHOTOS)
def test_each_byte_of_a_header_may_be_anything(kind: str) -> None:
    photo = PHOTOS[kind]
    decoded = 0
    for place, value in product(range(min(HEADER_BYTES, len(photo))), VALUES):
        mangled = bytearray(photo)
        mangled[place] = value
        whole = with_checksums(bytes(mangled)) if "PNG" in kind else bytes(mangled)
        for decode in (decode_photo, decode_if_little_work):
            try:
                decoded += decode(whole, max_megapixels=0.5, side=224) is not None
            except (PhotoError, MemoryError):
                continue
            except Exception as error:
                raise AssertionError(f"{kind}: byte {place} is {value:#x}") from error
    assert decoded  # most bytes matter little


@pytest.mark.parametrize("kind", PHOTOS)
def test_a_photo_may_end_anywhere(kind: str) -> None:
    photo = PHOTOS[kind]
    for length in {*range(min(HEADER_BYTES, len(photo))), *range(0, len(photo), 97)}:
        try:
            decode_photo(photo[:length], max_megapixels=0.5)
        except (PhotoError, MemoryError):
            continue
        except Exception as error:
            raise AssertionError(f"{kind}: {length} bytes of it") from error
