"""Which copies leave the image cache: the old, and beyond its size those used longest ago.

To know its size a cache of a million photos would have to be walked, so the bytes added since
the last walk are counted in a file, and the walk comes once a day or when the count passes the
bound. What a running step has pinned stays, however old and however full: a bound that is
passed for an hour is better than a photo that is fetched twice.
"""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from photosearch.files.leases import unpinned
from photosearch.files.locks import take

_COUNT = "bytes"
_SWEPT = "swept"
_DAY_S = 24 * 3600.0
_SHARE_KEPT = 0.9
"""Of the bound, after a walk: so that not every fetch walks."""
_AT_ONCE = 1000
"""Copies deleted while no step can pin: some 10 ms."""


@dataclass(frozen=True)
class _Copy:
    path: Path
    size: int
    kept_at: float
    used_at: float


def evict(cache: Path, pins: Path, *, keep_days: float, max_bytes: int, added: int) -> int:
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
    size = sum(copy.size for copy in copies)
    oldest = time.time() - keep_days * _DAY_S
    due = {copy.path: copy for copy in copies if copy.kept_at < oldest}
    left = size - sum(copy.size for copy in due.values())
    if left > max_bytes:
        for copy in sorted(copies, key=lambda copy: copy.used_at):
            if left <= max_bytes * _SHARE_KEPT:
                break
            if copy.path not in due:
                due[copy.path] = copy
                left -= copy.size
    gone = _delete(list(due.values()), pins)
    _count_from(cache, size - sum(copy.size for copy in gone))
    return len(gone)


def used(copy: str) -> None:
    """Note that a copy was used now; when it was kept stays known."""
    with suppress(OSError):
        os.utime(copy, (time.time(), os.stat(copy).st_mtime))  # noqa: PTH116


def _delete(due: list[_Copy], pins: Path) -> list[_Copy]:
    gone = []
    for start in range(0, len(due), _AT_ONCE):
        with unpinned(pins) as kept:
            for copy in due[start : start + _AT_ONCE]:
                if copy.path.name not in kept:
                    copy.path.unlink(missing_ok=True)
                    gone.append(copy)
    return gone


def _copies(cache: Path) -> Iterator[_Copy]:
    """Copies, and drafts that a killed process left a day ago."""
    for path in (cache / "photos").glob("*/*"):
        with suppress(FileNotFoundError):
            status = path.stat()
            if path.name.startswith(".") and time.time() - status.st_mtime < _DAY_S:
                continue
            yield _Copy(path, status.st_size, status.st_mtime, status.st_atime)


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
