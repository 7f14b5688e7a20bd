"""``photosearch verify`` and ``photosearch gc``: looking after what was made.

Which versions index servers hold is known to packages above this one. They tell it through
the entry points ``photosearch.held``, as they bring their commands.
"""

from collections.abc import Callable, Iterable
from datetime import timedelta
from importlib.metadata import entry_points
from typing import Annotated

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.progress import track

from photosearch.repository.addresses import Address
from photosearch.repository.repository import Repository
from photosearch.repository.retention import newest
from photosearch.settings import Settings, load_settings

HELD = "photosearch.held"


def verify(
    discard: Annotated[
        bool, typer.Option("--discard", help="Take damaged versions away, to be made again.")
    ] = False,
) -> None:
    """Read every file of the model repository and name those that are damaged."""
    repository = Repository.of(load_settings())
    progress = Console(stderr=True)
    artifacts = list(repository.everything())
    damaged = 0
    for address, version in track(artifacts, "verifying", console=progress, transient=True):
        damages = list(repository.check(address, version))
        for damage in damages:
            typer.echo(str(damage))
        if damages:
            damaged += 1
            if discard:
                repository.discard(address, version)
    versions = sum(version is not None for _, version in artifacts)
    typer.echo(f"{versions} versions read, {damaged} damaged{' and discarded' * discard}")
    if damaged and discard:
        typer.echo("run 'photosearch materialize' to make them again")
    elif damaged:
        raise typer.Exit(1)


def gc(
    keep: Annotated[int, typer.Option(min=0, help="Newest versions to keep of each window.")] = 2,
    grace_hours: Annotated[
        float, typer.Option(min=0, help="Nothing younger than this is deleted.")
    ] = 24.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would go.")] = False,
) -> None:
    """Delete old versions that nothing needs, and what killed steps left behind."""
    settings = load_settings()
    report = Repository.of(settings).gc(
        keep=newest(keep),
        grace=timedelta(hours=grace_hours),
        in_use=list(_held(settings)),
        dry_run=dry_run,
    )
    for item in report.removed:
        typer.echo(
            f"{item.address}/{item.version or ''}  {decimal(item.size_bytes)}  {item.reason}"
        )
    done = "would be deleted" if dry_run else "deleted"
    typer.echo(
        f"{len(report.removed)} {done}, {decimal(report.size_bytes)}; {report.kept} versions kept"
    )
    if report.busy:
        typer.echo(f"{len(report.busy)} are being written and were left for the next time")


def _held(settings: Settings) -> Iterable[tuple[Address, str]]:
    for point in entry_points(group=HELD):
        held: Callable[[Settings], Iterable[tuple[Address, str]]] = point.load()
        yield from held(settings)
