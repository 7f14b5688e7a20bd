"""The sensor that compares what is with what should be, and asks for the difference.

It looks at the stores and never at events, so it does not matter why a window is out of date:
listings came late, a quantiser was trained, a run failed or was killed, an update was lost. It
is the backbone; the automation conditions are only quicker.

It never asks for windows that a run is making, and for a few runs a tick; demands.py says which.
"""

import time
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta

import dagster as dg

from photosearch.catalogue.hour_digests import HourDigests
from photosearch.settings.settings import Settings, load_settings
from photosearch.windows import Granularity, Span, Window, windows_within
from photosearch_assets.instance.runs_at_work import RunsAtWork, open_runs_at_work
from photosearch_assets.partitions import window_of
from photosearch_assets.planning import run_tags
from photosearch_assets.planning.attempts import read_attempts, write_attempts
from photosearch_assets.planning.demands import SOURCE, choose, demands_of
from photosearch_assets.planning.plan import ClosedWindows, DueWork, find_due
from photosearch_assets.sensors.unrecorded import unrecorded
from photosearch_assets.steps.context import StepContext
from photosearch_assets.steps.registry import NAMES

TICK_S = 60
RUNS_A_TICK = 4
BACKFILL_STARTS_S = 60.0
_LOOKED_AT = 20  # the newest backfills
BEGINS_WITHIN_S = 180.0
"""From a run's start to its first step; as long as dagster.yaml gives a process to start."""

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
_STARTED = dg.DagsterRunStatus.STARTED
_UNFINISHED = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    _STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def reconciler_of(
    granularities: Mapping[str, Granularity | None], status: dg.DefaultSensorStatus
) -> dg.SensorDefinition:
    """The sensor; ``granularities`` are those of all assets, by name."""
    hour_digests = HourDigests()

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
        timeline = ClosedWindows.until(settings.timeline_start, now - SETTLING)
        with StepContext(settings, hour_digests=hour_digests) as work:
            due = find_due(work, timeline)
            work.repository.write_summaries()
            told_late = unrecorded(work, context.instance, timeline, due)
        busy |= about_to_be_made(context.instance, due, now)
        attempts = read_attempts(context.cursor)
        asked = sum(run.tags.get(run_tags.SOURCE) == SOURCE for run in unfinished)
        requests, attempts = choose(
            list(demands_of(due, busy, told_late)),
            attempts,
            RUNS_A_TICK - asked,
            int(now.timestamp()),
        )
        return dg.SensorResult(
            run_requests=requests,
            skip_reason=None if requests else _in_words(due, busy),
            cursor=write_attempts(attempts),
        )

    return reconciler


def living_runs(instance: dg.DagsterInstance, settings: Settings) -> list[dg.DagsterRun]:
    """The unfinished runs; one whose process is gone is declared failed and left out."""
    # Where a launcher can tell itself whether a run's process lives, Dagster asks it.
    ours = not instance.run_launcher.supports_check_run_worker_health
    at_work = open_runs_at_work(settings)
    living = []
    for record in instance.get_run_records(dg.RunsFilter(statuses=_UNFINISHED)):
        run = record.dagster_run
        if run.status is not _STARTED or not (
            at_work.is_dead(run.run_id) or (ours and _never_began(record, at_work))
        ):
            living.append(run)
            continue
        # Read again: until its process ended, it may have said how the run ended.
        ended = instance.get_run_by_id(run.run_id)
        if ended is not None and ended.status is _STARTED:
            instance.report_run_failed(
                ended, "The run's process ended without a word (killed, or out of memory)."
            )
        at_work.forget(run.run_id)
    return living


def _never_began(record: dg.RunRecord, at_work: RunsAtWork) -> bool:
    """Whether its process was killed as it started, before the first step showed itself."""
    names = {key.to_user_string() for key in record.dagster_run.asset_selection or ()}
    return (
        bool(names)
        and names <= {*NAMES}  # others may never show themselves
        and not at_work.has_begun(record.dagster_run.run_id)
        and record.start_time is not None
        and time.time() - record.start_time > BEGINS_WITHIN_S
    )


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


def about_to_be_made(
    instance: dg.DagsterInstance, due: DueWork, now: datetime
) -> set[tuple[str, Window | None]]:
    """What a backfill of the automation is about: for some seconds it has no runs yet."""
    names = {
        key.to_user_string()
        for backfill in instance.get_backfills(limit=_LOOKED_AT)
        if backfill.status.value == "REQUESTED"
        and now.timestamp() - backfill.backfill_timestamp < BACKFILL_STARTS_S
        for key in backfill.asset_selection or ()
    }
    windows = {*due.images, *due.embeddings, *due.hours, *due.days, *due.months}
    return {(name, window) for name in names for window in windows}


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
