"""Why a file in a folder of photos is not one of its photos.

A file with a photo's suffix is one, whatever its bytes: if they are damaged, the fetch says so of
it by name. Any other is one if it begins like one. Only of those the first bytes are read, so
that a folder of photos is scanned without opening any.

Names have to go everywhere: into a database, a URL, a bucket, a terminal. Text that is no UTF-8,
and characters that control what reads it, come through some of these changed or not at all.
"""

import os
import re
import stat

from photosearch.images.formats.photo_bytes import FIRST_BYTES, is_photo, is_tiff
from photosearch.images.formats.unknown_bytes import looks_like

_RAW = """3fr arw cap cr2 cr3 crw dcr dng erf fff gpr iiq k25 kdc mef mos mrw nef nrw orf pef ptx
raf raw rw2 rwl sr2 srf srw x3f"""
_PHOTO_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp"}
    | {".avif"}
)
_RAW_SUFFIXES = frozenset(f".{name}" for name in _RAW.split())
_UNREAD_SUFFIXES = _RAW_SUFFIXES | {
    *(".heic", ".heif", ".hif", ".jxl", ".jp2", ".j2k", ".svg", ".psd", ".tga", ".dib"),
}
_UNREAD_KINDS = {
    "a HEIC image",
    "a HEIF image of another kind than AVIF",
    "a JPEG XR image",
    "a JPEG XL image",
    "a JPEG 2000 image",
    "a Photoshop document",
    "an SVG drawing",
    "a camera's raw file",
}
_LONGEST = 1024
#: The separators of lines too: to many programs they end one.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
#: Others would be a reason each: in a folder of a.1, a.2, a.3 as many as files.
_TOLD_SUFFIX = re.compile(r"\.(?=[0-9]*[a-z])[a-z0-9]{1,10}")
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK


def why_passed_over(file: "os.DirEntry[str]", path: str, root: str) -> str | None:
    """Why the file ``path`` of the folder ``root`` is none of its photos; none if it is one.

    Raises:
        OSError: if it can't be looked at.
    """
    try:
        length = len(path.encode())
    except UnicodeEncodeError:
        return "names that are not UTF-8"
    if length > _LONGEST:
        return f"paths of more than {_LONGEST:,} bytes, longer than a store's keys can be"
    if _CONTROLS.search(path) is not None:
        return "names with control characters"
    if file.is_symlink():
        if not os.path.realpath(file.path).startswith(root.rstrip("/") + "/"):
            return "links out of the folder"
        if not os.path.exists(file.path):  # noqa: PTH110
            return "links to nothing"
    if not stat.S_ISREG(file.stat().st_mode):
        return "things that are no files"
    suffix = os.path.splitext(file.name)[1].lower()  # noqa: PTH122  (once a file, 10 x as fast)
    return None if suffix in _PHOTO_SUFFIXES else _of_bytes(suffix, _first_bytes(file.path))


def _of_bytes(suffix: str, start: bytes) -> str | None:
    if is_photo(start) and not (suffix in _RAW_SUFFIXES and is_tiff(start)):
        return None
    if suffix in _UNREAD_SUFFIXES or looks_like(start) in _UNREAD_KINDS:
        return f"{_files(suffix)}, a format that is not read"
    return f"{_files(suffix)}, no photos by their bytes"


def _files(suffix: str) -> str:
    if not suffix:
        return "files without a suffix"
    return f"{suffix} files" if _TOLD_SUFFIX.fullmatch(suffix) else "files with other suffixes"


def _first_bytes(path: str) -> bytes:
    descriptor = os.open(path, _READ)  # it may have become a pipe, which would wait for a writer
    try:
        return os.read(descriptor, FIRST_BYTES)
    finally:
        os.close(descriptor)
