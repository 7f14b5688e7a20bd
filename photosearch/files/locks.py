"""Locks between processes and threads of one machine, which the holder's end releases.

The kernel lets go of a lock however its process ends, so nothing stale is left to clean, and a
lock that is held tells of a process that lives. Each holder opens the file for itself, so threads
wait for one another as processes do, and a program that is started inherits nothing. Written on
fcntl, here alone, because that is all a lock library would add.
"""

import errno
import fcntl
import os
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_FEW = 256
_LOOK_EVERY_S = 0.002


def take(
    file: int | IO[bytes] | IO[str], *, shared: bool = False, within_s: float | None = None
) -> bool:
    """Lock an open file until it is closed; whether the others let go of it within that time.

    ``within_s``: 0 asks and does not wait; none waits as long as it takes.
    """
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    if within_s is None:
        fcntl.flock(file, kind)
        return True
    limit = time.monotonic() + within_s
    while True:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= limit:
                return False
        else:
            return True
        time.sleep(_LOOK_EVERY_S)


def open_lock(path: str | Path) -> int:
    """A descriptor of the lock file ``path``; file and folder are made when missing.

    Raises:
        OSError: if the disk refuses.
    """
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except FileNotFoundError:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)


@contextmanager
def file_lock(path: str | Path, *, shared: bool = False, wait: bool = True) -> Iterator[None]:
    """Hold the lock file ``path`` while the block runs, waiting for others as long as it takes.

    Raises:
        BlockingIOError: if others hold it and this is not to ``wait``.
        OSError: if the file can't be made.
    """
    descriptor = open_lock(path)
    try:
        if not take(descriptor, shared=shared, within_s=None if wait else 0.0):
            raise BlockingIOError(errno.EAGAIN, "locked by another", str(path))
        yield
    finally:
        os.close(descriptor)


@contextmanager
def locked_by_name(folder: Path, name: str) -> Iterator[None]:
    """Hold the lock of ``name``, which is ``kind/name``.

    Whoever holds one kind may wait for another, never for a second of the same.
    """
    kind, _, rest = name.partition("/")
    with file_lock(folder / lock_name(kind, rest)):
        yield


def lock_name(kind: str, name: str) -> str:
    """The lock file of ``name``, which shares a few of its kind with all others by hash: the
    windows and images of years would leave a file each otherwise."""
    return f"{kind}-{zlib.crc32(name.encode()) % _FEW:02x}"


def new_locked(folder: Path, *, prefix: str = "", suffix: str = "") -> tuple[int, str]:
    """A new file for its owner alone, open and locked, and its path.

    Locked before anybody can look for it by a name that says something, if it is renamed then.
    """
    descriptor, path = tempfile.mkstemp(prefix=prefix, suffix=suffix, dir=folder)
    take(descriptor)
    return descriptor, path


def is_held(path: Path) -> bool:
    """Whether a living process holds the lock file; False if there is none."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return not take(descriptor, shared=True, within_s=0.0)  # not in another asker's way
    finally:
        os.close(descriptor)
