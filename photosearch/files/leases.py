"""What running processes need of a folder that is cleaned now and then.

A lease is a small file of names, locked by the process that needs them: the kernel lets go of
the lock however the process ends, so no lease outlives its owner. Leases are taken and read behind
one more lock. So whoever cleans sees every lease that was taken before, and whoever takes one
knows that a name found afterwards stays.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from photosearch.files.locks import file_lock, new_locked, take

_GUARD = "guard"
_SUFFIX = ".pin"  # as processes of 0.1.0 look for it, that may run beside


class FileLease:
    """Names that stay until :meth:`release`, or until this process ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with _guarded(folder, shared=True):
            self._file, self._path = new_locked(folder, suffix=_SUFFIX)

    def add(self, names: Iterable[str]) -> None:
        """Keep these too; a name has no line break."""
        lines = "".join(f"{name}\n" for name in names).encode()
        with _guarded(self._folder, shared=True):
            os.write(self._file, lines)

    def release(self) -> None:
        """Let them go; once is enough."""
        if self._file >= 0:
            Path(self._path).unlink(missing_ok=True)
            os.close(self._file)
            self._file = -1


@contextmanager
def keeping(folder: Path, names: Iterable[str]) -> Iterator[None]:
    """Keep ``names`` while the block runs; ``folder`` is that of the leases."""
    lease = FileLease(folder)
    try:
        lease.add(names)
        yield
    finally:
        lease.release()


@contextmanager
def names_kept(folder: Path) -> Iterator[frozenset[str]]:
    """The names that living processes keep; no other is kept while the block runs."""
    with _guarded(folder, shared=False):
        names: set[str] = set()
        for path in folder.glob(f"*{_SUFFIX}"):
            with suppress(FileNotFoundError), path.open("rb+") as file:
                if take(file, within_s=0.0):  # its owner is gone
                    path.unlink()
                else:
                    names.update(file.read().decode().splitlines())
        yield frozenset(names)


def _guarded(folder: Path, *, shared: bool) -> AbstractContextManager[None]:
    return file_lock(folder / _GUARD, shared=shared)
