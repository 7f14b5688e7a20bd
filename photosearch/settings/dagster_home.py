"""Which Dagster is used: that of DAGSTER_HOME where a person set it, else one of our own.

Whoever has a Dagster already, on this machine or in a cluster, names its home as Dagster itself
wants it named. Its ``dagster.yaml`` is theirs, and nothing is written there. Without it there is
a home in ``state_dir``. What is started here is told of either by the same variable, so the
value that was put there by photosearch is noted beside it: a command for another installation,
started from within, does not take it for a person's wish.
"""

import os
from pathlib import Path

from photosearch.errors import PhotosearchError
from photosearch.settings.home import expanded

VARIABLE = "DAGSTER_HOME"
_OURS = "PHOTOSEARCH_SET_DAGSTER_HOME"


class DagsterHomeError(PhotosearchError):
    """A DAGSTER_HOME that names no folder."""


def named_home(own: Path) -> Path | None:
    """The home that a person named, if it is not ``own``.

    Raises:
        DagsterHomeError: if that is no folder, or counts from wherever a process runs.
    """
    named = os.environ.get(VARIABLE, "")
    if not named or named == os.environ.get(_OURS):
        return None
    home = expanded(named)
    if not home.is_absolute():
        raise DagsterHomeError(
            f"{VARIABLE} has to be an absolute path",
            found=named,
            remedy=f"write the whole path, or unset {VARIABLE} for a home in state_dir",
        )
    if home.resolve() == own.resolve():
        return None
    if not home.is_dir():
        raise DagsterHomeError(
            f"{VARIABLE} names a folder that is not there",
            found=named,
            remedy=f"make it, with a dagster.yaml, or unset {VARIABLE} for a home in state_dir",
        )
    return home


def naming(home: Path, *, is_own: bool) -> dict[str, str]:
    """The variables that lead a child process to ``home``."""
    return {VARIABLE: str(home), **({_OURS: str(home)} if is_own else {})}
