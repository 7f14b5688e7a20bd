"""Which copies leave the image cache: the old, and beyond its size those used longest ago.

To know its size a cache of a million photos would have to be walked, so the bytes added since
the last walk are counted in a file, and the walk comes once a day or when the count passes the
bound. What a running step keeps stays, however old and however full: a bound that is
passed for an hour is better than a photo that is fetched twice.
"""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from photosearch.files.bounded import Entry, make_room, remove_all
from photosearch.files.locks import take

_COUNT = "bytes"
_SWEPT = "swept"
_DAY_S = 24 * 3600.0
_SHARE_KEPT = 0.9
"""Of the bound, after a walk: so that not every fetch walks."""


def evict(cache: Path, leases: Path, *, keep_days: float, max_bytes: int, added: int) -> int:
    """Count ``added`` bytes, and delete what is due; how many copies went."""
    if not cache.is_dir():
        return 0
    size = _counted(cache, added)
    stamp = cache / _SWEPT
    is_new_day = _age_s(stamp) >= _DAY_S
    if not is_new_day and size is not None and size <= max_bytes:
        return 0
    stamp.touch()
    copies = list(_copies(cache))
    size = sum(copy.size for _, copy in copies)
    oldest = time.time() - keep_days * _DAY_S
    due = [copy for kept_at, copy in copies if kept_at < oldest]
    gone = remove_all(due, _delete, leases=leases)
    left = size - sum(copy.size for copy in gone)
    if left > max_bytes:
        rest = [copy for kept_at, copy in copies if kept_at >= oldest]
        excess = left - max_bytes * _SHARE_KEPT
        gone += make_room(rest, excess, _delete, leases=leases)
    _count_from(cache, size - sum(copy.size for copy in gone))
    return len(gone)


def used(copy: str) -> None:
    """Note that a copy was used now; when it was kept stays known."""
    with suppress(OSError):
        os.utime(copy, (time.time(), os.stat(copy).st_mtime))  # noqa: PTH116


def _delete(copy: Path) -> None:
    copy.unlink(missing_ok=True)


def _copies(cache: Path) -> Iterator[tuple[float, Entry]]:
    """When each was kept: copies, and drafts that a killed process left a day ago."""
    for path in (cache / "photos").glob("*/*"):
        with suppress(FileNotFoundError):
            status = path.stat()
            if path.name.startswith(".") and time.time() - status.st_mtime < _DAY_S:
                continue
            yield status.st_mtime, Entry(path, path.name, status.st_size, status.st_atime)


def _counted(cache: Path, added: int) -> int | None:
    """The count with ``added``; None if there was none yet."""
    with (cache / _COUNT).open("a+b") as file:
        take(file)
        file.seek(0)
        text = file.read()
        if not text:
            return None
        size = int(text) + added
        if added:
            file.truncate(0)
            file.write(b"%d" % size)
        return size


def _count_from(cache: Path, size: int) -> None:
    with (cache / _COUNT).open("a+b") as file:
        take(file)
        file.truncate(0)
        file.write(b"%d" % size)


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")
