"""``photosearch api``, ``photosearch search`` and ``photosearch windows``.

The two that ask go over REST like everyone else: what the command line shows is what a
client gets. So this module imports neither the application nor the index; ``serve`` does,
when it is called.
"""

import gc
import socket
from pathlib import Path
from typing import Annotated, Any, Literal

import httpx
import typer

from photosearch.address import AddressError, base_url, listen
from photosearch.errors import PhotosearchError
from photosearch.rest.address import api_url
from photosearch.settings.installation import is_installed, load_installation
from photosearch.settings.settings import Settings, load_settings
from photosearch.terminal.masked import masked, masked_text
from photosearch.terminal.terminal import Terminal, say, say_json

_EVERY_WIDTH = 130


class CommandError(PhotosearchError):
    """A command that can't do its work."""


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


def search(
    photo: Annotated[Path, typer.Argument(help="The photo to search with.")],
    k: Annotated[int, typer.Option("-k", help="Listings to answer.")] = 10,
    min_score: Annotated[
        float | None, typer.Option(help="Leave out listings with a lower score.")
    ] = None,
    on_partial: Annotated[
        Literal["fail", "degrade", "wait"] | None,
        typer.Option(help="When windows are missing: fail, degrade or wait."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the REST answer.")] = False,
    url: Annotated[str | None, typer.Option(help="Address of the API.")] = None,
) -> None:
    """Find the listings that look like a photo."""
    try:
        content = photo.read_bytes()
    except OSError as error:
        raise CommandError(
            f"the photo {str(photo)!r} can't be read", found=error.strerror
        ) from error
    name = photo.name.encode(errors="replace").decode()  # of bytes that are no text
    fields = {"k": str(k)}
    if min_score is not None:
        fields["min_score"] = str(min_score)
    if on_partial is not None:
        fields["on_partial"] = on_partial
    answer = _ask(url, "POST", "/v1/search", data=fields, files={"photo": (name, content)})
    if as_json:
        say_json(answer)
        return
    from api.tables import print_results

    print_results(answer, Terminal())


def windows(
    every: Annotated[
        bool, typer.Option("--all", help="A line for every window, also where many are alike.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the REST answer.")] = False,
    url: Annotated[str | None, typer.Option(help="Address of the API.")] = None,
) -> None:
    """Show which windows of time answer a search, and which are missing."""
    answer = _ask(url, "GET", "/v1/windows")
    if as_json:
        say_json(answer)
        return
    from api.tables import print_timeline

    # Narrower, the names could not be read: then the terminal breaks the lines.
    width = max(_EVERY_WIDTH, Terminal().width) if every else None
    print_timeline(answer, Terminal(width=width), fold=not every)


def _ask(url: str | None, method: str, path: str, **request: Any) -> dict[str, Any]:
    """The API's answer; a problem becomes our error with the same four parts."""
    base = (url or _url_of_settings()).rstrip("/")
    try:
        # Not the environment's proxies: the API is on this machine or named by the caller.
        with httpx.Client(trust_env=False, timeout=60) as client:
            response = client.request(method, base + path, **request)
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        raise CommandError(
            f"the API does not answer at {masked(base)}",
            found=masked_text(error) or type(error).__name__,
            remedy=_remedy(url),
        ) from error
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise CommandError(
            f"what answers at {masked(base)} is not photosearch's API",
            found=f"status {response.status_code}, {response.headers.get('content-type')}",
            remedy="name the API's address with --url",
        )
    if response.is_error:
        raise CommandError(
            answer.get("what") or f"the API answered with status {response.status_code}",
            found=answer.get("found"),
            limit=answer.get("limit"),
            remedy=answer.get("remedy"),
        )
    return answer


def _remedy(url: str | None) -> str:
    start = "start it with 'photosearch up', or name its address with --url"
    settings = None if url else load_settings()
    if settings is None or is_installed(settings):
        return start
    return f"{start}; there is no installation in {settings.base_dir} whose settings would tell it"


def _url_of_settings() -> str:
    url = api_url(load_settings())
    if url is None:
        raise CommandError(
            "the settings don't tell the API's port",
            found="api_port = 0: whichever is free",
            remedy="name the address that 'photosearch api' printed with --url, or set api_port",
        )
    return url


def _listen(settings: Settings) -> list[socket.socket]:
    """Bound here, so that a taken port is our error and not a trace."""
    try:
        return listen(settings.api_host, settings.api_port)
    except AddressError as error:
        raise CommandError(
            f"the API {error.what}",
            found=error.found,
            remedy=f"{error.remedy} (api_host, api_port)",
        ) from error
