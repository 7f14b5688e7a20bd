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

from photosearch.catalogue.hour_digests import HourDigests
from photosearch.object_store import require_stores
from photosearch.processes.signals import stop_signals_noticed
from photosearch.settings.settings import Settings
from photosearch.windows import Window
from photosearch_assets.planning import run_tags
from photosearch_assets.planning.plan import ClosedWindows, DueWork, find_due
from photosearch_assets.planning.stages import EMBEDDER, SHIPPING, Stage, stages
from photosearch_assets.resources import run_config_for
from photosearch_assets.runners.progress import Watcher, watched_by
from photosearch_assets.steps import ship
from photosearch_assets.steps.context import StepContext
from photosearch_assets.steps.result import StepResult

_OURS = ("photosearch.", "photosearch_assets.", "index_grpc.")
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


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
        self._hour_digests = HourDigests()
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
            import photosearch.oci.signing.signing_keys  # noqa: F401

        timeline = ClosedWindows.until(self.settings.timeline_start, self.now)
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

    def _stages(self, timeline: ClosedWindows) -> Iterator[Stage]:
        due, over = self._due(timeline), set[str]()
        while True:
            rest = stages(due, self._failed(timeline))
            stage = next((stage for stage in rest if stage.name not in over), None)
            if stage is None:
                break
            yield stage
            over.add(stage.name)
            if stage is EMBEDDER and self.summary.has_failed:
                return  # everything else needs it
            if stage.decides:
                due = self._due(timeline)
        if self._images_are_due():
            yield SHIPPING

    def _failed(self, timeline: ClosedWindows) -> DueWork:
        """What is still due though its stage is over; nothing as long as no run failed."""
        if not self.summary.has_failed:
            return DueWork()
        with self._context() as context:
            return find_due(context, timeline)

    def _context(self) -> StepContext:
        return StepContext(self.settings, hour_digests=self._hour_digests)

    def _images_are_due(self) -> bool:
        with StepContext(self.settings) as context:
            return self.everything or ship.is_due(context)

    def _due(self, timeline: ClosedWindows) -> DueWork:
        with self._context() as context:
            due = find_due(context, timeline)
            context.repository.write_summaries()
        if not self.everything:
            return due
        hours, days, months = list(timeline.hours), list(timeline.days), list(timeline.months)
        return DueWork(due.embedder, hours, hours, due.quantiser, hours, days, months)

    def _execute(self, stage: Stage, windows: Sequence[Window]) -> None:
        tags = {run_tags.SOURCE: "materialize", **run_tags.range_tags(windows)}
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
