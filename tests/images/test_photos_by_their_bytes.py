"""Which bytes are a photo, whatever their file is called."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from photosearch.images.decode import FORMATS, decode_photo
from photosearch.images.formats.photo_bytes import FIRST_BYTES, is_photo, is_tiff
from photosearch.images.photo_error import PhotoError


def begun(form: str, **options: object) -> bytes:
    """The first bytes of a picture that Pillow saves in a format."""
    file = io.BytesIO()
    Image.new("RGB", (20, 10), "red").save(file, form, **options)
    return file.getvalue()[:FIRST_BYTES]


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_that_is_read_is_known_by_its_bytes(form: str) -> None:
    assert is_photo(begun(form))


def test_an_animation_and_a_large_tiff_are_known_too() -> None:
    more = [Image.new("RGB", (20, 10), "blue")]

    assert is_photo(begun("AVIF", save_all=True, append_images=more))
    assert is_photo(begun("PNG", save_all=True, append_images=more))
    assert is_tiff(begun("TIFF", big_tiff=True))
    assert not is_tiff(begun("PNG"))


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"BMW, blue, first owner: 7,900 EUR for all who come soon",
        b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0",
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
        b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic",
        b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41",
        b"%PDF-1.7",
        b"GIF86a",
        b"II",
    ],
)
def test_what_is_no_photo_is_none(start: bytes) -> None:
    assert not is_photo(start)


def test_an_avif_that_calls_itself_an_image_first_is_one() -> None:
    assert is_photo(b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf")


@given(st.sampled_from(FORMATS), st.integers(1, 40))
def test_the_beginning_of_a_photo_is_never_too_short_to_ask(form: str, length: int) -> None:
    assert is_photo(begun(form)[:length]) in (True, False)


@given(st.binary(max_size=64))
def test_what_is_taken_for_a_photo_is_one_that_the_decoder_tries(start: bytes) -> None:
    if is_photo(start):
        with pytest.raises(PhotoError) as caught:
            decode_photo(start, max_megapixels=50)
        assert "bytes that start with" not in str(caught.value)
