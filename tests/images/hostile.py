"""Small files that are much work: for each format those that its decoder loops over.

Sizes are chosen so that a decoder without limits takes seconds to minutes, or hundreds of
megabytes.
"""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


# JPEG


def _segment(marker: int, content: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2) + content


def jpeg_of_scans(side: int, scans: int) -> bytes:
    """A progressive JPEG whose decoder walks all blocks for each of its empty scans."""
    head = b"\xff\xd8" + _segment(0xDB, b"\0" + bytes([1] * 64))
    head += _segment(0xC2, struct.pack(">BHHB", 8, side, side, 1) + b"\1\x11\0")
    head += _segment(0xC4, b"\0" + bytes([1] + [0] * 15) + b"\0")
    head += _segment(0xC4, b"\x10" + bytes([1] + [0] * 15) + b"\xe0")
    blocks = ((side + 7) // 8) ** 2
    first = _segment(0xDA, b"\1\1\0\0\0\0") + bytes((blocks + 7) // 8)
    bits = ("0" + "1" * 14) * -(-blocks // 32767)
    bits += "1" * (-len(bits) % 8)
    run = int(bits, 2).to_bytes(len(bits) // 8).replace(b"\xff", b"\xff\0")
    return head + first + (_segment(0xDA, b"\1\1\0\1\x3f\0") + run) * scans + b"\xff\xd9"


def jpeg_with(segment: bytes, count: int) -> bytes:
    """A small JPEG with one segment again and again before its pixels."""
    whole = saved(Image.new("RGB", (64, 64), "teal"), "JPEG")
    return whole[:2] + segment * count + whole[2:]


def jpeg_of_fill_bytes(count: int, *, is_ended: bool, **options: object) -> bytes:
    """A small JPEG whose last scan goes on with bytes that mean nothing."""
    whole = saved(noise(64, 64), "JPEG", **options)
    return whole[:-2] + b"\xff" * count + (b"\xff\xd9" if is_ended else b"")


def jpeg_of_exif(count: int) -> bytes:
    """A small JPEG whose EXIF block goes on in so many segments."""
    return jpeg_with(_segment(0xE1, b"Exif\0\0" + bytes(65_000)), count)


def jpeg_with_overlapping_tags(tags: int) -> bytes:
    """A JPEG whose EXIF block names the same 60 kB once for each of its tags."""
    size = 60_000
    body = b"II*\0\x08\0\0\0" + struct.pack("<H", tags)
    for tag in range(tags):
        body += struct.pack("<HHII", 0x8000 + tag, 7, size, 8)
    body += bytes(4)
    return jpeg_with(_segment(0xE1, b"Exif\0\0" + body.ljust(65_000, b"\0")), 1)


# PNG


def png_chunk(name: bytes, content: bytes) -> bytes:
    check = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)


def png(
    width: int,
    height: int,
    pixels: bytes,
    *,
    depth: int = 8,
    colour: int = 2,
    interlaced: bool = False,
    before: bytes = b"",
) -> bytes:
    """A PNG of any declared size; ``pixels`` are the bytes of its pixel chunks, compressed."""
    header = struct.pack(">2I5B", width, height, depth, colour, 0, 0, int(interlaced))
    start = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + before
    return start + png_chunk(b"IDAT", pixels) + png_chunk(b"IEND", b"")


def compressed_zeros(size: int) -> bytes:
    """``size`` zero bytes as zlib compresses them, without ever having them."""
    packer = zlib.compressobj(9, wbits=-15)
    packer.compress(bytes(1 << 16))
    packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(1 << 16)) + packer.flush(zlib.Z_FULL_FLUSH)
    rest = packer.compress(bytes(size % (1 << 16))) + packer.flush()
    checksum = (size % 65521) << 16 | 1  # Adler-32 of zeros
    return b"\x78\xda" + block * (size >> 16) + rest + struct.pack(">I", checksum)


def small_png(before: bytes = b"", after: bytes = b"") -> bytes:
    rows = zlib.compress((b"\0" + b"\x80\x20\x40" * 64) * 64)
    return png(64, 64, rows + after, before=before)


def png_in_many_chunks(count: int) -> bytes:
    whole = small_png()
    place = whole.index(b"IDAT") - 4
    return whole[:place] + png_chunk(b"IDAT", b"") * count + whole[place:]


# GIF


def gif_with(blocks: bytes) -> bytes:
    """A small GIF with ``blocks`` before its picture."""
    start = b"GIF89a" + struct.pack("<HHBBB", 16, 16, 0, 0, 0)
    picture = b"," + struct.pack("<HHHHB", 0, 0, 16, 16, 0) + b"\x02\x02\x44\x01\0;"
    return start + blocks + picture


# WebP, TIFF, BMP


def webp_of_one_colour(width: int, height: int) -> bytes:
    """A lossless WebP of any size in a few bytes."""
    bits = (width - 1) | (height - 1) << 14
    # No transform, no cache, no meta; five codes of one symbol each.
    body = bytes([0x2F]) + struct.pack("<I", bits) + bytes([0b10001000, 0b10001000, 8, 0, 0, 0])
    body += bytes(len(body) & 1)
    chunk = b"VP8L" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", len(chunk) + 4) + b"WEBP" + chunk


def webp_canvas(width: int, height: int) -> bytes:
    """An animated WebP that declares a large canvas and has one small frame."""
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    whole = bytearray(saved(frames[0], "WEBP", save_all=True, append_images=frames[1:]))
    whole[24:30] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return bytes(whole)


def tiff(tags: list[tuple[int, int, int, int]], tail: bytes = b"") -> bytes:
    """A little-endian TIFF of these (tag, type, number of values, value or its place)."""
    body = b"II*\0" + struct.pack("<IH", 8, len(tags))
    body += b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return body + bytes(4) + tail


def tiff_of_strips(count: int) -> bytes:
    """A grey TIFF, 8 pixels wide, with a strip for each row and all strips in one place."""
    place = 8 + 2 + 12 * 9 + 4
    sizes, pixels = place + 4 * count, place + 8 * count
    tags = [(256, 4, 1, 8), (257, 4, 1, count), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    tags += [(273, 4, count, place), (277, 3, 1, 1), (278, 4, 1, 1), (279, 4, count, sizes)]
    offsets = struct.pack("<I", pixels) * count
    return tiff(tags, offsets + struct.pack("<I", 8) * count + bytes(8))


def tiff_with_overlapping_tags(tags: int, size: int) -> bytes:
    """A TIFF whose tags all name the same large part of the file."""
    names = [(256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    place = 8 + 2 + 12 * (9 + tags) + 4
    names += [(273, 4, 1, place), (277, 3, 1, 1), (278, 4, 1, 8), (279, 4, 1, 64)]
    names += [(0x8000 + tag, 7, size, place) for tag in range(tags)]
    return tiff(names, bytes(size))


def tiff_of_zeros(side: int) -> bytes:
    """A deflated TIFF of ``side`` x ``side`` floating-point numbers."""
    packed = compressed_zeros(side * side * 4)
    place = 8 + 2 + 12 * 10 + 4
    tags = [(256, 4, 1, side), (257, 4, 1, side), (258, 3, 1, 32), (259, 3, 1, 8), (262, 3, 1, 1)]
    tags += [(273, 4, 1, place), (277, 3, 1, 1), (278, 4, 1, side), (279, 4, 1, len(packed))]
    return tiff([*tags, (339, 3, 1, 3)], packed)


def bmp_of_runs(width: int, height: int) -> bytes:
    """A BMP of runs of one pixel, each of which Pillow handles in Python."""
    body = (b"\1\5" * width + b"\0\0") * height + b"\0\1"
    start = 54 + 1024
    head = b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start)
    size = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(body), 0, 0, 256, 0)
    return head + size + bytes(1024) + body


def avif_of_one_colour(side: int) -> bytes:
    return saved(Image.new("RGB", (side, side), "teal"), "AVIF", speed=10, quality=10)


def avif_of_names(count: int) -> bytes:
    """An AVIF whose EXIF block says so many times that it is one."""
    header = b"II*\0\x08\0\0\0\0\0\0\0\0\0"
    plain = header.ljust(6 * count + len(header), b"\1")
    whole = saved(noise(64, 64), "AVIF", exif=plain)
    # Before the block stands where its byte order is.
    named = struct.pack(">I", 6 * count) + b"Exif\0\0" * count + header
    assert bytes(4) + plain in whole
    return whole.replace(bytes(4) + plain, named)


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content) + 8, name) + content


def avif_of_items(count: int) -> bytes:
    """An AVIF that names so many pictures and holds none."""
    names = b"".join(
        _box(b"infe", struct.pack(">IIH4s", 3 << 24, number, 0, b"av01") + b"\0")
        for number in range(1, count + 1)
    )
    return _avif(_box(b"iinf", struct.pack(">II", 1 << 24, count) + names))


def avif_of_places(count: int) -> bytes:
    """One that says of so many pictures where they are."""
    places = b"".join(struct.pack(">IHHHII", n, 0, 0, 1, 0, 0) for n in range(1, count + 1))
    return _avif(_box(b"iloc", struct.pack(">IHI", 2 << 24, 0x4400, count) + places))


def avif_of_properties(count: int) -> bytes:
    """One that says of so many pictures that they have no properties."""
    entries = b"".join(struct.pack(">IB", number, 0) for number in range(1, count + 1))
    table = _box(b"ipma", struct.pack(">II", 1 << 24, count) + entries)
    return _avif(_box(b"iprp", _box(b"ipco", b"") + table))


def avif_of_references(count: int) -> bytes:
    """One that refers to so many pictures, in boxes of 60,000."""
    boxes = b"".join(
        _box(
            b"dimg", struct.pack(f">IH{60_000}I", first + 1, 60_000, *range(first, first + 60_000))
        )
        for first in range(1, count, 60_000)
    )
    return _avif(_box(b"iref", struct.pack(">I", 1 << 24) + boxes))


def _avif(table: bytes) -> bytes:
    """An AVIF without pictures but with one table of them, long as it may be."""
    tables = {
        b"iloc": _box(b"iloc", bytes(4) + b"\x44\0\0\0"),
        b"iinf": _box(b"iinf", bytes(6)),
        b"iprp": _box(b"iprp", _box(b"ipco", b"") + _box(b"ipma", bytes(8))),
        b"iref": b"",
    } | {table[4:8]: table}
    head = _box(b"hdlr", bytes(8) + b"pict" + bytes(13)) + _box(b"pitm", struct.pack(">IH", 0, 1))
    meta = _box(b"meta", bytes(4) + head + b"".join(tables.values()))
    return _box(b"ftyp", b"avif\0\0\0\0avifmif1miaf") + meta


HOSTILE: dict[str, Callable[[], bytes]] = {
    "JPEG of 20,000 scans": lambda: jpeg_of_scans(2000, 20_000),
    "JPEG of 400 large scans": lambda: jpeg_of_scans(9000, 400),
    "JPEG of empty application segments": lambda: jpeg_with(b"\xff\xef\0\2", 500_000),
    "JPEG of empty comments": lambda: jpeg_with(b"\xff\xfe\0\2", 500_000),
    "JPEG of colour profiles": lambda: jpeg_with(_segment(0xE2, b"ICC_PROFILE\0\1\1"), 200_000),
    "JPEG of fill bytes": lambda: jpeg_with(b"\xff", 4_000_000),
    "JPEG that ends in fill bytes": lambda: jpeg_of_fill_bytes(15 << 20, is_ended=True),
    "JPEG of fill bytes and no end": lambda: jpeg_of_fill_bytes(15 << 20, is_ended=False),
    "small JPEG of fill bytes and no end": lambda: jpeg_of_fill_bytes(8_380_000, is_ended=False),
    "JPEG of many scans, fill bytes and no end": lambda: jpeg_of_fill_bytes(
        15 << 20, is_ended=False, progressive=True
    ),
    "JPEG of many EXIF segments": lambda: jpeg_of_exif(900),
    "JPEG of overlapping tags": lambda: jpeg_with_overlapping_tags(5_000),
    "PNG of an EXIF block's name": lambda: small_png(
        before=png_chunk(b"eXIf", b"Exif\0\0" * 690_000)
    ),
    "JPEG of an EXIF block's name": lambda: jpeg_with(_segment(0xE1, b"Exif\0\0" * 10_900), 110),
    "AVIF of an EXIF block's name": lambda: avif_of_names(500_000),
    "PNG of empty chunks": lambda: small_png(before=png_chunk(b"prVt", b"") * 300_000),
    "PNG of empty pixel chunks": lambda: png_in_many_chunks(300_000),
    "PNG with more pixels than it has": lambda: small_png(after=compressed_zeros(1 << 30)),
    "PNG of 49 megapixels": lambda: png(
        7000, 7000, compressed_zeros(7000 * 28_100), colour=6, interlaced=True
    ),
    "PNG of compressed text": lambda: small_png(
        before=png_chunk(b"zTXt", b"Comment\0\0" + compressed_zeros(256 << 20)) * 8
    ),
    "PNG of a compressed profile": lambda: small_png(
        before=png_chunk(b"iCCP", b"a\0\0" + compressed_zeros(512 << 20))
    ),
    "PNG of an XMP packet": lambda: small_png(
        before=png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + compressed_zeros(512 << 20))
    ),
    "GIF of a comment byte by byte": lambda: gif_with(b"!\xfe" + b"\1a" * 1_000_000 + b"\0"),
    "GIF of many comments": lambda: gif_with(b"!\xfe\1a\0" * 300_000),
    "GIF of many controls": lambda: gif_with(b"!\xf9\4\0\0\0\0\0" * 300_000),
    "GIF of bytes between blocks": lambda: gif_with(b"\0" * 1_000_000),
    "WebP of 100 megapixels": lambda: webp_of_one_colour(10_000, 10_000),
    "WebP of a large canvas": lambda: webp_canvas(16_000, 6_800),
    "TIFF of half a million strips": lambda: tiff_of_strips(500_000),
    "TIFF of overlapping tags": lambda: tiff_with_overlapping_tags(3_000, 1 << 20),
    "TIFF of 49 million zeros": lambda: tiff_of_zeros(7000),
    "BMP of runs": lambda: bmp_of_runs(2000, 2000),
    "AVIF of 100,000 items": lambda: avif_of_items(100_000),
    "AVIF of 100,000 places": lambda: avif_of_places(100_000),
    "AVIF of 100,000 properties": lambda: avif_of_properties(100_000),
    "AVIF of 100,000 references": lambda: avif_of_references(100_000),
    "AVIF of 6 megapixels": lambda: avif_of_one_colour(2500),
}
"""Each makes its file when it is called."""


def noise(width: int, height: int, channels: int = 3) -> Image.Image:
    shape = (height, width, channels) if channels > 1 else (height, width)
    return Image.fromarray(np.random.default_rng(7).integers(0, 256, shape, dtype=np.uint8))
