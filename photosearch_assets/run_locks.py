"""Which runs are alive, by locks that end with their process.

On one machine Dagster cannot tell a run that was killed from one that works: it stays
"started", holds a place in the run queue and keeps others from its partitions for ever. So a
run's process locks a file of the run's name; the kernel lets go of it whatever way the
process ends.
"""

import fcntl
import os
import time
from collections.abc import Collection
from pathlib import Path

from photosearch.settings import Settings

_KEPT_S = 3600.0
"""Between making a file and locking it a process looks dead, for some microseconds."""

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
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    _held[run_id] = descriptor


def is_dead(settings: Settings, run_id: str) -> bool:
    """Whether a process worked on ``run_id`` and is gone; False when none ever said so."""
    if run_id in _held:
        return False
    try:
        descriptor = os.open(_file(settings, run_id), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def living(settings: Settings) -> set[str]:
    """The runs that another process works on now."""
    folder = settings.state / "runs"
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return {name for name in names if name not in _held and not is_dead(settings, name)}


def forget(settings: Settings, run_id: str) -> None:
    """Remove the file of a run that has ended."""
    _file(settings, run_id).unlink(missing_ok=True)


def sweep(settings: Settings, unfinished: Collection[str]) -> None:
    """Remove the files of runs that ended a while ago: a process leaves its last one."""
    folder = settings.state / "runs"
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name not in unfinished and _age_s(path) > _KEPT_S and is_dead(settings, path.name):
            path.unlink(missing_ok=True)


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _file(settings: Settings, run_id: str) -> Path:
    return settings.state / "runs" / run_id
