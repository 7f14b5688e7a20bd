"""Files that appear whole or not at all.

What other processes read while it is written, and what a kill or a full disk may cut short, is
written beside its place, closed, and renamed. A rename within one folder is atomic, so a reader
sees the old content or the new. Closed before: some file systems refuse only then.

The drafts of small files have a name that starts with a dot, which no reader takes for one of
those it lists. A draft that a killed writer left is of no use to anybody; where many or big ones
would gather, :class:`Staging` takes them away.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from photosearch.files.locks import new_locked, take

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

OWNER_ALONE = 0o600
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL
_drafts = count()


def write_whole(
    path: str | Path,
    content: "str | ReadableBuffer",
    *,
    mode: int = OWNER_ALONE,
    keep_mode: bool = False,
) -> None:
    """Replace ``path`` by the content (text as UTF-8) in one step; its folder is made when missing.

    ``mode`` is that of a new file, less what the umask takes; with ``keep_mode`` only if there is
    none yet.

    Raises:
        OSError: if the disk refuses; what was there is there still.
    """
    kept = _mode_of(path) if keep_mode else None
    draft = beside(path)
    try:
        written = content.encode() if isinstance(content, str) else content
        _write(draft, written, mode if kept is None else OWNER_ALONE)
        if kept is not None:
            os.chmod(draft, kept)  # noqa: PTH101
        os.replace(draft, path)  # noqa: PTH105
    except BaseException:
        _remove(draft)
        raise


@contextmanager
def drafted(
    draft: str, content: "ReadableBuffer" = b"", *, mode: int = OWNER_ALONE, synced: bool = False
) -> Iterator[str]:
    """A new file with the content, closed; gone at the end of the block if it was not renamed.

    ``synced``: what it holds is safe on the disk before the block begins.

    Raises:
        OSError: if the disk refuses.
    """
    try:
        _write(draft, content, mode, synced=synced)
        yield draft
    finally:
        _remove(draft)


def beside(path: str | Path) -> str:
    """The name of a draft in the same folder, which no other writer has."""
    return os.path.join(os.path.dirname(path), f".{unlike_any_other()}")  # noqa: PTH118, PTH120


def unlike_any_other() -> str:
    """A part of a name that no other process or thread has, whichever machine shares the folder."""
    return f"{os.getpid()}-{time.time_ns():x}-{next(_drafts)}"


def write_all(descriptor: int, content: "ReadableBuffer") -> None:
    """All of the content."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


class Staging:
    """A folder for big files that are being written; on the disk of where they go.

    Each writer holds a lock on his file, which dies with him: so the next one knows what was left.
    """

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
        """Take away what killed writers left."""
        for left in self._folder.iterdir() if self._folder.exists() else ():
            with suppress(OSError), left.open("rb") as file:
                # An empty one may just have been made, and its lock be on the way.
                if take(file, within_s=0.0) and os.fstat(file.fileno()).st_size:
                    left.unlink()


def _mode_of(path: str | Path) -> int | None:
    try:
        return os.stat(path).st_mode & 0o7777  # noqa: PTH116
    except FileNotFoundError:
        return None


def _write(draft: str, content: "ReadableBuffer", mode: int, *, synced: bool = False) -> None:
    # Plain calls: a temporary file of the standard library's costs as much as a photo's write.
    try:
        descriptor = os.open(draft, _NEW, mode)
    except FileNotFoundError:
        Path(draft).parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(draft, _NEW, mode)
    try:
        write_all(descriptor, content)
        if synced:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(draft: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(draft)  # noqa: PTH108
