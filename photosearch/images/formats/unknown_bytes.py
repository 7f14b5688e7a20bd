"""What bytes that are no photo look like, so that an error can say more than "unknown".

A failed download is often an error page, and phones send HEIC: both are worth their name.
"""

import struct

_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_HEIF_BRANDS = {b"mif1", b"mif2", b"msf1", b"miaf", b"MiHE", b"MiHB", b"MiHA"}
_AVIF_BRANDS = {b"avif", b"avis"}
_OTHER_BRANDS = {
    b"jxl ": "a JPEG XL image",
    b"jp2 ": "a JPEG 2000 image",
    b"jpx ": "a JPEG 2000 image",
    b"jpm ": "a JPEG 2000 image",
    b"crx ": "a camera's raw file",
    b"qt  ": "a QuickTime video",
}

_STARTS = {
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive or an office document",
    b"\x1f\x8b": "a gzip archive",
    b"Rar!": "a RAR archive",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
    b"8BPS": "a Photoshop document",
    b"gimp xcf": "a GIMP document",
    b"%!PS": "a PostScript document",
    b"\xc5\xd0\xd3\xc6": "a PostScript document",
    b"\xd0\xcf\x11\xe0": "an office document",
    b"{\\rtf": "an RTF document",
    b"\x00\x00\x01\x00": "a Windows icon",
    b"\x00\x00\x02\x00": "a Windows cursor or a TGA image",
    b"icns": "an Apple icon",
    b"FUJIFILM": "a camera's raw file",
    b"IIRO": "a camera's raw file",
    b"IIRS": "a camera's raw file",
    b"MMOR": "a camera's raw file",
    b"IIU\0": "a camera's raw file",
    b"FOVb": "a camera's raw file",
    b"\0MRM": "a camera's raw file",
    b"\xff\x0a": "a JPEG XL image",
    b"\x00\x00\x00\x0cJXL ": "a JPEG XL image",
    b"\x00\x00\x00\x0cjP  ": "a JPEG 2000 image",
    b"\xff\x4f\xff\x51": "a JPEG 2000 image",
    b"\xff\xd8\xff\xf7": "a JPEG-LS image",
    b"II\xbc\x01": "a JPEG XR image",
    b"BPG\xfb": "a BPG image",
    b"qoif": "a QOI image",
    b"FLIF": "a FLIF image",
    b"DDS ": "a DirectDraw texture",
    b"\x76\x2f\x31\x01": "an OpenEXR image",
    b"#?RADIANCE": "a Radiance HDR image",
    b"\x8aMNG": "an MNG animation",
    b"\x8bJNG": "a JNG image",
    b"\xd7\xcd\xc6\x9a": "a Windows metafile",
    b"\x1a\x45\xdf\xa3": "a Matroska or WebM video",
    b"\x00\x00\x01\xba": "an MPEG video",
    b"\x00\x00\x01\xb3": "an MPEG video",
    b"FLV\x01": "a Flash video",
    b"\x30\x26\xb2\x75": "a Windows Media video",
    b"OggS": "an Ogg audio or video",
    b"ID3": "an MP3 audio",
    b"fLaC": "a FLAC audio",
    b"\x00\x05\x16\x07": "the resource fork of a Mac's file",
    b"version https://git-lfs": "a pointer of Git LFS, not the file itself",
    b"SIMPLE  =": "a FITS image",
}
_RIFF = {b"AVI ": "an AVI video", b"WAVE": "a WAV audio"}


def looks_like(data: bytes) -> str | None:
    """What a file is most likely, in a few words, from its first bytes (512 are enough).

    None if that can't be told, or it is a photo that is read.
    """
    if not data:
        return "an empty file (0 bytes)"
    if data[4:8] == b"ftyp":
        return _of_brands(data)
    if data.startswith(b"RIFF") and data[8:12] != b"WEBP":
        return _RIFF.get(data[8:12], "a RIFF file")
    if data.startswith(b"\x89PNG") and data[12:16] == b"CgBI":
        return "a PNG of an iPhone's app, which only Apple's programs read"
    for start, name in _STARTS.items():
        if data.startswith(start):
            return name
    if data[128:132] == b"DICM":
        return "a DICOM image"
    if data[:2] in (b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"P7") and data[2:3].isspace():
        return "a Netpbm image"
    if not data.strip(b"\0"):
        return "zeros"
    return _text_kind(data)


def _of_brands(data: bytes) -> str | None:
    """What a file in the box that HEIC, AVIF and videos share is."""
    size = min(max(int.from_bytes(data[:4]), 16), len(data))
    brands = [data[8:12], *(data[at : at + 4] for at in range(16, size - 3, 4))]
    if brands[0] in _OTHER_BRANDS:
        return _OTHER_BRANDS[brands[0]]
    if _AVIF_BRANDS & {*brands}:
        return None
    if _HEIC_BRANDS & {*brands}:
        return "a HEIC image"
    if _HEIF_BRANDS & {*brands}:
        return "a HEIF image of another kind than AVIF"
    return "a video or an unknown image"


def _text_kind(data: bytes) -> str | None:
    text = data.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<!--")):
        return "an HTML page"
    if b"<svg" in text:
        return "an SVG drawing"
    if text.startswith(b"<?xml"):
        return "an XML document"
    if text.startswith((b"data:image/", b"/9j/", b"ivborw0kggo")):
        return "a photo written as base64 text"
    if text.startswith((b"{", b"[")) and text.isascii():
        return "a JSON document"
    if text.startswith((b"http://", b"https://")):
        return "a URL"
    return None


def declared_size(data: bytes) -> tuple[int, int]:
    """Width and height of a photo whose decoder makes room for them when it is opened, and of
    others where they are easily told; else zeros."""
    if data.startswith(b"\x89PNG\r\n\x1a\n") and len(data) >= 24:
        width, height = struct.unpack_from(">II", data, 16)
        return width, height
    if data.startswith((b"GIF87a", b"GIF89a")) and len(data) >= 10:
        width, height = struct.unpack_from("<HH", data, 6)
        return width, height
    if data.startswith(b"BM") and len(data) >= 26 and data[14] >= 40:
        width, height = struct.unpack_from("<ii", data, 18)
        return abs(width), abs(height)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP" and len(data) >= 30:
        return _webp_size(data)
    return 0, 0


def _webp_size(data: bytes) -> tuple[int, int]:
    if data[12:16] == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF
