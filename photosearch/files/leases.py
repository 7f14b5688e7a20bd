"""What running processes need of a folder that is cleaned now and then.

A pin is a small file of names, locked by the process that needs them: the kernel lets go of
the lock however the process ends, so no pin outlives its owner. Pins are made and read behind
one more lock. So whoever cleans sees every pin that was made before, and whoever pins knows
that a name found afterwards stays.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkstemp

_GUARD = "guard"
_PIN = ".pin"


class Pin:
    """Names that stay until :meth:`release`, or until this process ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with _guarded(folder, fcntl.LOCK_SH):
            self._file, self._path = mkstemp(suffix=_PIN, dir=folder)
            fcntl.flock(self._file, fcntl.LOCK_EX)

    def add(self, names: Iterable[str]) -> None:
        """Keep these too; a name has no line break."""
        lines = "".join(f"{name}\n" for name in names).encode()
        with _guarded(self._folder, fcntl.LOCK_SH):
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
    with _guarded(folder, fcntl.LOCK_EX):
        names: set[str] = set()
        for path in folder.glob(f"*{_PIN}"):
            with suppress(FileNotFoundError), path.open("rb+") as file:
                if _is_held(file.fileno()):
                    names.update(file.read().decode().splitlines())
                else:
                    path.unlink()
        yield frozenset(names)


def _is_held(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


@contextmanager
def _guarded(folder: Path, kind: int) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _GUARD).open("ab") as guard:
        fcntl.flock(guard, kind)
        yield
