"""Which runs are alive, by locks that end with their process.

On one machine Dagster cannot tell a run that was killed from one that works: it stays
"started", holds a place in the run queue and keeps others from its partitions for ever. So a
run's process locks a file of the run's name; the kernel lets go of it whatever way the
process ends.
"""

import os
import time
from pathlib import Path

from photosearch.files.locks import is_held, new_locked
from photosearch.settings.settings import Settings

KEPT_S = 24 * 3600.0
"""So long the file of a run that ended stays, for the reconciler to find if it was killed."""

_DRAFT = ".draft-"
_held: dict[str, int] = {}


def hold(settings: Settings, run_id: str) -> None:
    """Show that this process works on ``run_id``; until it ends, or works on another run."""
    if run_id in _held:
        return
    for other, descriptor in list(_held.items()):
        os.close(descriptor)
        _file(settings, other).unlink(missing_ok=True)
        del _held[other]
    path = _file(settings, run_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_old(settings)
    # Locked before it has its name: a run whose file is found unlocked is taken for dead.
    descriptor, draft = new_locked(path.parent, prefix=_DRAFT)
    Path(draft).replace(path)
    _held[run_id] = descriptor


def is_dead(settings: Settings, run_id: str) -> bool:
    """Whether a process worked on ``run_id`` and is gone; False when none ever said so."""
    path = _file(settings, run_id)
    return run_id not in _held and path.exists() and not is_held(path)


def was_held(settings: Settings, run_id: str) -> bool:
    """Whether a process said that it works on ``run_id``, or says so now."""
    return _file(settings, run_id).exists()


def living(settings: Settings) -> set[str]:
    """The runs that another process works on now."""
    folder = _folder(settings)
    paths = folder.iterdir() if folder.is_dir() else ()
    names = [path.name for path in paths if not path.name.startswith(_DRAFT)]
    return {name for name in names if name not in _held and is_held(folder / name)}


def forget(settings: Settings, run_id: str) -> None:
    """Remove the file of a run that has ended."""
    _file(settings, run_id).unlink(missing_ok=True)


def _remove_old(settings: Settings) -> None:
    for path in _folder(settings).iterdir():
        try:
            is_old = time.time() - path.stat().st_mtime > KEPT_S
        except FileNotFoundError:
            continue
        if is_old and not is_held(path):
            path.unlink(missing_ok=True)


def _folder(settings: Settings) -> Path:
    return settings.state / "runs"


def _file(settings: Settings, run_id: str) -> Path:
    return _folder(settings) / run_id
