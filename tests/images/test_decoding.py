"""What photos look like once decoded, and what is said of those that can't be."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from photosearch.images.decode import decode_photo
from photosearch.images.photo_error import PhotoError

RED, WHITE = (255, 0, 0), (255, 255, 255)


def decode(data: bytes, **options: Any) -> NDArray[np.uint8]:
    return decode_photo(data, **{"max_megapixels": 50, "name": "photo 'a.jpg'", **options})


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def corners(width: int = 320, height: int = 240) -> Image.Image:
    """Red at the top left, green at the top right, blue below."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = RED
    pixels[: height // 2, width // 2 :] = (0, 255, 0)
    pixels[height // 2 :] = (0, 0, 255)
    return Image.fromarray(pixels)


def looks_like_corners(pixels: NDArray[np.uint8]) -> bool:
    height, width, _ = pixels.shape
    points = [
        (height // 4, width // 4),
        (height // 4, width * 3 // 4),
        (height * 3 // 4, width // 2),
    ]
    found = np.array([pixels[y, x] for y, x in points]).astype(int)
    return bool(np.abs(found - [RED, (0, 255, 0), (0, 0, 255)]).max() < 12)


def is_all(pixels: NDArray[np.uint8], colour: tuple[int, int, int], within: int = 4) -> bool:
    return bool(np.abs(pixels.astype(int) - colour).max() <= within)


@pytest.mark.parametrize("kind", ["JPEG", "MPO", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF"])
def test_every_format_is_read(kind: str) -> None:
    pixels = decode(saved(corners(), kind))

    assert pixels.shape == (240, 320, 3)
    assert pixels.dtype == np.uint8
    assert pixels.flags.writeable
    assert looks_like_corners(pixels)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_upright(kind: str, orientation: int) -> None:
    turned_back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    image = corners(640, 480)
    if orientation in turned_back:
        image = image.transpose(turned_back[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation

    pixels = decode(saved(image, kind, exif=exif))

    assert pixels.shape[1] > pixels.shape[0]
    assert looks_like_corners(pixels)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_is_none_is_ignored(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation

    assert looks_like_corners(decode(saved(corners(), "JPEG", exif=exif)))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")  # Pillow says so, which is well
def test_damaged_metadata_does_not_spoil_a_photo() -> None:
    whole = saved(corners(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\xff" * 40)

    assert looks_like_corners(decode(whole))


def test_cmyk_is_shown_in_its_colours() -> None:
    cmyk = Image.new("CMYK", (300, 300), (0, 255, 255, 0))

    assert is_all(decode(saved(cmyk, "JPEG", quality=95)), RED, within=6)
    assert is_all(decode(saved(cmyk, "TIFF")), RED, within=6)


def test_sixteen_bits_are_scaled_and_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 300 * 300).astype(np.uint16).reshape(300, 300)

    for kind in ("PNG", "TIFF"):
        pixels = decode(saved(Image.fromarray(ramp), kind))
        assert np.array_equal(pixels[..., 0], (ramp >> 8).astype(np.uint8))
        assert np.array_equal(pixels[..., 0], pixels[..., 2])


def test_sixteen_bit_colour_png_is_read() -> None:
    row = b"\0" + struct.pack(">3H", 0xFFFF, 0x8000, 0) * 4
    png = png_file(4, 4, depth=16, colour=2, rows=row * 4)

    assert is_all(decode(png), (255, 128, 0), within=0)


@pytest.mark.parametrize(("value", "expected"), [(1.0, 255), (0.5, 127), (float("nan"), 0)])
def test_float_greys_are_read(value: float, expected: int) -> None:
    grey = np.full((300, 300), value, np.float32)

    assert is_all(decode(saved(Image.fromarray(grey), "TIFF")), (expected,) * 3, within=1)


def test_what_is_transparent_lies_on_white() -> None:
    clear = Image.new("RGBA", (300, 300), (0, 0, 0, 0))
    half = Image.new("RGBA", (300, 300), (255, 0, 0, 128))
    palette = Image.new("P", (300, 300), 3)
    palette.putpalette([0, 0, 0] * 4)

    for kind in ("PNG", "TIFF", "WEBP", "AVIF"):
        assert is_all(decode(saved(clear, kind)), WHITE)
    assert is_all(decode(saved(half, "PNG")), (255, 127, 127))
    assert is_all(decode(saved(clear.convert("LA"), "PNG")), WHITE)
    for kind in ("PNG", "GIF"):
        assert is_all(decode(saved(palette, kind, transparency=3)), WHITE)
        assert is_all(decode(saved(palette, kind)), (0, 0, 0))
    shades = saved(palette, "PNG", transparency=b"\xff\xff\xff\x80")
    assert is_all(decode(shades), (127, 127, 127))
    rgb_key = saved(Image.new("RGB", (300, 300), RED), "PNG", transparency=RED)
    assert is_all(decode(rgb_key), WHITE)


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA"])
def test_every_mode_of_a_png_is_read(mode: str) -> None:
    white = Image.new("L", (300, 300), 255).convert(mode)

    assert is_all(decode(saved(white, "PNG")), WHITE)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_of_an_animation_the_first_frame_is_taken(kind: str) -> None:
    frames = [Image.new("RGB", (300, 300), colour) for colour in (RED, (0, 0, 255), (0, 255, 0))]

    animation = saved(frames[0], kind, save_all=True, append_images=frames[1:])

    assert is_all(decode(animation), RED, within=8)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_large_photo_comes_smaller_but_not_below_the_side(kind: str) -> None:
    pixels = decode(saved(corners(4000, 3000), kind), side=224)

    assert 224 <= min(pixels.shape[:2]) < 448
    assert looks_like_corners(pixels)


def test_a_small_photo_stays_as_it_is() -> None:
    assert decode(saved(corners(40, 30), "PNG")).shape == (30, 40, 3)
    assert decode(saved(Image.new("RGB", (1, 1), RED), "PNG")).shape == (1, 1, 3)


def test_of_a_thin_photo_the_middle_is_kept() -> None:
    thin = np.zeros((5000, 1, 3), np.uint8)
    thin[2400:2600] = RED

    pixels = decode(saved(Image.fromarray(thin), "PNG"))

    assert pixels.shape == (8, 1, 3)
    assert is_all(pixels, RED)
    assert decode(saved(Image.new("RGB", (30_000, 300)), "JPEG")).shape[1] <= 8 * 300


# What can't be read


def test_a_bomb_is_refused_by_its_declared_size() -> None:
    bomb = png_file(30_000, 30_000, depth=8, colour=2, rows=b"")

    error = error_of(bomb)

    assert error.found == "30000 x 30000, 900.0 megapixels"
    assert error.limit == "50 megapixels"
    assert "max_megapixels" in str(error)


@pytest.mark.parametrize("kind", ["JPEG", "GIF", "TIFF", "WEBP", "BMP"])
def test_a_bomb_of_any_format_is_refused_before_its_pixels(kind: str) -> None:
    size = (16_000, 16_000) if kind == "WEBP" else (30_000, 30_000)
    small = saved(Image.new("RGB", (16, 16)), kind)

    error = error_of(with_declared_size(small, kind, size))

    assert "too many pixels" in error.what


def test_the_limit_on_pixels_is_the_settings_and_not_pillows() -> None:
    photo = saved(Image.new("1", (10_000, 10_000)), "PNG")  # Pillow warns at 89 megapixels

    assert decode(photo, max_megapixels=100).shape[2] == 3
    assert "100.0 megapixels" in str(error_of(photo, max_megapixels=99.9))


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "an empty file"),
        (b"hello", "bytes that start with 68 65 6c 6c 6f"),
        (b"\0" * 1000, "zeros"),
        (b"<!DOCTYPE html><html>404</html>", "an HTML page"),
        (b'<?xml version="1.0"?><svg xmlns="...">', "an SVG drawing"),
        (b"%PDF-1.7", "a PDF document"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC image"),
        (b"\0\0\0\x18ftypmp42", "a video or an unknown image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "a PostScript document"),
    ],
)
def test_bytes_that_are_no_photo_are_named(data: bytes, found: str) -> None:
    error = error_of(data)

    assert error.found is not None
    assert error.found.startswith(found)
    assert str(error).startswith("photo 'a.jpg' is no photo that can be read")
    assert error.remedy is not None


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_cut_off_photo_is_refused(kind: str, share: float) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    whole = saved(Image.fromarray(noise), kind)

    error = error_of(whole[: int(len(whole) * share)])

    assert "damaged" in str(error)
    assert error.remedy == "replace it with a whole file"


def test_a_photo_with_damaged_pixels_is_refused() -> None:
    whole = bytearray(saved(corners(), "PNG"))
    middle = whole.index(b"IDAT") + 10
    whole[middle : middle + 20] = b"\xff" * 20

    assert "damaged or cut off PNG" in str(error_of(bytes(whole)))


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(["JPEG", "PNG", "GIF", "TIFF", "BMP", "WEBP"]), st.data())
def test_damage_anywhere_gives_pixels_or_our_error(kind: str, data: st.DataObject) -> None:
    whole = bytearray(SMALL_PHOTOS[kind])
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=6)):
        whole[place] = data.draw(st.integers(0, 255))

    try:
        pixels = decode(bytes(whole), max_megapixels=4)
    except PhotoError:
        return
    assert pixels.ndim == 3


SMALL_PHOTOS = {
    kind: saved(corners(24, 16), kind) for kind in ("JPEG", "PNG", "GIF", "TIFF", "BMP", "WEBP")
}


def error_of(data: bytes, **options: Any) -> PhotoError:
    with pytest.raises(PhotoError) as caught:
        decode(data, **options)
    return caught.value


def png_file(width: int, height: int, *, depth: int, colour: int, rows: bytes) -> bytes:
    """A PNG of any declared size, whatever pixels it has."""

    def chunk(name: bytes, content: bytes) -> bytes:
        check = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)

    header = struct.pack(">2I5B", width, height, depth, colour, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def with_declared_size(data: bytes, kind: str, size: tuple[int, int]) -> bytes:
    """A small photo that says it is large."""
    width, height = size
    changed = bytearray(data)
    if kind == "JPEG":
        place = data.index(b"\xff\xc0") + 5
        changed[place : place + 4] = struct.pack(">2H", height, width)
    elif kind == "GIF":
        changed[6:10] = struct.pack("<2H", width, height)
    elif kind == "BMP":
        changed[18:26] = struct.pack("<2i", width, height)
    elif kind == "WEBP":
        place = data.index(b"\x9d\x01\x2a") + 3
        changed[place : place + 4] = struct.pack("<2H", width, height)
    else:
        directory = struct.unpack_from("<I", data, 4)[0]
        for entry in range(struct.unpack_from("<H", data, directory)[0]):
            place = directory + 2 + 12 * entry
            tag = struct.unpack_from("<H", data, place)[0]
            if tag in (256, 257):
                struct.pack_into("<2HII", changed, place, tag, 4, 1, size[tag - 256])
    return bytes(changed)
