"""Files that are written beside and get their name when they are whole.

A writer that is killed leaves one that nobody reads, and whose lock died with it; the next
writer takes it away.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from photosearch.files.locks import new_locked, take


class Staging:
    """A folder of files that are being written; on the disk of where they go."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def file(self) -> Iterator[tuple[Path, int]]:
        """A file of this writer's own, open; gone at the end if it was not renamed."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self.sweep()
        descriptor, name = new_locked(self._folder)
        try:
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
                # An empty one may just have been made.
                if take(file, within_s=0.0) and os.fstat(file.fileno()).st_size:
                    left.unlink()


def write(descriptor: int, content: bytes) -> None:
    """All of the content."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
