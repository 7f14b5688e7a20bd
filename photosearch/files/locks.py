"""A lock between processes and threads of one machine, which the holder's end releases."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def file_lock(path: Path, *, shared: bool = False, wait: bool = True) -> Iterator[None]:
    """Hold the lock file ``path`` while the block runs, waiting for others as long as it takes.

    Raises:
        BlockingIOError: if others hold it and this is not to ``wait``.
        OSError: if the file can't be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Each holder opens its own, so that threads wait for one another too.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        fcntl.flock(descriptor, kind if wait else kind | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def locked_by_name(folder: Path, name: str) -> Iterator[None]:
    """Hold the lock of ``name``, which is ``kind/name``.

    Names share a few files of their kind by hash, so that years of images leave no thousands
    of files; whoever holds one kind may wait for another, never for a second of the same.
    """
    kind, _, rest = name.partition("/")
    shared = hashlib.sha256(rest.encode()).hexdigest()[:2]
    with file_lock(folder / f"{kind}-{shared}"):
        yield
