"""Dagster's two processes under ``photosearch up``: Dagit, behind our guard, and the daemon."""

import sys
from pathlib import Path

from photosearch.address import base_url, is_loopback
from photosearch.processes.spec import ProcessSpec, not_installed
from photosearch.settings.settings import Settings
from photosearch_assets.instance.home import environment

_WORKSPACE = """\
# Written by photosearch at every start.
load_from:
  - python_module:
      module_name: photosearch_assets.definitions
      location_name: photosearch
"""


def webserver(settings: Settings) -> ProcessSpec:
    """Dagit, on ``dagster_host`` and ``dagster_port``."""
    url = base_url(settings.dagster_host, settings.dagster_port)
    has_url = settings.dagster_port != 0  # else only the process itself knows its port
    warning = (
        f"Dagit listens on {settings.dagster_host}: it has no sign-in, and whoever reaches its "
        "port can start, stop and delete what it shows; set dagster_host to 127.0.0.1, or see "
        "that a firewall or a proxy with a sign-in stands before it"
    )
    return ProcessSpec(
        name="dagster-webserver",
        argv=[
            sys.executable,
            "-P",
            "-m",
            "photosearch_assets.processes.dagit",
            str(_workspace(settings)),
        ],
        ready_url=f"{url}/server_info" if has_url else None,
        url=url if has_url else None,
        warning=None if is_loopback(settings.dagster_host) else warning,
        environment=environment(settings),
        cannot_start=_lacking(),
    )


def daemon(settings: Settings) -> ProcessSpec:
    """The daemon: the run queue, the sensors, the automation, the backfills."""
    return ProcessSpec(
        name="dagster-daemon",
        argv=[
            sys.executable,
            "-P",
            "-m",
            "photosearch_assets.processes.daemon",
            str(_workspace(settings)),
        ],
        beats=True,
        environment=environment(settings),
        cannot_start=_lacking(),
    )


def _lacking() -> str | None:
    """What the code location would not load without."""
    own = not_installed("assets", "dagster", "dagster_webserver", "dagster_pipes", "yaml")
    return own or not_installed("index", "grpc", "google.protobuf")


def _workspace(settings: Settings) -> Path:
    path = settings.own_dagster_home / "workspace.yaml"  # also beside another's home
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_WORKSPACE)
    return path
