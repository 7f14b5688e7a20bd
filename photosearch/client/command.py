"""``photosearch search`` and ``photosearch windows``.

They go over REST like everyone else: what the command line shows is what a client gets. The
client is loaded when it is asked with, so that help comes at once.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from photosearch.client.errors import ApiUnreachable, ClientError, NotTheApi
from photosearch.rest.address import api_url
from photosearch.settings.installation import is_installed
from photosearch.settings.settings import load_settings
from photosearch.terminal.terminal import Terminal, say_json

if TYPE_CHECKING:
    from photosearch.client.client import Client

_EVERY_WIDTH = 130


class CommandError(ClientError):
    """A command that can't do its work."""


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
    from photosearch.client.client import SearchOptions

    try:
        content = photo.read_bytes()
    except OSError as error:
        raise CommandError(
            f"the photo {str(photo)!r} can't be read", found=error.strerror
        ) from error
    name = photo.name.encode(errors="replace").decode()  # of bytes that are no text
    with _asking(url) as client:
        received = client.search_photo(content, name, SearchOptions(k, min_score, on_partial))
        if as_json:
            say_json(received.json)
            return
        answer = received.answer
    from photosearch.client.tables import print_results

    print_results(answer, Terminal())


def windows(
    every: Annotated[
        bool, typer.Option("--all", help="A line for every window, also where many are alike.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the REST answer.")] = False,
    url: Annotated[str | None, typer.Option(help="Address of the API.")] = None,
) -> None:
    """Show which windows of time answer a search, and which are missing."""
    with _asking(url) as client:
        received = client.windows()
        if as_json:
            say_json(received.json)
            return
        timeline = received.answer
    from photosearch.client.tables import print_timeline

    # Narrower, the names could not be read: then the terminal breaks the lines.
    width = max(_EVERY_WIDTH, Terminal().width) if every else None
    print_timeline(timeline, Terminal(width=width), fold=not every)


@contextmanager
def _asking(url: str | None) -> Iterator["Client"]:
    """A client of the API that is meant; what it can't do is told as the command line mends it."""
    gc.freeze()  # what is loaded stays: no collection looks at it while an answer is awaited
    from photosearch.client.client import Client

    try:
        with Client(url or _url_of_settings()) as client:
            yield client
    except ApiUnreachable as error:
        raise CommandError(error.what, found=error.found, remedy=_remedy(url)) from error
    except NotTheApi as error:
        remedy = f"{error.remedy} with --url"
        raise CommandError(error.what, found=error.found, remedy=remedy) from error


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
