"""Artifacts in a folder.

obstore's local store writes files whole (it stages, then renames) but never syncs them, and
it has no conditional update. So the files go through obstore, and the three things that make
a version true are done here: files are on the disk before the manifest is linked, the link
fails when there is a manifest, and HEAD is compared and renamed under a lock.

One sync of everything before the manifest, and one of HEAD: after a power cut a version that
HEAD names is whole. The last HEAD may be lost; the next run finds and moves it again.
"""

import os
import re
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import obstore
from filelock import FileLock, Timeout
from obstore.exceptions import BaseError
from obstore.store import LocalStore

from photosearch.repository.errors import StorageError
from photosearch.repository.storage import Stored, StoredFile, TagMoved

LOCKS = ".locks"
# Locks are shared by hash: 17,520 windows a year would otherwise leave as many lock files.
LOCK_COUNT = 256
LOCK_TIMEOUT_S = 600.0
# obstore's own mark of a staged file; its listings leave such names out.
STAGED = re.compile(r"#\d+$")


class FolderStorage:
    """See :class:`photosearch.repository.storage.Storage`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._seen: dict[str, tuple[str, bytes]] = {}
        self._lock = cache(self._make_lock)

    def read(self, path: str) -> Stored | None:
        with _telling(path, "read"):
            try:
                descriptor = os.open(self.root / path, os.O_RDONLY)
            except (FileNotFoundError, NotADirectoryError):
                return None
            with os.fdopen(descriptor, "rb") as file:
                return Stored(file.read(), _tag(os.fstat(descriptor)))

    def read_each(self, folder: str, tail: str) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        seen = self._seen
        for name in self.folders(folder):
            path = f"{folder}/{name}/{tail}"
            try:
                # Not Path.stat: of 10,000 windows, building the paths costs more than asking.
                tag = _tag(os.stat(f"{self.root}/{path}"))  # noqa: PTH116
            except (FileNotFoundError, NotADirectoryError):
                continue
            known = seen.get(path)
            if known is None or known[0] != tag:
                stored = self.read(path)
                if stored is None:
                    continue
                known = seen[path] = (stored.tag, stored.content)
            found[name] = known[1]
        return found

    def exists(self, path: str) -> bool:
        return (self.root / path).exists()

    def folders(self, folder: str) -> list[str]:
        with _telling(folder, "listed"):
            try:
                with os.scandir(self.root / folder) as entries:
                    return sorted(entry.name for entry in entries if entry.is_dir())
            except (FileNotFoundError, NotADirectoryError):
                return []

    def files(self, folder: str) -> list[StoredFile]:
        found = []
        for place, _, names in os.walk(self.root / folder):
            for name in names:
                file = Path(place, name)
                with suppress(FileNotFoundError):
                    status = file.stat()
                    path = file.relative_to(self.root).as_posix()
                    found.append(StoredFile(path, status.st_size, status.st_mtime))
        return found

    def write_files(self, folder: str, files: Mapping[str, Path]) -> None:
        self._put(folder, files)
        self._sync(folder, [f"{folder}/{name}" for name in files])

    def write_version(
        self, folder: str, files: Mapping[str, Path], last: str, content: bytes
    ) -> bool:
        self._put(folder, files)
        with self._staged(f"{folder}/{last}", content) as staged:
            self._sync(folder, [f"{folder}/{name}" for name in files])
            try:
                os.link(staged, self.root / folder / last)
            except FileExistsError:
                return False
        return True

    def replace(self, path: str, content: bytes, expected: str | None) -> str:
        with self.fence(path):
            target = self.root / path
            try:
                status = target.stat()
            except FileNotFoundError:
                status = None
            if (None if status is None else _tag(status)) != expected:
                raise TagMoved(path)
            with self._staged(path, content) as staged:
                # Two moves within one tick of the clock, and an inode number used again,
                # would give one tag to two contents: so the time always grows.
                moment = max(time.time_ns(), 0 if status is None else status.st_mtime_ns + 1)
                os.utime(staged, ns=(moment, moment))
                tag = _tag(staged.stat())
                staged.rename(target)
            return tag

    def refresh(self, path: str) -> None:
        with _telling(path, "written"):
            os.utime(self.root / path)

    def delete(self, paths: Iterable[str]) -> None:
        parents = set()
        for path in paths:
            with _telling(path, "deleted"):
                (self.root / path).unlink(missing_ok=True)
                parents.add((self.root / path).parent)
        for parent in parents:
            with suppress(OSError):  # not empty, or another took it away
                parent.rmdir()

    @contextmanager
    def fence(self, name: str, *, wait: bool = True) -> Iterator[bool]:
        lock = self._lock(zlib.crc32(name.encode()) % LOCK_COUNT)
        try:
            with _telling(name, "locked"):
                lock.acquire(timeout=LOCK_TIMEOUT_S if wait else 0, poll_interval=0.002)
        except Timeout:
            if not wait:
                yield False
                return
            raise StorageError(
                f"{name} is being written by another process",
                found=f"no end after {LOCK_TIMEOUT_S:.0f} s",
                remedy="end that process and run this again",
            ) from None
        try:
            yield True
        finally:
            lock.release()

    def local_folder(self, folder: str) -> Path:
        return self.root / folder

    def _put(self, folder: str, files: Mapping[str, Path]) -> None:
        store = LocalStore(self.root, mkdir=True)
        for name, source in files.items():
            with _telling(f"{folder}/{name}", "written"):
                obstore.put(store, f"{folder}/{name}", source)

    @contextmanager
    def _staged(self, path: str, content: bytes) -> Iterator[Path]:
        """A synced file beside ``path``, gone at the end if it was not renamed."""
        staged = self.root / f"{path}#{os.getpid()}{time.monotonic_ns()}"
        try:
            with _telling(path, "written"):
                staged.parent.mkdir(parents=True, exist_ok=True)
                with staged.open("xb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                yield staged
        finally:
            staged.unlink(missing_ok=True)

    def _sync(self, folder: str, paths: Iterable[str]) -> None:
        for path in [*paths, folder, str(Path(folder).parent)]:
            with _telling(path, "written"):
                descriptor = os.open(self.root / path, os.O_RDONLY)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)

    def _make_lock(self, number: int) -> FileLock:
        (self.root / LOCKS).mkdir(parents=True, exist_ok=True)
        return FileLock(self.root / LOCKS / f"{number:02x}.lock")


def _tag(status: os.stat_result) -> str:
    return f"{status.st_ino:x}-{status.st_mtime_ns:x}-{status.st_size:x}"


@contextmanager
def _telling(path: str, done: str) -> Iterator[None]:
    """Turn the system's errors into ours, which name the file and the remedy."""
    try:
        yield
    except (OSError, BaseError) as error:
        raise StorageError(
            f"{path} could not be {done}",
            found=str(error),
            remedy="see that the disk has space and lets this user write",
        ) from error
