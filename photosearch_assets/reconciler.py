"""The sensor that compares what is with what should be, and asks for the difference.

It looks at the stores and never at events, so it does not matter why a window is out of date:
listings came late, a quantiser was trained, a run failed or was killed, an update was lost. It
is the backbone; the automation conditions are only quicker.

It asks for little at a time: never for windows that a run is making, a few runs a tick, newest
first, and for the same windows again only after a growing pause. Dagster remembers a run key
for ever, so the number of the attempt is part of it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg

from photosearch.settings import Settings, load_settings
from photosearch.windows import Granularity, Span, Window, windows_within
from photosearch_assets import run_locks
from photosearch_assets.assets import WINDOWS_A_RUN
from photosearch_assets.attempts import Attempt, read_attempts, write_attempts
from photosearch_assets.materialize import GAP_WINDOWS, SOURCE_TAG, stretches
from photosearch_assets.partitions import window_of
from photosearch_assets.plan import DueWork, Timeline, find_due
from photosearch_assets.steps.context import StepContext

SOURCE = "reconciler"
TICK_S = 60
RUNS_A_TICK = 4
FIRST_PAUSE_S = 60.0
LONGEST_PAUSE_S = 3600.0
_REMEMBERED_S = 2 * LONGEST_PAUSE_S
SETTLING = timedelta(minutes=2)
"""A window that has just ended is the automation's; the reconciler takes what it left."""

OWN_ASSETS = (
    "embedder",
    "images",
    "embeddings",
    "quantiser",
    "hourly_index",
    "daily_index",
    "monthly_index",
)
_UNFINISHED = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@dataclass(frozen=True)
class Demand:
    """One run to ask for: assets, and an unbroken stretch of windows (or none)."""

    assets: tuple[str, ...]
    windows: Sequence[Window]

    @property
    def key(self) -> str:
        if not self.windows:
            return "+".join(self.assets)
        return f"{'+'.join(self.assets)}:{self.windows[0].key}:{self.windows[-1].start_text}"

    def request(self, attempt: Attempt) -> dg.RunRequest:
        tags = {SOURCE_TAG: SOURCE, "photosearch/attempt": str(attempt.count)}
        if self.windows:
            tags["dagster/asset_partition_range_start"] = self.windows[0].start_text
            tags["dagster/asset_partition_range_end"] = self.windows[-1].start_text
        return dg.RunRequest(
            run_key=f"{self.key}@{attempt.since}#{attempt.count}",
            asset_selection=[dg.AssetKey(name) for name in self.assets],
            tags=tags,
        )


def reconciler_of(
    granularities: Mapping[str, Granularity | None], status: dg.DefaultSensorStatus
) -> dg.SensorDefinition:
    """The sensor; ``granularities`` are those of all assets, by name."""

    @dg.sensor(
        name="reconciler",
        asset_selection=dg.AssetSelection.assets(*OWN_ASSETS),
        minimum_interval_seconds=TICK_S,
        default_status=status,
        description="Compares catalogue, photos, manifests and HEADs; asks for what differs.",
    )
    def reconciler(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        settings = load_settings()
        now = datetime.now(UTC)
        unfinished = living_runs(context.instance, settings)
        busy = being_made(unfinished, granularities)
        timeline = Timeline.until(settings.timeline_start, now - SETTLING)
        with StepContext(settings) as work:
            due = find_due(work, timeline)
        attempts = read_attempts(context.cursor)
        asked = sum(run.tags.get(SOURCE_TAG) == SOURCE for run in unfinished)
        requests, attempts = choose(
            list(demands_of(due, busy)), attempts, RUNS_A_TICK - asked, int(now.timestamp())
        )
        return dg.SensorResult(
            run_requests=requests,
            skip_reason=None if requests else _in_words(due, busy),
            cursor=write_attempts(attempts),
        )

    return reconciler


def choose(
    demands: Sequence[Demand], attempts: Mapping[str, Attempt], most: int, now: int
) -> tuple[list[dg.RunRequest], dict[str, Attempt]]:
    """The runs to ask for now, at most ``most``, and the attempts to remember.

    What is no longer demanded is forgotten only after the longest pause: a demand also
    vanishes while its run is at work.
    """
    kept = {key: attempt for key, attempt in attempts.items() if now - attempt.at < _REMEMBERED_S}
    requests: list[dg.RunRequest] = []
    for demand in demands:
        attempt = kept.get(demand.key, Attempt())
        if len(requests) < most and attempt.may_repeat(now, FIRST_PAUSE_S, LONGEST_PAUSE_S):
            kept[demand.key] = attempt.again(now)
            requests.append(demand.request(kept[demand.key]))
    return requests, kept


def living_runs(instance: dg.DagsterInstance, settings: Settings) -> list[dg.DagsterRun]:
    """The unfinished runs; one whose process is gone is declared failed and left out."""
    records = instance.get_run_records(dg.RunsFilter(statuses=_UNFINISHED))
    unfinished = [record.dagster_run for record in records]
    run_locks.sweep(settings, {run.run_id for run in unfinished})
    living = []
    for run in unfinished:
        if run.status is dg.DagsterRunStatus.STARTED and run_locks.is_dead(settings, run.run_id):
            instance.report_run_failed(
                run, "The run's process ended without a word (killed, or out of memory)."
            )
            run_locks.forget(settings, run.run_id)
        else:
            living.append(run)
    return living


def being_made(
    runs: Collection[dg.DagsterRun], granularities: Mapping[str, Granularity | None]
) -> set[tuple[str, Window | None]]:
    """The assets and windows that unfinished runs are about."""
    busy: set[tuple[str, Window | None]] = set()
    for run in runs:
        first = run.tags.get("dagster/asset_partition_range_start") or run.tags.get(
            "dagster/partition"
        )
        last = run.tags.get("dagster/asset_partition_range_end") or first
        for key in run.asset_selection or ():
            name = key.to_user_string()
            granularity = granularities.get(name)
            if granularity is None or first is None or last is None:
                busy.add((name, None))
                continue
            span = Span(window_of(granularity, first).start, window_of(granularity, last).end)
            busy.update((name, window) for window in windows_within(span, granularity))
    return busy


def demands_of(due: DueWork, busy: Collection[tuple[str, Window | None]]) -> Iterator[Demand]:
    """The runs that bring everything up to date, in order; ``busy`` is being made already.

    A coarse window waits until nothing finer in it is due, so that it is glued once.
    """
    if due.embedder:
        if ("embedder", None) not in busy:
            yield Demand(("embedder",), ())
        return  # everything else needs it
    fetched = {*due.images, *due.embeddings}
    yield from _stretched(("images", "embeddings", "hourly_index"), fetched, busy)
    if due.quantiser:
        if not fetched and ("quantiser", None) not in busy:
            yield Demand(("quantiser",), ())
        return  # every index would be made for a quantiser about to change
    hours = set(due.hours)
    yield from _stretched(("hourly_index",), hours - fetched, busy)
    waiting = {window.parent() for window in hours}
    days = {day for day in due.days if day not in waiting}
    yield from _stretched(("daily_index",), days, busy)
    waiting = {window.parent() for window in due.days}
    months = {month for month in due.months if month not in waiting}
    yield from _stretched(("monthly_index",), months, busy)


def _stretched(
    assets: tuple[str, ...],
    windows: Collection[Window],
    busy: Collection[tuple[str, Window | None]],
) -> Iterator[Demand]:
    free = [window for window in windows if not any((asset, window) in busy for asset in assets)]
    if not free:
        return
    longest = WINDOWS_A_RUN[free[0].granularity]
    for stretch in reversed(stretches(free, longest, GAP_WINDOWS)):
        yield Demand(assets, stretch)


def _in_words(due: DueWork, busy: Collection[object]) -> str:
    if due.is_empty:
        return "Everything is up to date."
    counts = {
        "hours to fetch": len(due.images),
        "hours to embed": len(due.embeddings),
        "hours to index": len(due.hours),
        "days": len(due.days),
        "months": len(due.months),
    }
    parts = [f"{count} {name}" for name, count in counts.items() if count]
    return f"Due: {', '.join(parts) or 'the embedder'}; {len(busy)} windows are being made."
