"""``photosearch api``: the REST API as a process of its own.

The application is loaded when it is called, not when its help is asked for.
"""

import gc
import socket
from typing import Annotated, Any

import typer

from photosearch.address import AddressError, base_url, listen
from photosearch.errors import PhotosearchError
from photosearch.settings.installation import load_installation
from photosearch.settings.settings import Settings
from photosearch.terminal.terminal import say


class CannotListen(PhotosearchError):
    """The address of the settings is not the API's to have."""


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on (api_host).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on (api_port).")] = None,
) -> None:
    """Run the REST API and the web page."""
    from api.app import create_app
    from api.server.request_log import configure
    from api.server.server import server_of
    from photosearch.logs.line_format import log_to_stderr
    from photosearch.processes.open_files import allow_open_files

    log_to_stderr()
    allow_open_files()
    overrides: dict[str, Any] = {"api_host": host, "api_port": port}
    given = {name: one for name, one in overrides.items() if one is not None}
    settings = load_installation(makes=True, **given)
    configure(settings.request_log)
    sockets = _listen(settings)
    server = server_of(create_app(settings), settings)
    url = base_url(settings.api_host, sockets[0].getsockname()[1])
    say(f"photosearch API on {url}/", err=True)
    gc.collect()
    gc.freeze()  # what is there now stays: a collection in a query need not look at it
    server.run(sockets=sockets)


def _listen(settings: Settings) -> list[socket.socket]:
    """Bound here, so that a taken port is our error and not a trace."""
    try:
        return listen(settings.api_host, settings.api_port)
    except AddressError as error:
        raise CannotListen(
            f"the API {error.what}",
            found=error.found,
            remedy=f"{error.remedy} (api_host, api_port)",
        ) from error
