"""The file behind a photo's path in a folder, and the other names that its bytes have there.

Links are followed one by one and never out of the folder. Two names are one file if device and
inode say so, whatever kind of link makes them; a copy is another file with the same bytes.
"""

import hashlib
import os
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from photosearch.images.photo_error import PhotoError

FileKey = tuple[int, int]
"""Device and inode."""

_MOST_LINKS = 40  # as Linux follows
_MOST_TOLD = 10


@dataclass(frozen=True)
class LinkedFile:
    """``links`` are the symbolic links on the way, absolute, the last one first.

    ``file`` is where they end; ``key`` none if nothing is there. ``outside`` is where the way
    leaves the folder, if it does.
    """

    links: tuple[str, ...]
    file: str
    status: os.stat_result | None
    outside: str | None = None

    @property
    def key(self) -> FileKey | None:
        return None if self.status is None else key_of(self.status)


@dataclass
class OtherNames:
    """What else there is of a file that goes; ``same_file``: its bytes stay under another name."""

    same_file: bool = False
    told: list[str] = field(default_factory=list)


def key_of(status: os.stat_result) -> FileKey:
    return status.st_dev, status.st_ino


def follow(folder: str, path: str) -> LinkedFile:
    """Follow the relative ``path`` in ``folder``, which is a real path itself.

    Raises:
        FileNotFoundError: if there is no such name.
        PhotoError: if it is a folder or another thing that is no file, or lies in a folder that
            is a link out of ``folder``.
    """
    links: list[str] = []
    name = _in_real_folder(f"{folder}/{path}")
    if not _is_inside(folder, name):
        raise PhotoError(
            f"photo {path!r} leads out of the folder of photos",
            found=name,
            limit=folder,
            remedy="it is left: nothing outside of that folder is deleted",
        )
    status = os.lstat(name)
    while stat.S_ISLNK(status.st_mode):
        links.insert(0, name)
        target = os.path.join(os.path.dirname(name), os.readlink(name))  # noqa: PTH115,PTH118,PTH120
        name = _in_real_folder(target)
        if not _is_inside(folder, name):
            return LinkedFile(tuple(links), name, None, outside=os.path.realpath(name))
        if name in links or len(links) > _MOST_LINKS:
            return LinkedFile(tuple(links), name, None)
        try:
            status = os.lstat(name)
        except (FileNotFoundError, NotADirectoryError):
            return LinkedFile(tuple(links), name, None)
    if not stat.S_ISREG(status.st_mode):
        raise PhotoError(f"photo {path!r} is not a file", found=stat.filemode(status.st_mode))
    return LinkedFile(tuple(links), name, status)


def find_other_names(folder: str, one: LinkedFile, gone: Collection[str]) -> OtherNames:
    """What else in the folder is this file, leads to it or has its bytes; ``gone`` will go.

    Reads names and sizes of all files, and the bytes of those of the same size.
    """
    assert one.status is not None
    found, digest = OtherNames(), _digest(one.file)
    same: list[str] = []
    copies: list[str] = []
    dangling: list[str] = []
    for name, status, is_link in _files(folder):
        if name in gone:
            continue
        if key_of(status) == one.key:
            (dangling if is_link else same).append(name)
        elif (
            not is_link and status.st_size == one.status.st_size and _digest(name) == digest != b""
        ):
            copies.append(name)
    unseen = one.status.st_nlink - 1 - len(same)
    found.same_file = bool(same) or unseen > 0
    if same:
        others = _listed(folder, same)
        found.told.append(f"the same file has other names, and stays there: {others}")
    if unseen > 0:
        found.told.append(
            f"the same file has {unseen} more names outside of the folder of photos, or where it "
            "can't be read, and stays there"
        )
    if copies:
        others = _listed(folder, copies)
        found.told.append(f"other files have the same bytes, and stay: {others}")
    if dangling:
        others = _listed(folder, dangling)
        found.told.append(f"links that led to it stay, and lead to nothing: {others}")
    return found


def _files(folder: str) -> Iterator[tuple[str, os.stat_result, bool]]:
    """Every file and link to a file in the folder, hidden ones too, with what it leads to."""
    folders = [folder]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                        continue
                    try:
                        status = entry.stat()
                    except OSError:
                        continue  # a link to nothing, or gone meanwhile
                    if stat.S_ISREG(status.st_mode):
                        yield entry.path, status, entry.is_symlink()
        except OSError:
            continue


def _digest(name: str) -> bytes:
    try:
        with Path(name).open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError:
        return b""


def _in_real_folder(name: str) -> str:
    """The name with its folder's real path; the last part may be a link itself."""
    parent, last = os.path.split(name)
    if last in ("", ".", ".."):
        return os.path.realpath(name)
    return os.path.join(os.path.realpath(parent), last)  # noqa: PTH118


def _is_inside(folder: str, name: str) -> bool:
    return name.startswith(folder.rstrip("/") + "/")


def seen_from(folder: str, name: str) -> str:
    """A name in the folder as its path there: a receipt that has it outlives a move."""
    return name[len(folder.rstrip("/")) + 1 :] if _is_inside(folder, name) else name


def _listed(folder: str, names: list[str]) -> str:
    shown = ", ".join(seen_from(folder, name) for name in sorted(names)[:_MOST_TOLD])
    more = len(names) - _MOST_TOLD
    return f"{shown} and {more} more" if more > 0 else shown
