"""``photosearch materialize``: make all that is missing, and show how far it is.

Safe to call at any time, also while ``photosearch up`` runs, and cheap when there is nothing
to do.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from photosearch.settings.installation import load_installation
from photosearch.settings.settings import Settings
from photosearch.terminal.printable import printable
from photosearch.terminal.terminal import Terminal
from photosearch.terminal.wording import commonest, counted
from photosearch.windows import Window
from photosearch_assets.errors import AssetsError

if TYPE_CHECKING:
    from photosearch.photo_notes import PhotoFailure
    from photosearch_assets.materialize.materializer import Summary
    from photosearch_assets.steps.result import StepResult

_REASONS_SHOWN = 8
_INTERRUPTED = 130  # as of a program that SIGINT ended


def materialize(
    window: Annotated[
        list[str] | None,
        typer.Option(
            help="Only this window and what it is made from, as daily/2026-11-22; may be repeated."
        ),
    ] = None,
    everything: Annotated[
        bool,
        typer.Option(
            "--all", help="Go through every window again, also those that are up to date."
        ),
    ] = False,
) -> None:
    """Make every window that is missing or out of date, through Dagster."""
    console = Terminal(apart=True)
    settings = load_installation(makes=True)
    chosen = [Window.parse(key) for key in window or ()]
    with console.status("Looking for what is missing…"):
        from photosearch.repository.ahead import told_ahead
        from photosearch.repository.repository import Repository
        from photosearch.repository.wanted_embedder import told_overruled
        from photosearch_assets.instance.home import open_instance
        from photosearch_assets.materialize.materializer import Materializer
        from photosearch_assets.materialize.unusable_photos import unusable_photos

        opened = open_instance(settings)
    try:
        with opened as instance, Bars(console) as bars:
            work = Materializer(settings, instance, bars, everything=everything)
            _require_closed(chosen, settings.timeline_start, work.now)
            for stage in work.run(chosen):
                bars.start(stage.name, stage.size, len(stage.assets))
    except KeyboardInterrupt:
        console.print("stopped; 'photosearch materialize' goes on from here")
        raise typer.Exit(_INTERRUPTED) from None
    _report(console, work.summary)
    _report_unusable(console, unusable_photos(settings))
    _report_left_out(console, settings, work.now)
    repository = Repository.of(settings)
    for told in (told_ahead(repository, work.now), told_overruled(settings, repository)):
        if told is not None:
            console.print(printable(told), style="bold yellow", highlight=False, soft_wrap=True)
    if work.summary.has_failed:
        raise typer.Exit(1)


class Bars:
    """One line for each stage: windows done, photos and their rate, time left."""

    def __init__(self, console: Terminal) -> None:
        self._progress = Progress(
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.description:<18}", markup=False),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[photos]}", markup=False),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(compact=True),
            console=console,
            # What a step prints belongs into its log, whither Dagster leads it.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task: TaskID | None = None
        self._photos = 0
        self._assets = 1
        self._since = 0.0

    def start(self, name: str, size: int, assets: int = 1) -> None:
        """Begin the next stage's line; ``size`` is its number of results.

        Each of its ``assets`` tells of every photo, as one fetches it and the next embeds it.
        """
        self._finish()
        self._photos, self._assets, self._since = 0, assets, time.monotonic()
        self._task = self._progress.add_task(name, total=size, photos="")

    def photos(self, count: int) -> None:
        self._photos += count
        done = self._photos // self._assets
        rate = done / max(0.1, time.monotonic() - self._since)
        if self._task is not None:
            self._progress.update(self._task, photos=f"{done:,} photos, {rate:.0f}/s")

    def result(self, result: "StepResult") -> None:
        self.advance()

    def advance(self) -> None:
        """One of the stage's results is there."""
        if self._task is not None:
            self._progress.advance(self._task)

    def __enter__(self) -> "Bars":
        self._progress.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:  # what was broken off stays as far as it came
            self._finish()
        self._progress.stop()

    def _finish(self) -> None:
        if self._task is not None:
            task = self._progress.tasks[self._task]
            self._progress.update(self._task, total=task.completed or 1)


def _report(console: Terminal, summary: "Summary") -> None:
    if not summary.results and not summary.failed_runs:
        console.print("Everything is up to date.")
        return
    table = Table(title=f"Materialized in {summary.seconds:.1f} s", title_justify="left")
    for name in ("step", "windows", "made", "photos", "failed", "seconds of work"):
        table.add_column(name, justify="left" if name == "step" else "right")
    by_step: defaultdict[str, list[StepResult]] = defaultdict(list)
    for result in summary.results.values():
        by_step[result.step].append(result)
    for step, results in by_step.items():
        table.add_row(
            step,
            str(len(results)),
            str(sum(result.done for result in results)),
            str(sum(result.rows for result in results)),
            str(sum(len(result.failures) for result in results)),
            f"{sum(result.seconds for result in results):.1f}",
        )
    console.print(table)
    for note in sorted({r.note for r in summary.results.values() if r.note and not r.window}):
        console.print(printable(f"  {note}"), style="dim")
    _report_remarks(console, summary)
    _report_failures(console, summary)


def _report_left_out(console: Terminal, settings: Settings, now: datetime) -> None:
    """What no search will show, however much of it was made."""
    from photosearch.catalogue.catalogue import Catalogue
    from photosearch.catalogue.survey_words import left_out_lines, warning

    with Catalogue.open(settings) as catalogue:
        survey = catalogue.survey(settings.timeline_start, now)
    for line in left_out_lines(survey):
        console.print(f"Left out: {printable(line)}", style="dim", highlight=False, soft_wrap=True)
    if (told := warning(survey, settings)) is not None:
        style = "bold yellow"
        console.print(printable(told), style=style, highlight=False, soft_wrap=True)


def _report_unusable(console: Terminal, photos: Iterable["PhotoFailure"]) -> None:
    """Photos that are in no index, whichever run found that."""
    reasons: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for photo in photos:
        kind = _kind(photo)
        reasons[kind] += 1
        examples[kind] = photo.photo_id
    if reasons:
        console.print("Photos that could not be used:", style="yellow")
    shown, rest = commonest(reasons, _REASONS_SHOWN)
    for reason, count in shown:
        named = examples[reason] if count == 1 else f"such as {examples[reason]}"
        text = f"  {count} x {reason} ({named})"
        console.print(printable(text), soft_wrap=True)
    if rest is not None:
        console.print(f"  {rest}")


def _report_failures(console: Terminal, summary: "Summary") -> None:
    for result in summary.results.values():
        for check in result.failed_checks:
            place = result.window.key if result.window else ""
            console.print(
                printable(
                    f"check {check.name} of {result.step} {place}: {check.found}, "
                    f"the limit is {check.limit}"
                ),
                style="yellow",
                soft_wrap=True,
            )
    for failure in summary.failed_runs:
        console.print(printable(f"failed: {failure}"), style="bold red", soft_wrap=True)


def _report_remarks(console: Terminal, summary: "Summary") -> None:
    """Photos that are found, but that someone should look at."""
    photos: defaultdict[str, list[str]] = defaultdict(list)
    for result in summary.results.values():
        for one in result.remarks:
            photos[one.remark].append(one.photo_id)
    for remark, named in photos.items():
        example = f"{named[0]}" if len(named) == 1 else f"such as {named[0]}"
        text = f"{counted(len(named), 'photo')} {remark}, {example}"
        console.print(printable(text), style="yellow", highlight=False, soft_wrap=True)


def _kind(failure: "PhotoFailure") -> str:
    """A failure's reason without the photo's own name, so that like ones count together."""
    return failure.reason.replace(failure.photo_id, "…")


def _require_closed(chosen: list[Window], start: datetime, now: datetime) -> None:
    for window in chosen:
        if window.start < start or not window.is_closed(now):
            raise AssetsError(
                f"{window.key} is not a window of the timeline that is over",
                found=f"{window.start.isoformat()} to {window.end.isoformat()}",
                limit=f"{start.isoformat()} to {now.isoformat(timespec='seconds')}",
                remedy="choose a closed window, or set timeline_start",
            )
