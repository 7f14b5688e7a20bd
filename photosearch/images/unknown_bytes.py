"""What bytes that are no photo look like, so that an error can say more than "unknown".

A failed download is often an error page, and phones send HEIC: both are worth their name.
"""

_HEIF_BRANDS = {b"heic", b"heix", b"hevc", b"heim", b"heis", b"hevm", b"mif1", b"msf1"}

_STARTS = {
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "a gzip archive",
    b"8BPS": "a Photoshop document",
    b"%!PS": "a PostScript document",
    b"\x00\x00\x01\x00": "a Windows icon",
    b"FUJIFILM": "a camera's raw file",
    b"\xff\x0a": "a JPEG XL image",
    b"\x00\x00\x00\x0cJXL ": "a JPEG XL image",
    b"\x00\x00\x00\x0cjP  ": "a JPEG 2000 image",
}


def looks_like(data: bytes) -> str:
    """What a file is most likely, in a few words, from its first bytes (512 are enough)."""
    if not data:
        return "an empty file (0 bytes)"
    if data[4:8] == b"ftyp":
        return "a HEIC image" if data[8:12] in _HEIF_BRANDS else "a video or an unknown image"
    text = data.lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return "an HTML page"
    if b"<svg" in text:
        return "an SVG drawing"
    for start, name in _STARTS.items():
        if data.startswith(start):
            return name
    if not data.strip(b"\0"):
        return "zeros"
    return f"bytes that start with {data[:8].hex(' ')}"
