"""Copies on this machine of artifacts that lie in a bucket.

A mirror of the bucket's version folders below ``state_dir``, shared by all processes: each
file is fetched once, gets its name when it is whole, and is never changed. Who reads it
compares it with its digest, as in a folder. The copies used longest ago go when there are too
many bytes, but none that a process still uses: what was asked for is kept until the step
ends, or in a server as long as it lives. To know the bytes all copies have to be walked; so a
process walks when it makes its first copy, and then whenever it has added a share of the bound.
"""

import os
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from photosearch.files.bounded import Entry, make_room
from photosearch.files.leases import FileLease
from photosearch.files.whole import beside, drafted
from photosearch.repository.errors import StorageError
from photosearch.repository.manifest import FileEntry

_SHARE_KEPT = 0.8
"""Of the bound, after a cleaning: so that not every new artifact cleans."""
_SHARE_UNSEEN = 0.1
"""Of the bound, what a process may add before it looks at all of it again; cleaning begins so
much below the bound."""


class ArtifactCache:
    """Files by version folder and name, in ``root``; safe to share between threads."""

    def __init__(self, root: Path, max_bytes: int) -> None:
        self.root = root
        self._max_bytes = max_bytes
        self._leases = root / ".pins"
        self._lease: FileLease | None = None
        self._users = 0
        self._unseen_bytes = max_bytes  # of its first copy a process does not know the others
        self._lock = threading.Lock()

    def folder(
        self,
        version: str,
        files: Mapping[str, FileEntry],
        fetch: Callable[[str, Path], bool],
        *,
        fresh: bool = False,
    ) -> Path:
        """The folder with the files; ``fetch(name, path)`` brings one that is not here yet,
        or says False when there is none.

        Sizes are looked at, digests are not. ``fresh`` fetches what is here too.

        Raises:
            StorageError: if this machine's disk is full or refuses.
        """
        place = self.root / version
        try:
            self._keep(version)
            place.mkdir(parents=True, exist_ok=True)
            missing = [
                name for name, entry in files.items() if fresh or _size(place / name) != entry.size
            ]
            for name in missing:
                _bring(place / name, fetch)
            os.utime(place)
        except OSError as error:
            raise StorageError(
                f"the copy of {version} can't be written",
                found=str(error),
                remedy="make room on the disk, or move state_dir",
            ) from error
        self._added([files[name].size for name in missing])
        return place

    def put(self, version: str, files: Mapping[str, Path]) -> None:
        """Keep what this machine has just made, without fetching it; by links if it can be."""
        place = self.root / version
        with suppress(OSError):  # a copy that is not made is fetched when somebody wants it
            place.mkdir(parents=True, exist_ok=True)
            for name, source in files.items():
                try:
                    os.link(source, place / name)
                except OSError:
                    with drafted(beside(place / name)) as draft:
                        shutil.copyfile(source, draft)
                        Path(draft).replace(place / name)
            self._added([(place / name).stat().st_size for name in files])

    def forget(self, path: str) -> None:
        """Remove the copy of one file, whoever keeps it: it was deleted in the bucket."""
        file = self.root / path
        with suppress(OSError):
            file.unlink()
            file.parent.rmdir()  # fails while others lie in it

    @contextmanager
    def using(self) -> Iterator[None]:
        """Let go at the end of what was asked for inside; without it, the process keeps it."""
        with self._lock:
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if self._users == 0 and self._lease is not None:
                    self._lease.release()
                    self._lease = None

    def clean(self) -> int:
        """Remove the version folders used longest ago while there are too many bytes; how many
        went."""
        with self._lock:
            self._unseen_bytes = 0
        found = list(self._folders())
        size = sum(folder.size for folder in found)
        if size <= self._max_bytes * (1 - _SHARE_UNSEEN):
            return 0
        excess = size - self._max_bytes * _SHARE_KEPT
        return len(make_room(found, excess, _delete, leases=self._leases))

    def _added(self, sizes: Sequence[int]) -> None:
        if not sizes:
            return
        with self._lock:
            self._unseen_bytes += sum(sizes)
            is_due = self._unseen_bytes > self._max_bytes * _SHARE_UNSEEN
        if is_due:
            self.clean()

    def _keep(self, version: str) -> None:
        with self._lock:
            if self._lease is None:
                self._lease = FileLease(self._leases)
            self._lease.add([version])

    def _folders(self) -> Iterator[Entry]:
        """The versions' folders, which are leased by their paths in here."""
        for place, _, names in os.walk(self.root):
            relative = os.path.relpath(place, self.root)
            if not names or relative.startswith("."):
                continue
            with suppress(FileNotFoundError):
                used_at = Path(place).stat().st_mtime
                size = sum(_size(Path(place, name)) or 0 for name in names)
                yield Entry(Path(place), relative, size, used_at)


def _bring(file: Path, fetch: Callable[[str, Path], bool]) -> None:
    with drafted(beside(file)) as draft:
        if fetch(file.name, Path(draft)):
            Path(draft).replace(file)
        else:
            file.unlink(missing_ok=True)


def _delete(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None
