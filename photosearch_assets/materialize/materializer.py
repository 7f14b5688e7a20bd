"""All that is missing or out of date, made through Dagster in this process.

Few large runs, a month of hours each, recorded in the instance that Dagit shows. What a run
does is decided by looking at the stores before each stage, because each stage changes what
the next one finds: a new quantiser makes every index stale. A window that fails takes along
only what would be made from it.
"""

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from photosearch.object_store import require_stores
from photosearch.processes.signals import stop_signals_noticed
from photosearch.settings.settings import Settings
from photosearch.windows import Window
from photosearch_assets.assets import WINDOWS_A_RUN
from photosearch_assets.planning.plan import DueWork, Timeline, find_due
from photosearch_assets.resources import run_config_for
from photosearch_assets.runners.progress import Watcher, watched_by
from photosearch_assets.steps import ship
from photosearch_assets.steps.context import StepContext
from photosearch_assets.steps.result import StepResult

GAP_WINDOWS = 24
"""Stretches so close are one run: passing over a finished window costs less than a run."""

SOURCE_TAG = "photosearch/source"
_OURS = ("photosearch.", "photosearch_assets.", "index_grpc.")
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class Stage:
    """Assets to make for some windows, none of those to ``avoid``; without windows for assets
    that have none."""

    name: str
    assets: Sequence[str]
    windows: Sequence[Window] = ()
    avoid: Collection[Window | None] = ()

    @property
    def size(self) -> int:
        """How many results the stage has."""
        return sum(max(1, len(windows)) for windows in self.stretches()) * len(self.assets)

    def stretches(self) -> list[Sequence[Window]]:
        """The windows in unbroken runs of at most a month of hours, newest first."""
        if not self.windows:
            return [()]
        longest = WINDOWS_A_RUN[self.windows[0].granularity]
        avoid = {window for window in self.avoid if window is not None}
        return list(reversed(stretches(self.windows, longest, GAP_WINDOWS, avoid)))


@dataclass
class Summary:
    """What a materialization did; ``seconds`` by asset are the steps' own."""

    results: dict[tuple[str, Window | None], StepResult] = field(default_factory=dict)
    failed_runs: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def done(self) -> list[StepResult]:
        return [result for result in self.results.values() if result.done]

    @property
    def has_failed(self) -> bool:
        return bool(self.failed_runs)


class Materializer:
    """Runs stages of assets in one Dagster instance.

    ``now`` decides which windows are over; ``everything`` also runs what is up to date, which
    finds nothing to do and so only records it again.
    """

    def __init__(
        self,
        settings: Settings,
        instance: dg.DagsterInstance,
        watcher: Watcher,
        *,
        now: datetime | None = None,
        everything: bool = False,
    ) -> None:
        from photosearch_assets.definitions import defs

        self.settings = settings
        self.instance = instance
        self.watcher = watcher
        self.now = now or datetime.now(UTC)
        self.everything = everything
        self.summary = Summary()
        self._job = defs.resolve_implicit_global_asset_job_def()

    def run(self, chosen: Collection[Window] = ()) -> Iterator[Stage]:
        """Make all that is due, or of it ``chosen`` with what they are made from.

        Yields each stage before it runs.

        Raises:
            KeyboardInterrupt: after SIGINT or SIGTERM. Dagster hands them on only within a
                step: what comes as a run ends is dropped with the run.
        """
        started = time.monotonic()
        require_stores(self.settings)
        if self.settings.signing_key is not None:
            # The last stage's; what is not installed is told before the work of hours.
            import photosearch.oci.signing_keys  # noqa: F401

        timeline = Timeline.until(self.settings.timeline_start, self.now)
        if chosen:
            timeline = timeline.within(chosen)
        try:
            with stop_signals_noticed() as stopped:
                for stage in self._stages(timeline):
                    yield stage
                    for windows in stage.stretches():
                        self._execute(stage, windows)
                        if stopped():
                            raise KeyboardInterrupt
        finally:
            self.summary.seconds = time.monotonic() - started

    def _stages(self, timeline: Timeline) -> Iterator[Stage]:
        due = self._due(timeline)
        if due.embedder:
            yield Stage("embedder", ["embedder"])
            if self.summary.has_failed:
                return  # everything else needs it
            due = self._due(timeline)
        hours = sorted({*due.images, *due.embeddings})
        if hours:
            yield Stage("photos to vectors", ["images", "embeddings"], hours)
        if hours or due.quantiser:
            due = self._due(timeline)
        if due.quantiser:
            yield Stage("quantiser", ["quantiser"])
            due = self._due(timeline)
        failed = self._failed(timeline)
        yield from _stage("hourly indexes", due.hours, {*failed.images, *failed.embeddings})
        incomplete = {hour.parent() for hour in self._failed(timeline).hours}
        yield from _stage("daily indexes", due.days, incomplete)
        incomplete = {day.parent() for day in self._failed(timeline).days}
        yield from _stage("monthly indexes", due.months, incomplete)
        if self._images_are_due():
            yield Stage("serving images", ["serving_image", "index_service"])

    def _failed(self, timeline: Timeline) -> DueWork:
        """What is still due though its stage is over; nothing as long as no run failed."""
        if not self.summary.has_failed:
            return DueWork()
        with StepContext(self.settings) as context:
            return find_due(context, timeline)

    def _images_are_due(self) -> bool:
        with StepContext(self.settings) as context:
            return self.everything or ship.is_due(context)

    def _due(self, timeline: Timeline) -> DueWork:
        with StepContext(self.settings) as context:
            due = find_due(context, timeline)
        if not self.everything:
            return due
        hours, days, months = list(timeline.hours), list(timeline.days), list(timeline.months)
        return DueWork(due.embedder, hours, hours, due.quantiser, hours, days, months)

    def _execute(self, stage: Stage, windows: Sequence[Window]) -> None:
        tags = {SOURCE_TAG: "materialize"}
        if windows:
            tags["dagster/asset_partition_range_start"] = windows[0].start_text
            tags["dagster/asset_partition_range_end"] = windows[-1].start_text
        with watched_by(_Both(self.watcher, self.summary)):
            ended = self._job.execute_in_process(
                run_config={**_QUIET, **run_config_for(self.settings.embedder_fingerprint)},
                instance=self.instance,
                asset_selection=[dg.AssetKey(name) for name in stage.assets],
                tags=tags,
                raise_on_error=False,
            )
        if not ended.success:
            self.summary.failed_runs.extend(_reasons(stage, windows, ended))


def _stage(
    name: str, windows: Sequence[Window], avoid: Collection[Window | None]
) -> Iterator[Stage]:
    """The stage of one granularity's indexes, if it has a window."""
    left = [window for window in windows if window not in avoid]
    if left:
        yield Stage(name, [f"{left[0].granularity.value}_index"], left, avoid)


class _Both:
    """Tells the watcher, and keeps the results."""

    def __init__(self, watcher: Watcher, summary: Summary) -> None:
        self.watcher = watcher
        self.summary = summary

    def photos(self, count: int) -> None:
        self.watcher.photos(count)

    def result(self, result: StepResult) -> None:
        key = (result.step, result.window)
        known = self.summary.results.get(key)
        if known is None or result.done:
            self.summary.results[key] = result
        self.watcher.result(result)


def stretches(
    windows: Collection[Window], longest: int, gap: int, avoid: Collection[Window] = ()
) -> list[Sequence[Window]]:
    """Unbroken stretches in time order that hold ``windows`` and bridge gaps of up to ``gap``.

    None holds a window to ``avoid``: a step that can't make one refuses all of its run.
    """
    found: list[list[Window]] = []
    avoided = frozenset(avoid)
    for window in sorted(windows):
        last = found[-1] if found else None
        between: list[Window] = []
        if last is not None:
            following = Window(window.granularity, last[-1].end)
            while following < window and len(between) <= gap:
                between.append(following)
                following = Window(window.granularity, following.end)
        is_bridged = len(between) <= gap and avoided.isdisjoint(between)
        if last is None or not is_bridged or len(last) + len(between) >= longest:
            found.append([window])
        else:
            last.extend([*between, window])
    return list(found)


def _reasons(stage: Stage, windows: Sequence[Window], ended: Any) -> Iterator[str]:
    span = f" {windows[0].key} to {windows[-1].key}" if windows else ""
    errors = [event.step_failure_data.error for event in ended.get_step_failure_events()]
    # Before its first step, for example where its logs should go.
    errors = errors or [
        event.job_failure_data.error
        for event in ended.all_events
        if event.event_type is dg.DagsterEventType.RUN_FAILURE
    ]
    for error in errors or [None]:
        chain = list(_chain(error))
        # Ours tells what to do, and what it was made of does not.
        told = next((one for one in chain if one.message.startswith(_OURS)), (chain or [None])[-1])
        message = f"run {ended.run_id} failed" if told is None else told.message.strip()
        yield f"{stage.name}{span}: {message.split(': ', 1)[-1]}"


def _chain(error: Any) -> Iterator[Any]:
    """An error as Dagster keeps it, and what it was raised from."""
    while error is not None:
        yield error
        error = error.cause
