"""Dagster's home: the one that DAGSTER_HOME names, or our own, and the instance over it.

In another's home nothing is written, and what its dagster.yaml says holds. Ours gets one when it
is missing, which is then left alone, so that it is the user's to change: for more runs at a time,
say. Two runs by default, one for each core of a small machine. Its paths count from its folder
(:mod:`photosearch_assets.instance.in_home`), so that they outlive a move.
"""

import glob
import json
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING

import yaml  # type: ignore[import-untyped]

from photosearch.extras import missing_extra
from photosearch.files.whole import write_whole
from photosearch.settings.dagster_home import VARIABLE, naming
from photosearch.settings.settings import Settings
from photosearch.terminal.masked import masked_text
from photosearch_assets.errors import AssetsError
from photosearch_assets.instance.home_paths import CONFIG, keep_up
from photosearch_assets.instance.home_storage import (
    require_meant,
    storage_of,
    storage_variables,
)
from photosearch_assets.instance.step_logs import compute_logs, tell_google

if TYPE_CHECKING:
    import dagster as dg

CONCURRENT_RUNS = 2
_CONFIG = """\
# Dagster on one machine. Written by photosearch once; yours to change. Paths of photosearch's own
# classes count from this file's folder.

# What runs, sensors and assets did: in files below this folder, or in the PostgreSQL database that
# dagster_database_url names.
storage:
{storage}
# Two cores carry two runs; the queue holds the others.
concurrency:
  runs:
    max_concurrent_runs: {runs}

run_coordinator:
  module: dagster.core.run_coordinator
  class: QueuedRunCoordinator
  config:
    dequeue_interval_seconds: 1

# A run whose process was killed is noticed, and the reconciler asks for it again.
run_monitoring:
  enabled: true
  poll_interval_seconds: 10
  start_timeout_seconds: 180

# What a step prints; in the bucket if the model repository lies in one.
compute_logs: {logs}

retention:
  sensor:
    purge_after_days: {{skipped: 2, failure: 30, success: 30}}
  schedule:
    purge_after_days: 30

telemetry:
  enabled: false
"""


def ensure_home(settings: Settings) -> Path:
    """The folder for DAGSTER_HOME; our own with a dagster.yaml.

    Raises:
        DagsterHomeError: if DAGSTER_HOME is set, and is no folder.
        AssetsError: if the dagster.yaml of our own can't be read or written, or not be found.
    """
    home = settings.dagster_home
    if home != settings.own_dagster_home:
        return home
    home.mkdir(parents=True, exist_ok=True)
    config = home / CONFIG
    if config.exists():
        keep_up(home)
        require_meant(settings, config)
    else:
        text = _CONFIG.format(
            storage=indent(yaml.safe_dump({"custom": storage_of(settings)}, sort_keys=False), "  "),
            logs=json.dumps(compute_logs(settings)),  # which is YAML too
            runs=CONCURRENT_RUNS,
        )
        write_whole(config, text)
        # Dagit's first page would be a form for a newsletter.
        asked = home / ".nux" / "nux.yaml"
        asked.parent.mkdir(exist_ok=True)
        asked.write_text("seen: 1\n")
    _require_found(config)
    return home


def _require_found(config: Path) -> None:
    """Dagster takes the path of its file for a pattern; unfound, it would go on with defaults."""
    if glob.glob(str(config)) != [str(config)]:  # noqa: PTH207 (a Path's is no pattern)
        raise AssetsError(
            f"Dagster can't find its files in {config.parent}",
            found="a path that means others as a pattern of files",
            remedy="rename the folder so that no [ and no * is in its path, or set state_dir",
        )


def environment(settings: Settings) -> dict[str, str]:
    """What Dagster's processes need in their environment."""
    _keep_sigterm()
    tell_google(settings)
    home = ensure_home(settings)
    return {**settings.environment(), **_variables(settings, home)}


def _variables(settings: Settings, home: Path) -> dict[str, str]:
    """What leads to the home, and to what its dagster.yaml names."""
    is_own = home == settings.own_dagster_home
    return {**naming(home, is_own=is_own), **storage_variables(settings)}


@contextmanager
def open_instance(settings: Settings) -> Iterator["dg.DagsterInstance"]:
    """The instance that Dagit shows.

    While it is open this process and its children have its home in their environment.

    Raises:
        DagsterHomeError: if DAGSTER_HOME is set, and is no folder.
        AssetsError: when its dagster.yaml is none, its databases are held by another program, or
            the disk refuses.
    """
    from photosearch_assets.instance.sqlite_files import database_errors

    _keep_sigterm()
    tell_google(settings)
    home = ensure_home(settings)
    moved_by = "state_dir" if home == settings.own_dagster_home else VARIABLE
    with (
        _environment(_variables(settings, home)),
        database_errors(home, moved_by),
        _opened(home) as instance,
    ):
        yield instance


def _opened(home: Path) -> "dg.DagsterInstance":
    import dagster as dg
    from dagster_shared.check import CheckError

    try:
        return dg.DagsterInstance.from_config(str(home))
    except (dg.DagsterError, CheckError, ImportError, yaml.YAMLError) as error:
        raise missing_extra(error) or AssetsError(
            f"Dagster can't be opened with {home / CONFIG}",
            found=" ".join(masked_text(error).split()),
            remedy="correct it, or install what it names",
        ) from error


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Have these in the environment of this process meanwhile."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _keep_sigterm() -> None:
    """Let SIGTERM end this process and its children also as a script's background job.

    A shell starts such jobs with SIGINT ignored, and Dagster makes of SIGTERM whatever SIGINT
    is: from its first run on, nothing but SIGKILL would end them.
    """
    in_main = threading.current_thread() is threading.main_thread()
    if in_main and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
