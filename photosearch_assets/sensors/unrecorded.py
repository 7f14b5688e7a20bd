"""What is made, and Dagster was never told of.

A step's windows are recorded as its run ends. So a run that was killed has made windows that
Dagit shows as missing, and that conditions wait for, and as they are made nothing is due for
them. Asked for again, their steps find them made and have them recorded.
"""

from collections.abc import Collection, Iterator

import dagster as dg

from photosearch.repository.addresses import Address, Kind
from photosearch.windows import Granularity, Window
from photosearch_assets.planning.plan import ClosedWindows, DueWork
from photosearch_assets.steps.context import StepContext

Unrecorded = dict[str, Collection[Window]]


def unrecorded(
    context: StepContext, instance: dg.DagsterInstance, timeline: ClosedWindows, due: DueWork
) -> Unrecorded:
    """By asset: windows of ``timeline`` that are made and up to date, but not recorded.

    None for an asset that has no windows.
    """
    if due.embedder:
        return {}
    found: Unrecorded = {}
    for name, made in _made(context, timeline, due):
        told = instance.get_materialized_partitions(dg.AssetKey(name))
        if windows := [window for window in made if window.start_text not in told]:
            found[name] = windows
    quantiser = context.repository.head(Address.quantisers(context.fingerprint))
    for name, is_made in (("embedder", True), ("quantiser", quantiser is not None)):
        if is_made and instance.get_latest_materialization_event(dg.AssetKey(name)) is None:
            found[name] = ()
    return found


def _made(
    context: StepContext, timeline: ClosedWindows, due: DueWork
) -> Iterator[tuple[str, list[Window]]]:
    embeddings = context.shelf(Kind.EMBEDDINGS).heads
    indexes = context.shelf(Kind.INDEX).heads
    yield "images", _without(timeline.hours, due.images, timeline.hours)
    yield "embeddings", _without(timeline.hours, due.embeddings, embeddings)
    for granularity, windows, missing in (
        (Granularity.HOURLY, timeline.hours, due.hours),
        (Granularity.DAILY, timeline.days, due.days),
        (Granularity.MONTHLY, timeline.months, due.months),
    ):
        yield f"{granularity.value}_index", _without(windows, missing, indexes)


def _without(
    windows: Collection[Window], due: Collection[Window], made: Collection[Window]
) -> list[Window]:
    left = {*made} - {*due}
    return [window for window in windows if window in left]
