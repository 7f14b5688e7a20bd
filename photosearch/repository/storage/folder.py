"""Artifacts in a folder.

Written with the system's own calls, and not through obstore's local store, which has no
conditional update, never syncs, and copied a file of 200 MB in 0.9 s where the kernel needs
0.1 s. An object store has no such calls and is reached through obstore (object_storage.py).

What makes a version true: its files are on the disk before the manifest gets its name, by a
link that fails when there is one; and HEAD is compared and renamed under a lock. After a
power cut a version with a manifest is whole. The last move of HEAD may be undone then; the
next run sees that and moves it again.
"""

import os
import shutil
import time
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path

from photosearch.files.disk import remedy_for, sync
from photosearch.files.locks import lock_name, open_lock, take
from photosearch.files.walk import ABSENT, unless_absent
from photosearch.files.whole import drafted, unlike_any_other
from photosearch.repository.errors import StorageError
from photosearch.repository.manifest import FileEntry
from photosearch.repository.storage.port import Stored, StoredFile, TagMoved

LOCKS = ".locks"
LOCK_TIMEOUT_S = 600.0
STAGED_MARK = "#"


class FolderStorage:
    """See :class:`photosearch.repository.storage.port.Storage`."""

    is_far = False

    def __init__(self, root: Path) -> None:
        self._root = str(root)

    def now_s(self) -> float:
        # By a file of its own: the folder may lie on another machine with another clock.
        with _telling(LOCKS, "written"):
            Path(self._root, LOCKS).mkdir(parents=True, exist_ok=True)
            clock = Path(self._root, LOCKS, "clock")
            clock.touch()
            return clock.stat().st_mtime

    def read(self, path: str) -> Stored | None:
        with _telling(path, "read"):
            try:
                descriptor = os.open(f"{self._root}/{path}", os.O_RDONLY)
            except ABSENT:
                return None
            try:
                status = os.fstat(descriptor)
                # In one call: what is read here is small, and replaced whole, never changed.
                return Stored(os.read(descriptor, status.st_size), _tag(status))
            finally:
                os.close(descriptor)

    def list_each(self, folder: str, tails: Sequence[str]) -> list[dict[str, Hashable]]:
        with _telling(folder, "listed"):
            try:
                descriptor = os.open(f"{self._root}/{folder}", os.O_RDONLY | os.O_DIRECTORY)
            except ABSENT:
                return [{} for _ in tails]
            try:
                with os.scandir(descriptor) as entries:
                    names = [entry.name for entry in entries]
                return [_marks(descriptor, names, tail) for tail in tails]
            finally:
                os.close(descriptor)

    def exists(self, path: str) -> bool:
        with _telling(path, "read"):
            return Path(self._root, path).exists()

    def folders(self, folder: str) -> list[str]:
        with _telling(folder, "listed"):
            try:
                with os.scandir(f"{self._root}/{folder}") as entries:
                    return sorted(entry.name for entry in entries if entry.is_dir())
            except ABSENT:
                return []

    def files(self, folder: str) -> list[StoredFile]:
        found = []
        with _telling(folder, "listed"):
            for place, _, names in os.walk(f"{self._root}/{folder}", onerror=unless_absent):
                below = place[len(self._root) + 1 :]
                for name in names:
                    with suppress(FileNotFoundError):
                        status = Path(place, name).stat()
                        found.append(
                            StoredFile(
                                path=f"{below}/{name}",
                                size=status.st_size,
                                modified_s=status.st_mtime,
                                staged=STAGED_MARK in name,
                            )
                        )
        return found

    def write_version(
        self, folder: str, files: Mapping[str, Path], last: str, content: bytes
    ) -> bool:
        place = f"{self._root}/{folder}"
        with _telling(folder, "written"):
            Path(place).mkdir(parents=True, exist_ok=True)
            for name, source in files.items():
                # Straight to its name: without a manifest nobody looks.
                shutil.copyfile(source, f"{place}/{name}")
            with _staged(f"{place}/{last}", content) as staged:
                # All writes first, then all syncs: the first sync's journal commit often
                # carries the others (3 ms together on the machine of docs/benchmarks.md).
                for name in files:
                    sync(f"{place}/{name}")
                sync(place)
                try:
                    os.link(staged, f"{place}/{last}")
                except FileExistsError:
                    return False
        return True

    def replace(self, path: str, content: bytes, expected: str | None) -> str:
        target = f"{self._root}/{path}"
        with self._locked("swap", path, wait=True), _telling(path, "written"):
            try:
                status = os.stat(target)  # noqa: PTH116
            except FileNotFoundError:
                status = None
            if (None if status is None else _tag(status)) != expected:
                raise TagMoved(path)
            if status is None:
                Path(target).parent.mkdir(parents=True, exist_ok=True)
            with _staged(target, content) as staged:
                # Two moves within one tick of the clock, and an inode number used again,
                # would give one tag to two contents: so the time always grows.
                moment = max(time.time_ns(), 0 if status is None else status.st_mtime_ns + 1)
                os.utime(staged, ns=(moment, moment))
                tag = _tag(os.stat(staged))  # noqa: PTH116
                os.replace(staged, target)  # noqa: PTH105
            return tag

    def refresh(self, path: str) -> bool:
        with _telling(path, "written"):
            try:
                os.utime(f"{self._root}/{path}")
            except ABSENT:
                return False
            return True

    def remove(self, path: str, tag: str) -> bool:
        with self._locked("swap", path, wait=True), _telling(path, "deleted"):
            try:
                if _tag(os.stat(f"{self._root}/{path}")) != tag:  # noqa: PTH116
                    return False
                os.unlink(f"{self._root}/{path}")  # noqa: PTH108
            except ABSENT:
                return False
            return True

    def delete(self, paths: Iterable[str]) -> None:
        folders = set()
        for path in paths:
            with _telling(path, "deleted"):
                Path(self._root, path).unlink(missing_ok=True)
            folders.add(path.rpartition("/")[0])
        for folder in folders:
            with suppress(OSError):  # not empty, or gone already
                Path(self._root, folder).rmdir()

    @contextmanager
    def fence(self, name: str, *, wait: bool = True) -> Iterator[bool]:
        with self._locked("fence", name, wait=wait) as ours:
            yield ours

    def local_folder(
        self, folder: str, files: Mapping[str, FileEntry], *, fresh: bool = False
    ) -> Path:
        return Path(self._root, folder)

    def using(self) -> AbstractContextManager[None]:
        return nullcontext()

    @contextmanager
    def _locked(self, use: str, name: str, *, wait: bool) -> Iterator[bool]:
        path = f"{LOCKS}/{lock_name(use, name)}"
        with _telling(path, "locked"):
            descriptor = open_lock(f"{self._root}/{path}")
        try:
            is_ours = take(descriptor, within_s=LOCK_TIMEOUT_S if wait else 0.0)
            if wait and not is_ours:
                raise StorageError(
                    f"{name} is being written by another process",
                    found=f"no end after {LOCK_TIMEOUT_S:.0f} s",
                    remedy="end that process and run this again",
                )
            yield is_ours
        finally:
            os.close(descriptor)  # which lets the lock go, as the end of the process would


def _staged(path: str, content: bytes) -> AbstractContextManager[str]:
    """A synced file beside ``path``, gone at the end if it was not renamed."""
    return drafted(f"{path}{STAGED_MARK}{unlike_any_other()}", content, mode=0o666, synced=True)


def _marks(descriptor: int, names: Iterable[str], tail: str) -> dict[str, Hashable]:
    """Inode, time and size of ``name/tail`` for the names below a folder that have it."""
    # Relative to the folder's descriptor and without Path objects: with 10,000 windows
    # walking the long paths and building them costs more than the answers.
    found: dict[str, Hashable] = {}
    for name in names:
        try:
            status = os.stat(f"{name}/{tail}", dir_fd=descriptor)
        except ABSENT:
            continue
        found[name] = (status.st_ino, status.st_mtime_ns, status.st_size)
    return found


def _tag(status: os.stat_result) -> str:
    return f"{status.st_ino:x}-{status.st_mtime_ns:x}-{status.st_size:x}"


@contextmanager
def _telling(path: str, done: str) -> Iterator[None]:
    """Turn the system's errors into ours, which name the file and the remedy."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{path} could not be {done}",
            found=str(error),
            remedy=remedy_for(error, "state_dir"),
        ) from error
