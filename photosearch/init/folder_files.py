"""The photos in a folder, at any depth, and what was passed over.

Every other file is counted by the reason why it is none, because a photo that silently stays
away is what users ask about first; of a folder that is not entered, the folder. Links to folders
are not entered: they may lead in circles. What can't be read is remembered, because it says
nothing about the photos in it.
"""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from photosearch.catalogue.schema import CatalogueError
from photosearch.init.ignored_names import IgnoredNames
from photosearch.init.passed_over import why_passed_over


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
    """The photos by path, how many files and folders were passed over for each reason, and the
    paths of those that could not be read, which are among them for one of ``faults``."""

    photos: list[PhotoFile] = field(default_factory=list)
    passed_over: Counter[str] = field(default_factory=Counter)
    unread: list[str] = field(default_factory=list)
    faults: set[str] = field(default_factory=set)

    def could_not_read(self, path: str, reason: str) -> None:
        self.passed_over[reason] += 1
        self.faults.add(reason)
        self.unread.append(path)

    @property
    def versions(self) -> dict[str, str]:
        """Each photo's version by its path."""
        return {photo.path: photo.version for photo in self.photos}

    def may_hold(self, path: str) -> bool:
        """Whether ``path`` lies where nobody could look."""
        return any(path == unread or path.startswith(f"{unread}/") for unread in self.unread)


def find_photos(folder: Path, ignore: Sequence[str] = ()) -> FolderFiles:
    """Every photo in ``folder`` but those that are hidden, a system's own, or in ``ignore``, which
    are patterns as of :class:`IgnoredNames`.

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
    ignored = IgnoredNames(ignore)
    for file in _files(root, found, ignored):
        path = _inside(root, file.path)
        try:
            reason = ignored.why_file(file.name, path) or why_passed_over(file, path, root)
            if reason is None:
                status = file.stat()
                version = f"{status.st_size}-{status.st_mtime_ns}"
                found.photos.append(PhotoFile(path, status.st_mtime, version))
            else:
                found.passed_over[reason] += 1
        except FileNotFoundError:
            continue  # gone since its folder was read
        except OSError as error:
            found.could_not_read(path, f"files that can't be read: {error.strerror}")
    found.photos.sort(key=lambda photo: photo.path)
    return found


def _files(root: str, found: FolderFiles, ignored: IgnoredNames) -> Iterator["os.DirEntry[str]"]:
    folders = [root]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        reason = ignored.why_folder(entry.name, _inside(root, entry.path))
                        if reason is None:
                            folders.append(entry.path)
                        else:
                            found.passed_over[reason] += 1
                    elif entry.is_symlink() and os.path.isdir(entry.path):  # noqa: PTH112
                        found.passed_over["links to folders, which are not entered"] += 1
                    else:
                        yield entry
        except FileNotFoundError:
            continue  # gone since its own folder was read
        except PermissionError:
            found.could_not_read(_inside(root, folder), "folders that may not be read")
        except OSError as error:
            reason = f"folders that can't be read: {error.strerror}"
            found.could_not_read(_inside(root, folder), reason)


def _inside(root: str, path: str) -> str:
    return path[len(root.rstrip("/")) + 1 :]
