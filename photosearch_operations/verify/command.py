"""``photosearch verify``: reading all that was made."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import Annotated

import typer
from rich.progress import track

from photosearch.images.reports import PhotoReports
from photosearch.images.verify_cache import changed_in_cache
from photosearch.repository.addresses import Address, Kind
from photosearch.repository.ahead import told_ahead
from photosearch.repository.repository import Repository
from photosearch.repository.verify_notes import lost_heads, wrong_embedders, wrong_roles
from photosearch.settings.installation import load_installation
from photosearch.settings.settings import Settings
from photosearch.terminal.masked import masked
from photosearch.terminal.terminal import Terminal, say
from photosearch.terminal.wording import counted
from photosearch_operations.erasure.check import still_there
from photosearch_operations.nothing_made import nothing_made
from photosearch_operations.verify.images import damaged_images
from photosearch_operations.verify.signatures import wrong_signatures

_NOT_LOOKED_AT = (
    "the catalogue, the photos, settings and keys, Dagster's databases and logs, what running "
    "processes write again (docs/operations.md)"
)


def verify(
    discard: Annotated[
        bool,
        typer.Option("--discard", help="Take damaged versions and layers away, to be made again."),
    ] = False,
) -> None:
    """Read all that was made, and name what is damaged, missing, or should be gone.

    Every file of the model repository, every HEAD, the layers and names of the serving images,
    the Servings, the image cache, and whether anything is left of what was erased.
    """
    settings = load_installation()
    repository = Repository.of(settings)
    progress = Terminal(stderr=True)
    reports = PhotoReports(repository)
    artifacts = list(repository.everything())
    damaged, unsealed = 0, 0
    discarded: set[Address] = set()
    for address, version in track(artifacts, "verifying", console=progress, transient=True):
        damages = list(repository.check(address, version))
        if not damages and address.kind is Kind.PHOTOS and address.window and version:
            damages = list(reports.check(address.window, version))
        for damage in damages:
            say(damage)
        if damages:
            damaged += 1
            if discard:
                repository.discard(address, version)
                discarded.add(address)
        elif version is not None and not repository.has_seal(address, version):
            unsealed += 1
    others = 0
    versions = sum(version is not None for _, version in artifacts)
    read = counted(versions, "version")
    looked_at = [f"{read} in {masked(settings.repository_url)}"]
    ahead = told_ahead(repository, datetime.now(UTC))
    beyond = _beyond(settings, looked_at, discard=discard)
    left = [one for one in artifacts if one[0] not in discarded]
    notes = chain(
        lost_heads(repository, left), wrong_embedders(repository, left), wrong_roles(repository)
    )
    cache = changed_in_cache(settings, reports, discard=discard, looked_at=looked_at)
    for problem in chain([ahead] if ahead else [], notes, cache, beyond):
        others += 1
        say(problem)
    say(f"looked at: {', '.join(looked_at)}")
    say(f"not looked at: {_NOT_LOOKED_AT}")
    more = f", {counted(others, 'other problem')}" if others else ""
    say(f"{read} read, {damaged} damaged{' and discarded' * discard}{more}")
    if unsealed:
        said = "manifest has" if unsealed == 1 else "manifests have"
        say(f"{unsealed} {said} no checksum: a former release made them, which is no fault")
    if not versions:
        say(nothing_made(settings))
    if damaged and discard:
        say("run 'photosearch materialize' to make them again")
    # A state folder that is not there is a wrong name or a disk that is not mounted.
    lacks_what_was_named = not versions and (
        settings.models_url is not None or not settings.state.exists()
    )
    if others or (damaged and not discard) or lacks_what_was_named:
        raise typer.Exit(1)


def _beyond(settings: Settings, looked_at: list[str], *, discard: bool) -> Iterator[str]:
    """A line for each problem that is no version's own."""
    yield from damaged_images(settings, discard=discard, looked_at=looked_at)
    yield from wrong_signatures(settings, looked_at=looked_at)
    yield from still_there(settings, looked_at=looked_at)
