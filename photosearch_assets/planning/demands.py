"""Runs to ask for: what is due, cut into stretches, in the order that makes each window once.

Pure rules over what the reconciler has seen. Little is asked for at a time, newest first, and
the same again only after a growing pause. Dagster remembers a run key for ever, so the number
of the attempt is part of it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import dagster as dg

from photosearch.windows import Window
from photosearch_assets.assets import WINDOWS_A_RUN
from photosearch_assets.materialize.materializer import GAP_WINDOWS, SOURCE_TAG, stretches
from photosearch_assets.planning.attempts import Attempt
from photosearch_assets.planning.plan import DueWork

SOURCE = "reconciler"
FETCH = ("images", "embeddings", "hourly_index")
FIRST_PAUSE_S = 60.0
LONGEST_PAUSE_S = 3600.0
_REMEMBERED_S = 2 * LONGEST_PAUSE_S
Busy = Collection[tuple[str, Window | None]]


@dataclass(frozen=True)
class Demand:
    """One run to ask for: assets, and an unbroken stretch of windows (or none).

    One that is ``alone`` is asked for only when no demand before it can be, and none after it
    together with it.
    """

    assets: tuple[str, ...]
    windows: Sequence[Window]
    alone: bool = False

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
        if len(requests) >= most or (demand.alone and requests):
            break
        attempt = kept.get(demand.key, Attempt())
        if attempt.may_repeat(now, FIRST_PAUSE_S, LONGEST_PAUSE_S):
            kept[demand.key] = attempt.again(now)
            requests.append(demand.request(kept[demand.key]))
            if demand.alone:
                break
    return requests, kept


def demands_of(
    due: DueWork,
    busy: Busy,
    told_late: Mapping[str, Collection[Window]] = MappingProxyType({}),
) -> Iterator[Demand]:
    """The runs that bring everything up to date, in order; ``busy`` is being made already.

    At the end those of ``told_late``, which is made and only to be recorded.

    A coarse window waits until nothing finer in it is due, so that it is glued once. A quantiser
    waits until all photos that can be are embedded, and every index waits for it; an hour that
    fails again and again, or a training that does, holds up neither.
    """
    if due.embedder:
        if ("embedder", None) not in busy:
            yield Demand(("embedder",), ())
        return  # everything else needs it
    fetched = {*due.images, *due.embeddings}
    yield from _stretched(FETCH, fetched, busy)
    if due.quantiser:
        if ("quantiser", None) in busy or _are_busy(FETCH, fetched, busy):
            return
        yield Demand(("quantiser",), (), alone=True)
    hours = {*due.hours} - fetched
    yield from _stretched(("hourly_index",), hours, busy, avoid=fetched)
    waiting = {window.parent() for window in due.hours}
    days = {day for day in due.days if day not in waiting}
    yield from _stretched(("daily_index",), days, busy, avoid=waiting)
    waiting = {window.parent() for window in due.days}
    months = {month for month in due.months if month not in waiting}
    yield from _stretched(("monthly_index",), months, busy, avoid=waiting)
    for name, windows in told_late.items():
        if windows:
            yield from _stretched((name,), windows, busy, gap=0)
        elif (name, None) not in busy:
            yield Demand((name,), ())


def _are_busy(assets: Collection[str], windows: Collection[Window], busy: Busy) -> bool:
    return any((asset, window) in busy for asset in assets for window in windows)


def _stretched(
    assets: tuple[str, ...],
    windows: Collection[Window],
    busy: Busy,
    *,
    avoid: Collection[Window | None] = (),
    gap: int = GAP_WINDOWS,
) -> Iterator[Demand]:
    free = [window for window in windows if not _are_busy(assets, [window], busy)]
    if not free:
        return
    longest = WINDOWS_A_RUN[free[0].granularity]
    left_alone = [*avoid, *(window for asset, window in busy if asset in assets)]
    unmade = [window for window in left_alone if window is not None]
    for stretch in reversed(stretches(free, longest, gap, unmade)):
        yield Demand(assets, stretch)
