"""A lock that one process at a time holds, and that its death releases.

The kernel drops the lock however the process ends, so nothing stale is left to clean; a
child does not inherit it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from photosearch.errors import PhotosearchError
from photosearch.files.locks import take
from photosearch.processes.dying import await_release


class AlreadyRunning(PhotosearchError):
    """Another process does this job already."""


@contextmanager
def only_one(path: Path, what: str, otherwise: str = "use another state_dir") -> Iterator[None]:
    """Hold the lock file ``path`` while the block runs; a holder that dies is waited for.

    ``what`` names the job in the error, ``otherwise`` how to have two of it.

    Raises:
        AlreadyRunning: if another process holds it, with that process's id.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        if not await_release(lambda: take(file, within_s=0.0), lambda: _holder(file)):
            pid = _holder(file)
            raise AlreadyRunning(
                f"{what} runs already",
                found=f"process {'unknown' if pid is None else pid}, which holds {path}",
                limit="one at a time",
                remedy=f"stop that process first, or {otherwise}",
            )
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _holder(file: IO[str]) -> int | None:
    """The process that wrote its id; none between its taking the lock and its writing."""
    file.seek(0)
    written = file.read().strip()
    return int(written) if written.isdecimal() else None
