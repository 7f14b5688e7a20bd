"""Paths in dagster.yaml that count from the folder it lies in.

Dagster takes a relative path from wherever a process happens to run, so everybody writes
absolute ones, and a home that was moved or copied goes on using the databases of the place where
it was made. The classes that our dagster.yaml names ask here instead. That folder is
DAGSTER_HOME: without it Dagster does not find the file either, and
:mod:`photosearch_assets.instance.home` sets it for whatever it opens or starts.
"""

import os
from pathlib import Path

from photosearch.settings.dagster_home import VARIABLE
from photosearch_assets.errors import AssetsError

STORAGE = "storage"
"""The databases' folder, below Dagster's home."""


def in_home(path: str) -> str:
    """The absolute path of what dagster.yaml calls ``path``.

    Raises:
        AssetsError: if it is relative and nothing says where the home is.
    """
    if Path(path).is_absolute():
        return path
    home = os.environ.get(VARIABLE, "")
    if not Path(home).is_absolute():
        raise AssetsError(
            f"dagster.yaml says {path!r}, which counts from Dagster's home",
            found=f"{VARIABLE}={home}" if home else f"no {VARIABLE}",
            remedy=f"set {VARIABLE} to the absolute path of dagster.yaml's folder",
        )
    return str(Path(home) / path)
