"""Runs at work on one machine, by locks that end with their process.

A run's process locks a file of the run's name; the kernel lets go of it whatever way the
process ends.
"""

import os
import time
from pathlib import Path

from photosearch.files.locks import is_held, new_locked

KEPT_S = 24 * 3600.0
"""So long the file of a run that ended stays, for the reconciler to find if it was killed."""

_DRAFT = ".draft-"
_held: dict[Path, int] = {}
"""The descriptor of each file that this process has locked, which has to outlive its opener."""


class RunLocks:
    """See :class:`photosearch_assets.instance.runs_at_work.RunsAtWork`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def hold(self, run_id: str) -> None:
        path = self._file(run_id)
        if path in _held:
            return
        for other, descriptor in list(_held.items()):
            os.close(descriptor)
            other.unlink(missing_ok=True)
            del _held[other]
        path.parent.mkdir(parents=True, exist_ok=True)
        self._remove_old()
        # Locked before it has its name: a run whose file is found unlocked is taken for dead.
        descriptor, draft = new_locked(path.parent, prefix=_DRAFT)
        Path(draft).replace(path)
        _held[path] = descriptor

    def has_begun(self, run_id: str) -> bool:
        return self._file(run_id).exists()

    def is_dead(self, run_id: str) -> bool:
        path = self._file(run_id)
        return path not in _held and path.exists() and not is_held(path)

    def living(self) -> set[str]:
        paths = self._folder.iterdir() if self._folder.is_dir() else ()
        named = [path for path in paths if not path.name.startswith(_DRAFT)]
        return {path.name for path in named if path not in _held and is_held(path)}

    def forget(self, run_id: str) -> None:
        self._file(run_id).unlink(missing_ok=True)

    def _remove_old(self) -> None:
        for path in self._folder.iterdir():
            try:
                is_old = time.time() - path.stat().st_mtime > KEPT_S
            except FileNotFoundError:
                continue
            if is_old and not is_held(path):
                path.unlink(missing_ok=True)

    def _file(self, run_id: str) -> Path:
        return self._folder / run_id
