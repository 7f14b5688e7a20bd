"""Dagster's two processes under ``photosearch up``."""

import sys
from pathlib import Path

from photosearch.address import base_url
from photosearch.processes import ProcessSpec
from photosearch.settings import Settings
from photosearch_assets.dagster_home import environment

_WORKSPACE = """\
# Written by photosearch at every start.
load_from:
  - python_module:
      module_name: photosearch_assets.definitions
      location_name: photosearch
"""


def webserver(settings: Settings) -> ProcessSpec:
    """Dagit, on ``dagster_port``."""
    url = base_url(settings.api_host, settings.dagster_port)
    return ProcessSpec(
        name="dagster-webserver",
        argv=[
            *(sys.executable, "-m", "dagster_webserver"),
            *("-h", settings.api_host, "-p", str(settings.dagster_port)),
            *("-w", str(_workspace(settings))),
        ],
        ready_url=f"{url}/server_info",
        url=url,
        environment=environment(settings),
    )


def daemon(settings: Settings) -> ProcessSpec:
    """The daemon: the run queue, the sensors, the automation, the backfills."""
    return ProcessSpec(
        name="dagster-daemon",
        argv=[sys.executable, "-m", "dagster._daemon", "run", "-w", str(_workspace(settings))],
        environment=environment(settings),
    )


def _workspace(settings: Settings) -> Path:
    path = settings.dagster_home / "workspace.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_WORKSPACE)
    return path
