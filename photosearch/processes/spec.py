"""What a package says about a process that ``photosearch up`` runs for it.

A package names a function in the entry-point group ``photosearch.processes``; called with the
settings it returns a :class:`ProcessSpec`. So the supervisor in the core knows neither Dagster
nor an HTTP server, and an installation without one of them runs the rest.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

#: Set in the environment of everything below a supervisor, to the name of its lock file. What
#: bears it can be found and ended even when its parents are gone.
SUPERVISED = "PHOTOSEARCH_SUPERVISED_BY"
#: Seconds from SIGTERM to SIGKILL. An index server drains for up to 10.3 s.
GRACE_S = 12.0


@dataclass(frozen=True)
class ProcessSpec:
    """One process under the supervisor.

    It is ready when ``ready_url`` answers with a status below 400 and ``ready_file`` exists;
    with neither, at its first heartbeat, or as soon as it runs. The port of ``ready_url`` must be
    free before anything is started. A process with ``restart`` is started again, with growing
    pauses, when it ends, and when its URL or its heart is silent for ``hung_after_s``.
    """

    name: str
    argv: Sequence[str]
    ready_url: str | None = None
    ready_file: Path | None = None
    restart: bool = True
    #: Printed for the user when all is ready; by default ready_url's scheme, host and port.
    url: str | None = None
    #: Whether it runs a :class:`photosearch.processes.heartbeat.Heartbeat`.
    beats: bool = False
    #: Why it can never run here, if that is known: it is told instead of started.
    cannot_start: str | None = None
    #: What a user should know before it runs like this.
    warning: str | None = None
    #: Added to the environment.
    environment: Mapping[str, str] = field(default_factory=dict)


def not_installed(extra: str, *modules: str) -> str | None:
    """Why a process can't run here: what it imports of ``extra`` is not there; nothing if it is."""
    missing = [module for module in modules if not _is_there(module)]
    if not missing:
        return None
    return f"{', '.join(missing)} not installed; run: pip install 'photosearch[{extra}]'"


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ImportError:  # as a finder of somebody's own may say it
        return False


def photosearch_argv(*arguments: str) -> list[str]:
    """The argv of one of our own commands, run by this interpreter."""
    # -P: modules in the current folder must not shadow the installed ones.
    return [sys.executable, "-P", "-m", "photosearch", *arguments]
