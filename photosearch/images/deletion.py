"""Deleting photos from the image store, and what can truly be said of it afterwards.

A path is a name, and bytes may have many. In a folder it may be a link, or one of several hard
links, and the file behind it may be the photo of another listing: then the name alone goes. The
file goes first and its links after it, so that whoever was killed between finds what is left. What
the client of a bucket can't address is left and told; what may succeed another time is told as a
failure.
"""

import errno
import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from photosearch.images.linked_file import (
    FileKey,
    LinkedFile,
    find_other_names,
    follow,
    key_of,
    seen_from,
)
from photosearch.images.photo_error import PhotoError, PhotoUnreachable
from photosearch.images.photo_path import require_relative
from photosearch.images.store import ImageStore

_FOR_EVER = (errno.ENAMETOOLONG, errno.ELOOP)


class Fate(StrEnum):
    """What became of a photo."""

    DELETED = "deleted"
    UNLINKED = "unlinked"  # a name of it went, and its bytes lie somewhere else
    LEFT = "left"  # and another try would leave it too
    MISSING = "missing"
    FAILED = "failed"  # another try may succeed


@dataclass(frozen=True)
class Deletion:
    """What became of the photo at ``path``; ``told`` are sentences about it."""

    path: str
    fate: Fate
    told: tuple[str, ...] = ()


def delete_photos(
    store: ImageStore, paths: Collection[str], others: Iterable[str]
) -> list[Deletion]:
    """Delete photos from their store; one outcome for each, in order.

    ``others`` are the paths of photos that are to stay.

    Raises:
        ImageStoreError: if the store itself is gone.
    """
    wanted = sorted(paths)
    if store.folder is None:
        kept = set(wanted) & set(others) if wanted else set()
        return [_delete_object(store, path, path in kept) for path in wanted]
    return _delete_files(store.folder, wanted, others)


# In a folder


def _delete_files(folder: str, paths: list[str], others: Iterable[str]) -> list[Deletion]:
    found: dict[str, LinkedFile | Deletion] = {path: _followed(folder, path) for path in paths}
    keys = {one.key for one in found.values() if isinstance(one, LinkedFile) and one.key}
    users = _users(folder, keys, others)
    return [
        one if isinstance(one, Deletion) else _delete_file(folder, path, one, users)
        for path, one in found.items()
    ]


def _followed(folder: str, path: str) -> LinkedFile | Deletion:
    try:
        return follow(folder, require_relative(path))
    except (FileNotFoundError, NotADirectoryError):
        return Deletion(path, Fate.MISSING)
    except (PhotoError, ValueError) as error:  # ValueError: no file system has such a name
        return Deletion(path, Fate.LEFT, (str(error),))
    except OSError as error:
        fate = Fate.LEFT if error.errno in _FOR_EVER else Fate.FAILED
        return Deletion(path, fate, (f"{path} can't be found: {error.strerror}",))


def _users(
    folder: str, keys: Collection[FileKey], others: Iterable[str]
) -> dict[FileKey, list[str]]:
    """Which of ``others`` are one of these files, by whatever name."""
    users: dict[FileKey, list[str]] = {}
    for path in others if keys else ():
        try:
            key = key_of(os.stat(f"{folder}/{require_relative(path)}"))  # noqa: PTH116 (per photo)
        except (OSError, PhotoError):
            continue
        if key in keys:
            users.setdefault(key, []).append(path)
    return users


def _delete_file(
    folder: str, path: str, one: LinkedFile, users: dict[FileKey, list[str]]
) -> Deletion:
    told: list[str] = []
    file = seen_from(folder, one.file)
    names = list(one.links)
    fate = Fate.UNLINKED
    if one.outside is not None:
        told.append(f"{path} leads out of the folder of photos: the photo lies at {one.outside}")
    elif one.key is None:
        told.append(f"{path} was a link to nothing")
    elif one.key in users:
        kept = {name for user in users[one.key] for name in _names_of(folder, user)}
        names = [name for name in (*one.links, one.file) if name not in kept]
        told.append(f"the same file is a photo of another listing, and stays there: {file}")
    else:
        names = [one.file, *one.links]
        elsewhere = find_other_names(folder, one, gone=names)
        told += elsewhere.told
        fate = Fate.UNLINKED if elsewhere.same_file else Fate.DELETED
    if not names:
        return Deletion(path, Fate.LEFT, tuple(told))
    for name in names:
        try:
            os.unlink(name)  # noqa: PTH108 (a name may be no UTF-8)
        except FileNotFoundError:
            continue
        except OSError as error:
            told.append(f"{seen_from(folder, name)} can't be deleted: {error.strerror}")
            return Deletion(path, Fate.FAILED, tuple(told))
    return Deletion(path, fate, tuple(told))


def _names_of(folder: str, path: str) -> tuple[str, ...]:
    try:
        one = follow(folder, path)
    except (OSError, PhotoError):
        return ()
    return (*one.links, one.file)


# In a bucket


def _delete_object(store: ImageStore, path: str, is_shared: bool) -> Deletion:
    if is_shared:
        return Deletion(
            path, Fate.LEFT, ("the same object is a photo of another listing, and stays there",)
        )
    try:
        kept = store.delete_object(path)
    except PhotoUnreachable as error:
        return Deletion(path, Fate.FAILED, (str(error),))
    except PhotoError as error:
        return Deletion(path, Fate.LEFT, (str(error),))
    except FileNotFoundError:
        return Deletion(path, Fate.MISSING)
    return Deletion(path, Fate.DELETED, () if kept is None else (kept,))
