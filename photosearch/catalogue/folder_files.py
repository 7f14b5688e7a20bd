"""The photos in a folder, at any depth, and what was passed over.

What is passed over is counted by its reason, because a photo that silently stays away is
what users ask about first. Links to folders are not entered: they may lead in circles. A folder
that can't be read is remembered, because it says nothing about the photos in it.
"""

import os
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from photosearch.catalogue.schema import CatalogueError

_JPEG_SUFFIXES = {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"}
_OTHER_SUFFIXES = {".png", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".avif"}
_CAMERA_SUFFIXES = {".raw", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf"}
PHOTO_SUFFIXES = frozenset(_JPEG_SUFFIXES | _OTHER_SUFFIXES)
UNREAD_SUFFIXES = frozenset(_CAMERA_SUFFIXES | {".heic", ".heif", ".jxl", ".jp2", ".svg", ".psd"})


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """A photo's path relative to the folder, with ``/``, and when the file last changed.

    ``version`` is another one when the file was written or replaced, seen without reading it.
    """

    path: str
    modified_s: float
    version: str


@dataclass
class FolderFiles:
    """The photos by path, how many files were passed over for each reason, and the paths of the
    folders that could not be read."""

    photos: list[PhotoFile] = field(default_factory=list)
    passed_over: Counter[str] = field(default_factory=Counter)
    unread: list[str] = field(default_factory=list)

    @property
    def versions(self) -> dict[str, str]:
        """Each photo's version by its path."""
        return {photo.path: photo.version for photo in self.photos}

    def may_hold(self, path: str) -> bool:
        """Whether ``path`` lies where nobody could look."""
        return any(path.startswith(f"{folder}/") for folder in self.unread)


def find_photos(folder: Path) -> FolderFiles:
    """Every photo in ``folder``. Hidden files and folders are left out.

    Raises:
        CatalogueError: if the folder is missing, no folder, or may not be read.
    """
    if not folder.is_dir():
        raise CatalogueError(
            f"the folder of photos {folder} can't be read",
            found="a file" if folder.exists() else "nothing there",
            remedy="give the folder that holds the photos",
        )
    root, found = os.path.realpath(folder), FolderFiles()
    try:
        os.scandir(root).close()
    except OSError as error:
        raise CatalogueError(
            f"the folder of photos {folder} can't be read",
            found=error.strerror,
            remedy="allow photosearch to read it",
        ) from error
    for file in _files(root, found):
        path = _inside(root, file.path)
        reason = _reason_to_pass_over(file, path, root)
        if reason is None:
            status = file.stat()
            version = f"{status.st_size}-{status.st_mtime_ns}"
            found.photos.append(PhotoFile(path, status.st_mtime, version))
        elif reason:
            found.passed_over[reason] += 1
    found.photos.sort(key=lambda photo: photo.path)
    return found


def _files(root: str, found: FolderFiles) -> Iterator["os.DirEntry[str]"]:
    folders = [root]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    elif entry.is_symlink() and os.path.isdir(entry.path):  # noqa: PTH112
                        found.passed_over["links to folders, which are not entered"] += 1
                    else:
                        yield entry
        except FileNotFoundError:
            continue  # gone since its own folder was read
        except OSError:
            found.passed_over["folders that may not be read"] += 1
            found.unread.append(_inside(root, folder))


def _inside(root: str, path: str) -> str:
    return path[len(root.rstrip("/")) + 1 :]


def _reason_to_pass_over(file: "os.DirEntry[str]", path: str, root: str) -> str | None:
    """Why a file is no photo of the folder; "" if it is not worth a word, none if it is one."""
    suffix = os.path.splitext(file.name)[1].lower()  # noqa: PTH122  (once a file, 10 x as fast)
    if suffix in UNREAD_SUFFIXES:
        return f"{suffix} files, a format that is not read"
    if suffix not in PHOTO_SUFFIXES:
        return ""
    try:
        path.encode()
    except UnicodeEncodeError:
        return "names that are not UTF-8"
    if any(ord(character) < 32 for character in path):
        return "names with control characters"
    if file.is_symlink() and not os.path.realpath(file.path).startswith(root.rstrip("/") + "/"):
        return "links out of the folder"
    try:
        is_file = stat.S_ISREG(file.stat().st_mode)
    except OSError:
        return "links to nothing"
    return None if is_file else "things that are no files"
