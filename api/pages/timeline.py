"""The state of every closed window, short enough to draw a year.

8,760 hours in one state are one run, so the answer grows with what differs and not with
time; so does the work: only windows that the repository or a server knows are looked at, and
what lies between them is counted, not walked. The state comes from the repository,
``served_by`` and ``in_cover`` from the plan that queries use now: what this page shows is
what answers.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Literal, NamedTuple

from api.fleet.discovery import Fleet
from api.fleet.plan import Plan
from api.fleet.repository_watch import CurrentIndexes
from photosearch.rest.timeline import (
    CoverWindow,
    Gap,
    GranularityTimeline,
    ServerState,
    Timeline,
    Trouble,
    WindowRun,
)
from photosearch.windows import DAY, HOUR, Granularity, Window

WindowState = Literal["ready", "stale", "missing"]


@dataclass(frozen=True)
class Facts:
    """Everything that a timeline is made of, at one instant."""

    fingerprint: str | None
    plan: Plan
    current: CurrentIndexes
    fleet: Fleet
    suspects: frozenset[str]
    troubles: Sequence[Trouble] = field(default=())


class _Stretch(NamedTuple):
    """One window that is known, or the windows between two that are."""

    start: datetime
    end: datetime
    windows: int
    state: WindowState
    served_by: str | None
    in_cover: bool
    rows: int


def timeline_of(facts: Facts, now: datetime) -> Timeline:
    """The timeline of one embedder's windows, or of none."""
    plan = facts.plan
    answering = {one.window: call.servers[0].name for call in plan.calls for one in call.windows}
    servers = facts.fleet.of(facts.fingerprint or "")
    served = {window: one.name for one in servers for window in one.windows} | answering
    known: dict[Granularity, list[Window]] = {one: [] for one in Granularity}
    for window in {**facts.current.indexes, **served}:
        if plan.span.start <= window.start and window.end <= plan.closed_until:
            known[window.granularity].append(window)
    return Timeline(
        fingerprint=facts.fingerprint,
        start=plan.span.start,
        end=plan.closed_until,
        now=now,
        newest=max((window.end for window in answering), default=None),
        complete=not plan.gaps,
        cover=[
            CoverWindow(
                granularity=one.window.granularity,
                window=one.key,
                start=one.window.start,
                end=one.window.end,
                rows=one.rows,
                version=one.version,
                served_by=answering[one.window],
                stale=one.stale,
            )
            for one in plan.windows.values()
        ],
        gaps=[Gap(start=gap.start, end=gap.end) for gap in plan.gaps],
        timeline=[
            _granularity(one, [*_stretches(one, known[one], facts, served, answering)])
            for one in reversed(Granularity)
        ],
        servers=[
            ServerState(
                name=server.name,
                fingerprint=server.fingerprint,
                windows=len(server.windows),
                rows=sum(held.rows for held in server.windows.values()),
                suspect=server.address in facts.suspects,
            )
            for server in facts.fleet.servers
        ],
        troubles=[*facts.troubles],
    )


def _stretches(
    granularity: Granularity,
    known: Sequence[Window],
    facts: Facts,
    served: Mapping[Window, str],
    answering: Mapping[Window, str],
) -> Iterator[_Stretch]:
    """The span's windows of one granularity, in time order, those that nobody knows together."""
    reached = facts.plan.span.start
    for window in sorted(known, key=lambda one: one.start):
        if window.start > reached:
            yield _missing(granularity, reached, window.start)
        index = facts.current.indexes.get(window)
        state: WindowState = "missing" if index is None else "stale" if index.stale else "ready"
        yield _Stretch(
            window.start,
            window.end,
            1,
            state,
            served.get(window),
            window in answering,
            0 if index is None else index.rows,
        )
        reached = window.end
    end = Window.holding(granularity, facts.plan.closed_until).start
    if end > reached:
        yield _missing(granularity, reached, end)


def _missing(granularity: Granularity, start: datetime, end: datetime) -> _Stretch:
    return _Stretch(start, end, _count(granularity, start, end), "missing", None, False, 0)


def _count(granularity: Granularity, start: datetime, end: datetime) -> int:
    """Windows between two of their boundaries."""
    if granularity is Granularity.MONTHLY:
        return (end.year - start.year) * 12 + end.month - start.month
    return (end - start) // (HOUR if granularity is Granularity.HOURLY else DAY)


def _granularity(granularity: Granularity, stretches: Sequence[_Stretch]) -> GranularityTimeline:
    counted = {"ready": 0, "stale": 0, "missing": 0}
    runs = []
    for (state, served_by, in_cover), same in groupby(stretches, key=lambda one: one[3:6]):
        run = [*same]
        windows = sum(one.windows for one in run)
        counted[state] += windows
        runs.append(
            WindowRun(
                start=run[0].start,
                end=run[-1].end,
                windows=windows,
                state=state,
                served_by=served_by,
                in_cover=in_cover,
                rows=None if state == "missing" else sum(one.rows for one in run),
            )
        )
    total = sum(counted.values())
    return GranularityTimeline(granularity=granularity.value, windows=total, **counted, runs=runs)
