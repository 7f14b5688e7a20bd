"""``photosearch versions`` and ``photosearch rollback``: looking at a window's past, and going
back to it."""

from typing import Annotated

import typer
from rich.table import Table

from index_grpc.serving.opening import open_desk
from index_grpc.shipping.reconcile import reconcile_servings
from photosearch.errors import PhotosearchError
from photosearch.repository.addresses import Address
from photosearch.repository.errors import RepositoryError
from photosearch.repository.heads import Head
from photosearch.repository.readiness import current_fingerprint
from photosearch.repository.repository import Repository
from photosearch.repository.versions import (
    VersionLine,
    find_version,
    head_if_sound,
    index_address,
    other_fingerprints,
    pinned_windows,
    roll_back,
    version_lines,
)
from photosearch.settings.installation import load_installation
from photosearch.settings.settings import Settings
from photosearch.terminal.terminal import Terminal, say, say_json
from photosearch.windows import Window
from photosearch_operations.in_use import versions_in_use

_TABLE_WIDTH = 120


def versions(
    window: Annotated[
        str | None,
        typer.Argument(help="As daily/2026-11-22; without one, the pinned windows are listed."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the versions of a window's index, which is current, and in what they differ."""
    settings = load_installation()
    repository = Repository.of(settings)
    if window is None:
        _show_pinned(repository, as_json=as_json)
        return
    address = index_address(repository, Window.parse(window))
    lines = version_lines(repository, address, versions_in_use(settings))
    if as_json:
        say_json([_as_json(line) for line in lines])
        return
    # Narrower, its columns could not be read: then the terminal breaks the lines.
    console = Terminal(width=max(_TABLE_WIDTH, Terminal().width))
    if lines:
        console.print(_table(lines))
    else:
        console.print(f"{window} has no index yet")
    for other in other_fingerprints(repository, address):
        console.print(f"also under embedder {other.fingerprint}", style="dim", soft_wrap=True)


def rollback(
    window: Annotated[str, typer.Argument(help="As hourly/2026-11-22T14.")],
    version: Annotated[
        str | None,
        typer.Argument(help="The version, or its beginning; see 'photosearch versions'."),
    ] = None,
    release: Annotated[
        bool, typer.Option("--release", help="Let the pipeline keep the window up to date again.")
    ] = False,
) -> None:
    """Make an earlier version of a window's index current, and keep it so until --release."""
    settings = load_installation()
    repository = Repository.of(settings)
    address = index_address(repository, Window.parse(window))
    if release == (version is not None):
        raise RepositoryError(
            "a rollback needs a version, or --release",
            found="both" if release else "neither",
            remedy=f"'photosearch versions {window}' lists them",
        )
    if version is None:
        say(_released(repository, address))
        _ask_now(settings)
        return
    before = head_if_sound(repository, address)
    chosen = find_version(repository, address, version)
    roll_back(repository, address, chosen, recall_target=settings.recall_target)
    say(*_moved(repository, address, before, chosen.version))
    _ask_now(settings)


def _ask_now(settings: Settings) -> None:
    """Build and ask for what is current now, if anything was ever asked for.

    The sensor would see it at its next tick; a person who moved a HEAD waits for it. Whatever
    fails here is told, and left to the sensor.
    """
    if not open_desk(settings).is_there():
        return
    try:
        problems = reconcile_servings(settings).failed
    except PhotosearchError as error:
        problems = [str(error)]
    for problem in problems:
        say(f"not asked for yet: {problem}", err=True)


def _released(repository: Repository, address: Address) -> str:
    before = repository.head(address)
    if before is None or not before.is_pinned:
        return f"{address.window} is not pinned"
    repository.release(address)
    return f"{address.window} is released at version {before.version}; what it lacks will be made"


def _moved(
    repository: Repository, address: Address, before: Head | None, version: str
) -> list[str]:
    was = "nothing" if before is None else before.version
    lines = [f"{address.window} is now version {version} (was {was}), pinned"]
    coarser = None if address.window is None else address.window.parent()
    fingerprint = str(address.fingerprint)
    if coarser is not None and head_if_sound(repository, Address.index(fingerprint, coarser)):
        lines.append(
            f"{coarser} is glued again from it; until then {address.window} answers itself"
        )
    lines.append(f"let it go again with 'photosearch rollback {address.window} --release'")
    return lines


def _show_pinned(repository: Repository, *, as_json: bool) -> None:
    fingerprint = current_fingerprint(repository)
    pinned = {} if fingerprint is None else pinned_windows(repository, fingerprint)
    if as_json:
        say_json({window.key: version for window, version in pinned.items()}, indent=None)
        return
    for window, version in pinned.items():
        say(f"{window}  {version}")
    say(f"{len(pinned)} {'window is' if len(pinned) == 1 else 'windows are'} pinned")


def _table(lines: list[VersionLine]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("version", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("rows", justify="right", no_wrap=True)
    table.add_column("created (UTC)", no_wrap=True)
    table.add_column("run", no_wrap=True, style="dim")
    table.add_column("quantiser", no_wrap=True, style="dim")
    table.add_column("recall", justify="right", no_wrap=True)
    table.add_column("other inputs than the current one", overflow="fold")
    for line in lines:
        manifest = line.manifest
        table.add_row(
            manifest.version,
            ", ".join(_marks(line)),
            str(manifest.rows),
            f"{manifest.created_at:%Y-%m-%d %H:%M:%S}",
            (manifest.run_id or "")[:8],
            manifest.quantiser or "exact",
            "" if manifest.recall is None else f"{manifest.recall:.3f}",
            "; ".join(line.differs),
        )
    return table


def _marks(line: VersionLine) -> list[str]:
    marks = {
        "current": line.is_current,
        "pinned": line.pinned_at is not None,
        "served": line.is_held,
    }
    return [name for name, holds in marks.items() if holds]


def _as_json(line: VersionLine) -> dict[str, object]:
    manifest = line.manifest
    return {
        "version": manifest.version,
        "current": line.is_current,
        "pinned_at": None if line.pinned_at is None else line.pinned_at.isoformat(),
        "served": line.is_held,
        "rows": manifest.rows,
        "size_bytes": manifest.size_bytes,
        "created_at": manifest.created_at.isoformat(),
        "run_id": manifest.run_id,
        "code_version": manifest.code_version,
        "fingerprint": manifest.fingerprint,
        "quantiser": manifest.quantiser,
        "recall": manifest.recall,
        "differs": list(line.differs),
    }
