"""What running processes need of a folder that is cleaned now and then.

A pin is a small file of names, locked by the process that needs them: the kernel lets go of
the lock however the process ends, so no pin outlives its owner. Pins are made and read behind
one more lock. So whoever cleans sees every pin that was made before, and whoever pins knows
that a name found afterwards stays.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from photosearch.files.locks import file_lock, new_locked, take

_GUARD = "guard"
_PIN = ".pin"


class Pin:
    """Names that stay until :meth:`release`, or until this process ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with _guarded(folder, shared=True):
            self._file, self._path = new_locked(folder, suffix=_PIN)

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
def pinned(folder: Path, names: Iterable[str]) -> Iterator[None]:
    """Keep ``names`` while the block runs; ``folder`` is that of the pins."""
    pin = Pin(folder)
    try:
        pin.add(names)
        yield
    finally:
        pin.release()


@contextmanager
def unpinned(folder: Path) -> Iterator[frozenset[str]]:
    """The names that living processes have pinned; no other is pinned while the block runs."""
    with _guarded(folder, shared=False):
        names: set[str] = set()
        for path in folder.glob(f"*{_PIN}"):
            with suppress(FileNotFoundError), path.open("rb+") as file:
                if take(file, within_s=0.0):  # its owner is gone
                    path.unlink()
                else:
                    names.update(file.read().decode().splitlines())
        yield frozenset(names)


def _guarded(folder: Path, *, shared: bool) -> AbstractContextManager[None]:
    return file_lock(folder / _GUARD, shared=shared)
