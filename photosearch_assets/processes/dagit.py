"""Dagit as our own process: Dagster's webserver, its application behind a guard.

Dagster's own command line runs, options and all, and in the end it hands its application to
uvicorn. We take it from there, which needs nothing of Dagster that is private. A proxy before
it would need none either, but would leave Dagit's own port open to every page that looks for it.

The address that Dagster is told is none, so that an application that got past us could not be
reached: it would have no place to listen on.
"""

import sys
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from photosearch.address import listen
from photosearch.settings.settings import Settings, load_settings
from photosearch_assets.processes import code_servers
from photosearch_assets.processes.dagit_guard import DagitGuard

_NOWHERE = "behind-the-guard.invalid"


def main() -> None:
    """Run Dagit with the settings, for the workspace file that is the only argument."""
    from dagster_webserver.cli import dagster_webserver

    settings = load_settings()
    code_servers.watch(settings.hung_after_s)

    def serve(app: ASGIApp, **_: Any) -> None:
        serve_guarded(app, settings)

    uvicorn.run = serve  # type: ignore[assignment]
    port = str(settings.dagster_port or 1)  # of 0 it would look for a free one itself
    dagster_webserver(["-h", _NOWHERE, "-p", port, "-w", sys.argv[1]])


def serve_guarded(app: ASGIApp, settings: Settings) -> None:
    """Serve Dagit's application on ``dagster_host`` and ``dagster_port``, behind the guard."""
    guard = DagitGuard(
        app, host=settings.dagster_host, allowed_hosts=settings.dagster_allowed_hosts
    )
    config = uvicorn.Config(guard, log_level="warning", server_header=False)
    listening = listen(settings.dagster_host, settings.dagster_port)
    uvicorn.Server(config).run(sockets=listening)


if __name__ == "__main__":
    main()
