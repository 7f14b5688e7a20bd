"""``photosearch demo``: from nothing to a photo that finds its listing."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    exit_after: Annotated[
        bool, typer.Option("--exit", help="End after the proof: 0 if it holds, 1 if not.")
    ] = False,
    folder: Annotated[
        Path, typer.Option("--dir", help="Where the demo lives; one that is there goes on.")
    ] = Path("demo-state"),
    listings: Annotated[
        int | None, typer.Option(min=50, max=100_000, help="How many listings; 2,000 by default.")
    ] = None,
) -> None:
    """Make a shop, index it through Dagster, search it over REST, prove what it finds."""
    from photosearch_demo.run import run_demo

    raise typer.Exit(0 if run_demo(folder, listings, stay=not exit_after) else 1)
