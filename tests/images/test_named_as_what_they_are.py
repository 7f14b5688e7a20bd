"""Whole files are read as browsers read them or named as what they are; "damaged" only if so."""

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from photosearch.images.decode import decode_photo
from photosearch.images.photo_error import PhotoError
from tests.images.hostile import compressed_zeros, noise, png, png_chunk, saved, small_png, tiff

TEAL = (0x80, 0x20, 0x40)
READ = "JPEG, PNG, WebP, GIF, TIFF, BMP or AVIF"


def decode(data: bytes) -> np.ndarray:
    return decode_photo(data, max_megapixels=110, name="photo 'a.jpg'")


def refused(data: bytes) -> PhotoError:
    with pytest.raises(PhotoError) as caught:
        decode(data)
    return caught.value


def box(brand: bytes, *compatible: bytes) -> bytes:
    brands = brand + bytes(4) + b"".join(compatible)
    return struct.pack(">I", 8 + len(brands)) + b"ftyp" + brands + bytes(range(256)) * 8


# PNGs with more than their pixels

_TEXT = compressed_zeros(2 << 20)
_LONG = b"a" * (2 << 20)


@pytest.mark.parametrize(
    "extra",
    [
        png_chunk(b"zTXt", b"Comment\0\0" + _TEXT),
        png_chunk(b"tEXt", b"Comment\0" + _LONG),
        png_chunk(b"tEXt", b"transparency\0nothing"),
        png_chunk(b"iTXt", b"Comment\0\1\0\0\0" + _TEXT),
        png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + _TEXT),
        png_chunk(b"iCCP", b"profile\0\0" + _TEXT),
        png_chunk(b"iCCP", b"profile\0\0no zlib"),
        png_chunk(b"iCCP", b"profile\0\7unknown"),
        png_chunk(b"tEXt", b"Comment\0text")[:-4] + b"bad!",
        png_chunk(b"iCCP", b"profile\0\0" + _TEXT)[:-4] + b"bad!",
        png_chunk(b"pHYs", b"1"),
        png_chunk(b"cHRM", b"1"),
        png_chunk(b"eXIf", b"II*\0\xff\xff\xff\xff"),
        png_chunk(b"acTL", b"1"),
        png_chunk(b"acTL", struct.pack(">II", 3, 0)) + png_chunk(b"fcTL", b"1"),
        png_chunk(b"prVt", _LONG),
        png_chunk(b"tRNS", b"\0\1\0\1\0\1")[:-4] + b"bad!",
    ],
    ids=lambda extra: repr(extra[4:30]),
)
@pytest.mark.parametrize("place", ["before", "after"])
def test_what_else_a_png_holds_does_not_spoil_it(extra: bytes, place: str) -> None:
    whole = small_png()
    end = whole.index(b"IEND") - 4
    photo = small_png(before=extra) if place == "before" else whole[:end] + extra + whole[end:]

    pixels = decode(photo)

    assert pixels.shape == (64, 64, 3)
    assert (pixels == TEAL).all()


@pytest.mark.parametrize("name", [b"eXIf", b"tEXt", b"zTXt", b"iTXt", b"zipped iTXt"])
@pytest.mark.parametrize("place", ["before", "after"])
def test_a_png_is_turned_by_whatever_tells_its_orientation(name: bytes, place: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    block = exif.tobytes()
    profile = b"\nexif\n%8d\n%s\n" % (len(block), block.hex().encode())
    xmp = b'<x:xmpmeta tiff:Orientation="6">'
    content = {
        b"eXIf": block.removeprefix(b"Exif\0\0"),
        b"tEXt": b"Raw profile type exif\0" + profile,
        b"zTXt": b"Raw profile type exif\0\0" + zlib.compress(profile),
        b"iTXt": b"XML:com.adobe.xmp\0\0\0\0\0" + xmp,
        b"zipped iTXt": b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(xmp),
    }[name]
    whole = saved(noise(40, 20), "PNG")
    at = whole.index(b"IDAT" if place == "before" else b"IEND") - 4
    photo = whole[:at] + png_chunk(name[-4:], content) + whole[at:]

    assert decode(photo).shape == (40, 20, 3)
    assert np.array_equal(decode(photo), np.rot90(np.asarray(noise(40, 20)), 3))


def test_a_png_without_its_last_bytes_is_read_as_long_as_all_pixels_are_there() -> None:
    whole = saved(noise(60, 40), "PNG")
    pixels = decode(whole)

    for cut in range(1, 17):  # the end, the last checksums
        assert np.array_equal(decode(whole[:-cut]), pixels)
    assert "damaged or cut off PNG" in str(refused(whole[:-200]))


@pytest.mark.parametrize(
    ("depth", "colour", "row", "clear"),
    [
        (1, 0, b"\xff", b"\0\1"),
        (2, 0, b"\x55\x55", b"\0\1"),
        (4, 0, b"\x33" * 4, b"\0\3"),
        (8, 0, b"\x33" * 8, b"\0\x33"),
        (16, 0, b"\x33\x44" * 8, b"\x33\x44"),
        (8, 2, b"\1\2\3" * 8, b"\0\1\0\2\0\3"),
        (16, 2, b"\1\7\2\7\3\7" * 8, b"\1\7\2\7\3\7"),
        (4, 3, b"\x11" * 4, b"\xff\0"),
        (8, 3, b"\1" * 8, b"\xff\0"),
        (8, 4, b"\x10\0" * 8, b""),
        (16, 4, b"\x10\0\0\0" * 8, b""),
        (8, 6, b"\x10\x20\x30\0" * 8, b""),
        (16, 6, b"\x10\0\0\0\0\0\0\0" * 8, b""),
    ],
)
def test_what_is_transparent_is_white_in_every_kind_of_png(
    depth: int, colour: int, row: bytes, clear: bytes
) -> None:
    before = png_chunk(b"PLTE", bytes(48)) if colour == 3 else b""
    before += png_chunk(b"tRNS", clear) if clear else b""
    rows = zlib.compress((b"\0" + row) * 8)

    assert (decode(png(8, 8, rows, depth=depth, colour=colour, before=before)) == 255).all()
    if clear and colour != 3:
        other = b"\0" * len(clear)
        plain = decode(
            png(8, 8, rows, depth=depth, colour=colour, before=png_chunk(b"tRNS", other))
        )
        assert not (plain == 255).all() or depth == 1


# JPEGs without their end


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 3}])
@pytest.mark.parametrize("size", [(50, 40), (900, 700)])
def test_a_jpeg_without_its_end_is_read_as_long_as_all_pixels_are_there(
    mode: str, options: dict[str, object], size: tuple[int, int]
) -> None:
    whole = saved(noise(*size).convert(mode), "JPEG", **options)
    pixels = decode(whole)

    assert np.array_equal(decode(whole[:-1]), pixels)
    assert np.array_equal(decode(whole[:-2]), pixels)
    assert "damaged or cut off JPEG" in str(refused(whole[:-40]))


def test_a_progressive_jpeg_that_lacks_a_scan_is_cut_off() -> None:
    whole = saved(noise(90, 70), "JPEG", progressive=True)
    last = whole.rindex(b"\xff\xda")
    tables = whole.rindex(b"\xff\xc4", 0, last)

    for cut in (last, tables):
        assert "damaged or cut off JPEG" in str(refused(whole[:cut]))


@settings(deadline=None, max_examples=120)
@given(
    st.sampled_from(["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "AVIF", "progressive"]),
    st.floats(0, 1, exclude_max=True),
)
def test_a_file_that_is_cut_anywhere_is_read_right_or_refused(kind: str, share: float) -> None:
    whole = CUT[kind]

    try:
        pixels = decode(whole[: int(len(whole) * share)])
    except PhotoError:
        return
    assert np.array_equal(pixels, decode(whole))


CUT = {kind: saved(noise(40, 30), kind) for kind in ("PNG", "GIF", "BMP", "WEBP", "TIFF", "AVIF")}
CUT["JPEG"] = saved(noise(40, 30), "JPEG")
CUT["progressive"] = saved(noise(40, 30), "JPEG", progressive=True)


def test_a_jpeg_with_many_colour_spaces_is_shown_in_its_colours() -> None:
    cmyk = Image.new("CMYK", (60, 60), (0, 255, 255, 0))

    assert np.abs(decode(saved(cmyk, "JPEG", quality=95)).astype(int) - (255, 0, 0)).max() < 7


# Other formats


@pytest.mark.parametrize(
    "brands",
    [
        (b"heic", b"mif1", b"heic"),
        (b"mif1", b"mif1", b"heic"),
        (b"msf1", b"msf1", b"hevc"),
        (b"heix", b"mif1"),
        (b"hevc", b"msf1"),
        (b"heim",),
        (b"heis",),
        (b"hevm",),
        (b"hevs",),
        (b"mif1", b"miaf", b"MiHB", b"heix"),
    ],
)
def test_every_brand_of_heic_is_named(brands: tuple[bytes, ...]) -> None:
    error = refused(box(*brands))

    assert error.found == "a HEIC image"
    assert error.limit == READ
    assert error.remedy == "convert it to JPEG"


@pytest.mark.parametrize("brand", [b"avif", b"mif1", b"avis", b"miaf"])
def test_an_avif_of_any_brand_is_read(brand: bytes) -> None:
    whole = saved(noise(64, 48), "AVIF")
    assert whole[4:12] == b"ftypavif"
    compatible = whole[16 : int.from_bytes(whole[:4])]
    assert b"avif" in compatible

    if brand != b"avis":  # that one promises a sequence
        assert decode(whole[:8] + brand + whole[12:]).shape == (48, 64, 3)
    frames = saved(noise(64, 48), "AVIF", save_all=True, append_images=[noise(64, 48)])
    assert decode(frames).shape == (48, 64, 3)


def test_a_damaged_avif_is_damaged() -> None:
    whole = saved(noise(64, 48), "AVIF")

    assert "damaged" in str(refused(whole[:-40]))
    assert "damaged" in str(refused(whole[:60]))


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ([(262, 3, 1, 8), (258, 3, 1, 8), (277, 3, 1, 3)], "a TIFF of CIELab colours"),
        ([(262, 3, 1, 9), (258, 3, 1, 8), (277, 3, 1, 3)], "a TIFF of ICCLab colours"),
        (
            [(262, 3, 1, 2), (258, 3, 1, 32), (277, 3, 1, 3), (339, 3, 1, 3)],
            "a TIFF of 3 x 32-bit floating-point numbers",
        ),
        (
            [(262, 3, 1, 1), (258, 3, 1, 64), (277, 3, 1, 1), (339, 3, 1, 3)],
            "a TIFF of 1 x 64-bit floating-point numbers",
        ),
        ([(262, 3, 1, 2), (258, 3, 1, 16), (277, 3, 1, 7)], "a TIFF of 7 x 16 bits"),
        (
            [(262, 3, 1, 2), (259, 3, 1, 34712), (258, 3, 1, 8), (277, 3, 1, 3)],
            "a TIFF compressed as JPEG 2000",
        ),
        ([(254, 4, 1, 1), (330, 4, 1, 8), (262, 3, 1, 2)], "a camera's raw file"),
        ([(50706, 1, 4, 0x0401), (262, 3, 1, 2)], "a camera's raw file"),
    ],
)
def test_a_tiff_of_a_kind_that_is_not_read_is_named(
    tags: list[tuple[int, int, int, int]], found: str
) -> None:
    place = 8 + 2 + 12 * (5 + len(tags)) + 4
    size = [(256, 3, 1, 8), (257, 3, 1, 8), (273, 4, 1, place), (278, 3, 1, 8), (279, 4, 1, 6144)]

    error = refused(tiff(sorted(tags + size), bytes(6144)))

    assert error.found == found
    assert error.remedy == "convert it to JPEG"


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"8BPS\0\1", "a Photoshop document"),
        (b"%PDF-1.7", "a PDF document"),
        (b"\xef\xbb\xbf<!DOCTYPE html><html>404</html>", "an HTML page"),
        (b"\n\n<html><body>502 Bad Gateway", "an HTML page"),
        (b'{"error": "not found"}', "a JSON document"),
        (b'<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>', "an XML document"),
        (b"data:image/png;base64,iVBORw0KGgo=", "a photo written as base64 text"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
        (box(b"isom", b"mp42"), "a video or an unknown image"),
        (box(b"qt  "), "a QuickTime video"),
        (box(b"crx ", b"crx "), "a camera's raw file"),
        (box(b"jxl "), "a JPEG XL image"),
        (b"\x1a\x45\xdf\xa3\x01\0\0\0", "a Matroska or WebM video"),
        (b"RIFF\0\0\0\0AVI LIST", "an AVI video"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL image"),
        (b"\xff\x0a\xfa\x7f", "a JPEG XL image"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 image"),
        (b"\xff\x4f\xff\x51\0\x29", "a JPEG 2000 image"),
        (b"\xff\xd8\xff\xf7\0\x0b", "a JPEG-LS image"),
        (b"IIU\0\x18\0\0\0", "a camera's raw file"),
        (b"IIRO\x08\0\0\0", "a camera's raw file"),
        (b"P6\n4 4\n255\n", "a Netpbm image"),
        (b"\0" * 128 + b"DICM", "a DICOM image"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\4CgBIP\0 \2", "a PNG of an iPhone's app"),
        (b"", "an empty file"),
    ],
)
def test_what_is_no_photo_is_named(data: bytes, found: str) -> None:
    error = refused(data)

    assert error.found is not None
    assert error.found.startswith(found)
    assert error.remedy == "convert it to JPEG"
    assert "damaged" not in str(error)


@pytest.mark.parametrize(
    ("marker", "precision", "found"),
    [(0xC3, 8, "a lossless JPEG"), (0xC1, 12, "a JPEG of 12 bits a colour")],
)
def test_a_jpeg_of_a_kind_that_is_not_read_is_named(
    marker: int, precision: int, found: str
) -> None:
    whole = bytearray(saved(noise(40, 30), "JPEG"))
    place = whole.index(b"\xff\xc0")
    whole[place + 1], whole[place + 4] = marker, precision

    assert refused(bytes(whole)).found == found


@pytest.mark.parametrize(
    ("width", "height"), [(8160, 6144), (8192, 6144), (9248, 6936), (12000, 9000)]
)
def test_what_the_cameras_of_phones_send_is_within_the_default(width: int, height: int) -> None:
    from photosearch.settings.settings import Settings

    photo = saved(Image.new("L", (width, height), 128), "JPEG", quality=1)

    pixels = decode_photo(photo, max_megapixels=Settings().max_megapixels)

    assert min(pixels.shape[:2]) >= 224


def test_profiles_of_colour_do_not_matter() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

    for kind in ("PNG", "JPEG", "WEBP", "TIFF"):
        plain, with_profile = (
            saved(noise(40, 30), kind, **options) for options in ({}, {"icc_profile": profile})
        )
        assert np.array_equal(decode(plain), decode(with_profile))
