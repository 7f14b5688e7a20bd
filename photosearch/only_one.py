"""A lock that one process at a time holds, and that its death releases.

The kernel drops the lock however the process ends, so nothing stale is left to clean; a
child does not inherit it. Written on fcntl because that is all a lock library would add here.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from photosearch.errors import PhotosearchError


class AlreadyRunning(PhotosearchError):
    """Another process does this job already."""


@contextmanager
def only_one(path: Path, what: str, otherwise: str = "use another state_dir") -> Iterator[None]:
    """Hold the lock file ``path`` while the block runs.

    ``what`` names the job in the error, ``otherwise`` how to have two of it.

    Raises:
        AlreadyRunning: if another process holds it, with that process's id.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise AlreadyRunning(
                f"{what} runs already",
                found=f"process {file.read().strip() or 'unknown'}, which holds {path}",
                limit="one at a time",
                remedy=f"stop that process first, or {otherwise}",
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
