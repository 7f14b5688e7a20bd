"""``photosearch verify`` and ``photosearch gc``: looking after what was made.

Which versions index servers hold, and what else can be damaged, is known to packages above
this one. They tell it through entry points, as they bring their commands.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import entry_points
from itertools import chain
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlsplit

import typer
from rich.filesize import decimal
from rich.progress import track

from photosearch.errors import PhotosearchError
from photosearch.images.verify_cache import changed_in_cache
from photosearch.repository.addresses import Address
from photosearch.repository.ahead import told_ahead
from photosearch.repository.gc_report import GcReport, Kept, Removed
from photosearch.repository.held import held_versions
from photosearch.repository.repository import Repository
from photosearch.repository.retention import newest
from photosearch.repository.verify_notes import lost_heads, wrong_embedders, wrong_roles
from photosearch.settings.installation import load_installation
from photosearch.settings.settings import Settings
from photosearch.terminal.masked import masked
from photosearch.terminal.terminal import Terminal, say, say_json
from photosearch.terminal.wording import counted

VERIFY = "photosearch.verify"
GC = "photosearch.gc"
_NOT_LOOKED_AT = (
    "the catalogue, the photos, settings and keys, Dagster's databases and logs, what running "
    "processes write again (docs/operations.md)"
)
_Other = tuple[str, int, str]
"""What went beside the versions, its bytes, and why."""


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
    artifacts = list(repository.everything())
    damaged, unsealed = 0, 0
    discarded: set[Address] = set()
    for address, version in track(artifacts, "verifying", console=progress, transient=True):
        damages = list(repository.check(address, version))
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
    cache = changed_in_cache(settings, discard=discard, looked_at=looked_at)
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
        say(_nothing_made(settings))
    if damaged and discard:
        say("run 'photosearch materialize' to make them again")
    # A state folder that is not there is a wrong name or a disk that is not mounted.
    lacks_what_was_named = not versions and (
        settings.models_url is not None or not settings.state.exists()
    )
    if others or (damaged and not discard) or lacks_what_was_named:
        raise typer.Exit(1)


def gc(
    keep: Annotated[int, typer.Option(min=0, help="Newest versions to keep of each window.")] = 2,
    grace_hours: Annotated[
        float, typer.Option(min=0, max=1e6, help="Nothing younger than this is deleted.")
    ] = 24.0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would go, and why the rest stays.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print every version and its reason as JSON.")
    ] = False,
) -> None:
    """Delete old versions and images that nothing needs, and what killed steps left behind."""
    settings = load_installation()
    if _has_repository(settings):
        report = Repository.of(settings).gc(
            keep=newest(keep),
            grace=timedelta(hours=grace_hours),
            in_use=held_versions(settings),
            dry_run=dry_run,
        )
    else:  # looking for what may go must not make it
        say(_nothing_made(settings), err=True)
        report = GcReport([], [], [], dry_run)
    others: list[_Other] = []
    failure: PhotosearchError | None = None
    try:
        for other in _others(settings, timedelta(hours=grace_hours), dry_run=dry_run):
            others.append(other)  # noqa: PERF402 (those before a failure are told too)
    except PhotosearchError as error:
        failure = error
    if as_json:
        say_json(_as_json(report, others), indent=1)
    else:
        _tell(report, others)
    if failure is not None:
        raise failure


def _has_repository(settings: Settings) -> bool:
    """Whether there is a folder; a bucket's is there as soon as the bucket is."""
    url = urlsplit(settings.repository_url)
    return url.scheme != "file" or Path(unquote(url.path)).exists()


def _nothing_made(settings: Settings) -> str:
    """Said, because of nothing no part is damaged."""
    where = masked(settings.repository_url)
    return (
        f"there was nothing to look at: the model repository {where} holds no version; "
        "'photosearch materialize' makes them, models_url says where"
    )


def _tell(report: GcReport, others: Sequence[_Other]) -> None:
    for item in report.removed:
        say(f"{item.address}/{item.version or ''}  {decimal(item.size_bytes)}  {item.reason}")
    if report.dry_run:
        for reason, kept_bytes, count in _by_reason(report):
            say(f"kept: {counted(count, 'version')}, {decimal(kept_bytes)}: {reason}")
    for what, size_bytes, reason in others:
        say(f"{what}  {decimal(size_bytes)}  {reason}")
    done = "would be deleted" if report.dry_run else "deleted"
    count = len(report.removed) + len(others)
    total = report.size_bytes + sum(size_bytes for _, size_bytes, _ in others)
    say(f"{count} {done}, {decimal(total)}; {counted(report.kept, 'version')} kept")
    if report.busy:
        say(f"{len(report.busy)} are being written and were left for the next time")


def _others(settings: Settings, grace: timedelta, *, dry_run: bool) -> Iterator[_Other]:
    for point in entry_points(group=GC):
        yield from point.load()(
            settings, grace, dry_run=dry_run, tell=lambda text: say(text, err=True)
        )


def _by_reason(report: GcReport) -> list[tuple[str, int, int]]:
    """Why versions stay, with their bytes and their number; the most bytes first."""
    sizes: defaultdict[str, list[int]] = defaultdict(list)
    for kept in report.kept_versions:
        sizes[kept.reason].append(kept.size_bytes)
    found = [(reason, sum(some), len(some)) for reason, some in sizes.items()]
    return sorted(found, key=lambda line: (-line[1], line[0]))


def _as_json(report: GcReport, others: Iterable[_Other]) -> dict[str, object]:
    def listed(items: Iterable[Removed | Kept]) -> list[dict[str, object]]:
        return [
            {
                "path": f"{item.address}/{item.version or ''}",
                "bytes": item.size_bytes,
                "reason": item.reason,
            }
            for item in items
        ]

    return {
        "dry_run": report.dry_run,
        "bytes": report.size_bytes,
        "removed": listed(report.removed),
        "kept": listed(report.kept_versions),
        "others_removed": [
            {"what": what, "bytes": size_bytes, "reason": reason}
            for what, size_bytes, reason in others
        ],
    }


def _beyond(settings: Settings, looked_at: list[str], *, discard: bool) -> Iterator[str]:
    for point in entry_points(group=VERIFY):
        problems: Callable[..., Iterable[str]] = point.load()
        yield from problems(settings, discard=discard, looked_at=looked_at)
