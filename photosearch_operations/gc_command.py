"""``photosearch gc``: deleting what nothing needs any more."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlsplit

import typer
from rich.filesize import decimal

from photosearch.errors import PhotosearchError
from photosearch.repository.gc_report import GcReport, Kept, Removed
from photosearch.repository.repository import Repository
from photosearch.repository.retention import collect, newest
from photosearch.settings.installation import load_installation
from photosearch.settings.settings import Settings
from photosearch.terminal.terminal import say, say_json
from photosearch.terminal.wording import counted
from photosearch_assets.instance.old_runs import old_runs_files
from photosearch_operations.gc_images import unneeded_images
from photosearch_operations.in_use import versions_in_use
from photosearch_operations.known_desks import require_known_desks
from photosearch_operations.nothing_made import nothing_made

_Other = tuple[str, int, str]
"""What went beside the versions, its bytes, and why."""


def gc(
    keep: Annotated[int, typer.Option(min=0, help="Newest versions to keep of each window.")] = 2,
    grace_hours: Annotated[
        float, typer.Option(min=0, max=1e6, help="Nothing younger than this is deleted.")
    ] = 24.0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would go, and why the rest stays.")
    ] = False,
    forget_other_desks: Annotated[
        bool,
        typer.Option(
            "--forget-other-desks",
            help="Delete though another state_dir was served from these stores, and forget it.",
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print every version and its reason as JSON.")
    ] = False,
) -> None:
    """Delete old versions and images that nothing needs, and what killed steps left behind."""
    settings = load_installation()
    repository = Repository.of(settings) if _has_repository(settings) else None
    storage = None if repository is None else repository.storage
    require_known_desks(settings, storage, forget_others=forget_other_desks, dry_run=dry_run)
    if repository is not None:
        report = collect(
            repository,
            keep=newest(keep),
            grace=timedelta(hours=grace_hours),
            in_use=versions_in_use(settings, strict=True),
            dry_run=dry_run,
        )
    else:  # looking for what may go must not make it
        say(nothing_made(settings), err=True)
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
    yield from unneeded_images(
        settings, grace, dry_run=dry_run, tell=lambda text: say(text, err=True)
    )
    yield from old_runs_files(settings, grace, dry_run=dry_run)


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
