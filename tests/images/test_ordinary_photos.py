"""Which PNGs and WebPs are decoded without a process of their own, and which never are."""

import struct
import time
from contextlib import suppress

import pytest
from PIL import Image

from photosearch.images.decode import decode_photo
from photosearch.images.formats.ordinary import MOST_BYTES, is_ordinary
from photosearch.images.photo_error import PhotoError
from tests.images.hostile import (
    HOSTILE,
    compressed_zeros,
    noise,
    png,
    png_chunk,
    png_in_many_chunks,
    saved,
    small_png,
    webp_of_one_colour,
)


def in_canvas(picture: bytes, width: int, height: int, flags: int = 0) -> bytes:
    """A WebP's picture behind a header that tells another size."""
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    header = b"VP8X" + struct.pack("<II", 10, flags) + size
    body = b"WEBP" + header + picture[12:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_what_shops_and_phones_send_is_ordinary(kind: str, channels: int) -> None:
    assert is_ordinary(saved(noise(600, 400, channels), kind))


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_only_ordinary_if_it_is_little_work(kind: str) -> None:
    photo = HOSTILE[kind]()

    before = time.process_time()
    with suppress(PhotoError):
        if is_ordinary(photo):
            decode_photo(photo, max_megapixels=110)

    assert time.process_time() - before < 1.0


def test_what_may_unfold_is_not() -> None:
    animation = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    exif = Image.Exif()
    exif[0x0112] = 6
    header = png_chunk(b"IHDR", struct.pack(">2I5B", 9000, 9000, 8, 6, 0, 0, 0))
    for photo in (
        png(2000, 1100, compressed_zeros(1 << 20)),
        small_png(before=header),
        small_png(before=png_chunk(b"zTXt", b"Comment\0\0") * 5),
        png_in_many_chunks(1_001),
        small_png(before=png_chunk(b"prVt", bytes(MOST_BYTES))),
        webp_of_one_colour(2000, 1100),
        saved(animation[0], "WEBP", save_all=True, append_images=animation[1:]),
        saved(noise(60, 40), "WEBP", exif=exif),
        in_canvas(saved(noise(60, 40), "WEBP"), 60, 40, flags=2),
    ):
        assert not is_ordinary(photo)


def test_a_picture_larger_than_its_canvas_is_not_decoded() -> None:
    photo = in_canvas(webp_of_one_colour(10_000, 10_000), 60, 40)

    with pytest.raises(PhotoError, match="can't be decoded"):
        decode_photo(photo, max_megapixels=110)
