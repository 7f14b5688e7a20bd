"""``photosearch embedder``: which embedder answers, and another one without a gap."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from photosearch.settings.installation import load_installation
from photosearch.terminal.printable import printable
from photosearch.terminal.terminal import Terminal
from photosearch_assets.errors import AssetsError

if TYPE_CHECKING:
    import dagster as dg

    from photosearch.repository.repository import Repository
    from photosearch.settings.settings import Settings
    from photosearch_assets.materialize.command import Bars
    from photosearch_operations.embedder.switch import EmbedderSwitch

embedder = typer.Typer(no_args_is_help=True, help="Show or change the embedder.")
WORSE = 0.02
"""So much recall may be lost before a switch wants to be confirmed."""

_ROUNDS = 5
"""A catalogue that changes all the time is never caught up with; the current embedder neither."""


@embedder.command()
def show() -> None:
    """Show the current embedder, the one being prepared and the one before."""
    from photosearch.repository.addresses import Address, Kind
    from photosearch.repository.embedder_roles import Role, read_noted
    from photosearch.repository.readiness import current_fingerprint
    from photosearch.repository.repository import Repository

    settings = load_installation()
    repository = Repository.of(settings)
    named = {"current": current_fingerprint(repository)}
    for role in Role:
        noted = read_noted(repository, role)
        named[role.value] = None if noted is None else noted.fingerprint
    if not any(named.values()):
        Terminal().print("There is no embedder yet; 'photosearch materialize' makes it.")
        return
    table = Table()
    for column in ("embedder", "fingerprint", "network", "dimensions", "windows"):
        table.add_column(column)
    for name, fingerprint in named.items():
        if fingerprint is not None:
            manifest = repository.manifest(Address.embedders(), fingerprint)
            windows = len(repository.heads(fingerprint, Kind.INDEX))
            network = printable(manifest.recipe.get("network", ""))
            table.add_row(name, fingerprint[:16], network, str(manifest.dimension), str(windows))
    console = Terminal()
    console.print(table)
    _tell_overruled(console, settings, repository)


@embedder.command()
def use(
    network: Annotated[
        str | None,
        typer.Argument(help="efficientnet_lite0, torchvision:NAME, or the path of an ONNX file."),
    ] = None,
    back: Annotated[bool, typer.Option("--back", help="Return to the embedder before.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Switch even if fewer are found.")] = False,
    prepare_only: Annotated[
        bool, typer.Option("--prepare-only", help="Make and compare, but do not switch.")
    ] = False,
) -> None:
    """Embed all windows anew beside what is served, compare, and switch all at once."""
    if (network is None) != back:
        raise AssetsError(
            "either a network or --back", remedy="photosearch embedder use NETWORK, or --back"
        )
    from photosearch_assets.instance.home import open_instance
    from photosearch_assets.materialize.command import Bars
    from photosearch_operations.embedder.switch import EmbedderSwitch

    console = Terminal(apart=True)
    settings = load_installation(makes=True)
    switch = EmbedderSwitch(settings)
    with open_instance(settings) as instance:
        with Bars(console) as bars:
            if network is None:
                switch.prepare_previous()
            else:
                bars.start("embedder", 1)
                switch.prepare(network, on_photos=bars.photos)
                bars.advance()
            served, _ = _catch_up(switch, instance, bars)
        _compare(console, switch, yes=yes or back)
        # Comparing takes a while, in which an hour may have closed or a listing come late.
        for _ in range(_ROUNDS):
            with Bars(console) as bars:
                served, was_behind = _catch_up(switch, instance, bars)
            if not was_behind:
                break
    if prepare_only:
        console.print("Prepared. 'photosearch embedder use' with the same network switches.")
        return
    switch.switch()
    console.print(
        f"Queries are answered by {switch.fingerprint[:16]} now; "
        "'photosearch embedder use --back' returns."
    )
    _tell_overruled(console, settings, switch.repository)
    if served:
        with console.status("The old embedder's servers retire…"):
            switch.retire_before()


def _catch_up(
    switch: "EmbedderSwitch", instance: "dg.DagsterInstance", bars: "Bars"
) -> tuple[bool, bool]:
    """Make, ship and serve what the next embedder lacks.

    Returns whether anything is served on this machine, and whether there was anything to make.
    """
    was_behind = False
    while True:
        for stage in switch.materialize(instance, bars):
            bars.start(stage.name, stage.size, len(stage.assets))
            was_behind = True
        servings = switch.servings()
        bars.start("index servers", len(servings))
        is_served = switch.wait_for_servers(servings)
        for _ in servings:
            bars.advance()
        if not switch.lacks():  # else an hour has closed meanwhile
            return is_served, was_behind


@embedder.command()
def drop() -> None:
    """Stop preparing another embedder; what was made of it stays until gc."""
    from photosearch.repository.repository import Repository
    from photosearch_operations.embedder.switch import give_up

    dropped = give_up(Repository.of(load_installation()))
    Terminal().print(
        "No embedder is being prepared." if dropped is None else f"{dropped[:16]} is dropped."
    )


def _tell_overruled(console: Terminal, settings: "Settings", repository: "Repository") -> None:
    from photosearch.repository.wanted_embedder import told_overruled

    if (told := told_overruled(settings, repository)) is not None:
        console.print(printable(told), style="bold yellow", highlight=False, soft_wrap=True)


def _compare(console: Terminal, switch: "EmbedderSwitch", *, yes: bool) -> None:
    """Show both embedders side by side.

    Raises:
        AssetsError: if the next one finds clearly less and nobody said yes.
    """
    from photosearch_assets.steps.context import StepContext
    from photosearch_operations.embedder.compare import QUERIES, compare_embedders

    with (
        StepContext(switch.settings) as context,
        console.status(f"Comparing both on up to {QUERIES} pictures…"),
    ):
        found = compare_embedders(context, *switch.both())
    if found is None:
        console.print("No photo could be read to compare them by.", style="yellow")
        return
    table = Table(title=f"{found.queries} of the catalogue's photos, cut and compressed anew")
    for column in ("", "current", "next"):
        table.add_column(column, justify="left" if not column else "right")
    table.add_row("finds the photo first", *(f"{share:.3f}" for share in found.itself))
    if found.sibling is not None:
        siblings = (f"{share:.3f}" for share in found.sibling)
        table.add_row("finds another photo of its listing among ten", *siblings)
    table.add_row("share of ten hits that both have", "", f"{found.overlap:.3f}")
    console.print(table)
    before, after = found.itself
    if after < before - WORSE and not yes:
        raise AssetsError(
            "the next embedder finds less, so it is prepared but not switched to",
            found=f"{after:.3f}",
            limit=f"{before:.3f} - {WORSE}",
            remedy="'--yes' switches all the same; 'photosearch embedder drop' forgets it",
        )
