"""``photosearch explain``: the trail of a listing, for a person or a program."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from index_grpc.errors import IndexGrpcError
from photosearch.settings.installation import load_installation
from photosearch.terminal.printable import printable
from photosearch.terminal.terminal import Terminal, say_json

if TYPE_CHECKING:
    from photosearch_operations.explain.explain import Explanation
    from photosearch_operations.explain.trail import PhotoTrail

_MARKS = {True: "✓", False: "✗", None: " "}


def explain(
    listing: Annotated[str, typer.Argument(help="The listing's id, as the catalogue has it.")],
    photo: Annotated[
        Path | None,
        typer.Option(help="Only the listing's photo that was indexed from this file's bytes."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Trace a listing from the server that finds it back to its photo, or say where it stopped."""
    from photosearch_operations.explain.explain import explain as walk

    try:
        content = None if photo is None else photo.read_bytes()
    except OSError as error:
        raise IndexGrpcError(
            f"the photo {str(photo)!r} can't be read", found=error.strerror
        ) from error
    explanation = walk(load_installation(), listing, content)
    if as_json:
        say_json(explanation)
    else:
        _print(explanation, Terminal(soft_wrap=True))
    if not explanation.agrees or explanation.is_unknown:
        raise typer.Exit(1)


def _print(explanation: "Explanation", console: Terminal) -> None:
    title = f"listing {explanation.listing_id}"
    if explanation.listed_at is not None:
        status = explanation.status or "no status"
        title += f": {status}, listed {explanation.listed_at:%Y-%m-%d %H:%M} UTC"
    console.print(Text(printable(title)))
    if explanation.hidden is not None:
        console.print(Text(printable(f"  hidden: {explanation.hidden}"), "yellow"))
    if explanation.stopped is not None:
        console.print(Text(printable(f"  stopped at {explanation.stopped}"), "yellow"))
    for trail in explanation.photos:
        _print_trail(trail, console)


def _print_trail(trail: "PhotoTrail", console: Terminal) -> None:
    served = "served" if trail.served else "not served"
    console.print(Text(printable(f"photo {trail.photo_id}: {served}")))
    if trail.stopped is not None:
        console.print(Text(printable(f"  stopped at {trail.stopped}"), "yellow"))
    if trail.remark is not None:
        console.print(Text(printable(f"  it {trail.remark}"), "yellow"))
    for step in trail.steps:
        run = "" if step.run_id is None else f", run {step.run_id}"
        line = f"  {_MARKS[step.agrees]} {step.name:<13} {step.found}{run}"
        console.print(Text(printable(line)))
        if step.why_not is not None:
            console.print(Text(printable(f"    {step.why_not}"), "red"))
