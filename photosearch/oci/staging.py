"""Files that are written beside and get their name when they are whole.

A writer that is killed leaves one that nobody reads, and whose lock died with it; the next
writer takes it away.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class Staging:
    """A folder of files that are being written; on the disk of where they go."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def file(self) -> Iterator[tuple[Path, int]]:
        """A file of this writer's own, open; gone at the end if it was not renamed."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self.sweep()
        descriptor, name = tempfile.mkstemp(dir=self._folder)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            os.fchmod(descriptor, 0o644)
            yield Path(name), descriptor
        finally:
            with suppress(FileNotFoundError):
                Path(name).unlink()
            os.close(descriptor)

    def sweep(self) -> None:
        """Take away what killed writers left: whoever lives holds the lock on his file."""
        for left in self._folder.iterdir() if self._folder.exists() else ():
            with suppress(OSError), left.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(file.fileno()).st_size:  # else someone may just have made it
                    left.unlink()


def write(descriptor: int, content: bytes) -> None:
    """All of the content."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
