"""The state of every closed window, short enough to draw a year.

8,760 hours in one state are one run, so the answer grows with what differs and not with
time. The state comes from the repository, ``served_by`` and ``in_cover`` from the plan that
queries use now: what this page shows is what answers.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Literal

from api.models import (
    CoverWindow,
    Gap,
    GranularityTimeline,
    ServerState,
    Timeline,
    WindowRun,
)
from api.plan import Plan
from api.planner import Planner
from api.repository_watch import CurrentIndexes, RepositoryWatch
from api.servers import ServerPool
from index_grpc.troubles import Trouble
from photosearch.windows import Granularity, Window, windows_within

State = Literal["ready", "stale", "missing"]


def timeline_of(
    planner: Planner,
    repository: RepositoryWatch,
    pool: ServerPool,
    fingerprint: str | None,
    troubles: Sequence[Trouble] = (),
) -> Timeline:
    """The timeline of ``fingerprint``'s windows, or of none."""
    span, now = planner.span, planner.now()
    name = fingerprint or ""
    plan = planner.plan(name)
    current = repository.current(name)
    fleet = planner.discovery.fleet
    answering = _answering(plan)
    holding = {window: one.name for one in fleet.of(name) for window in one.windows}
    served = holding | answering
    suspects = pool.suspects()
    return Timeline(
        fingerprint=fingerprint,
        start=span.start,
        end=span.end,
        now=now,
        complete=not plan.gaps,
        cover=[
            CoverWindow(
                granularity=planned.window.granularity,
                window=planned.key,
                start=planned.window.start,
                end=planned.window.end,
                rows=planned.rows,
                version=planned.version,
                served_by=answering[planned.window],
                stale=planned.stale,
            )
            for planned in plan.windows.values()
        ],
        gaps=[Gap(start=gap.start, end=gap.end) for gap in plan.gaps],
        timeline=[
            _granularity(
                granularity, list(windows_within(span, granularity)), current, served, answering
            )
            for granularity in reversed(Granularity)
        ],
        servers=[
            ServerState(
                name=server.name,
                address=server.address,
                fingerprint=server.fingerprint,
                windows=len(server.windows),
                rows=sum(held.rows for held in server.windows.values()),
                suspect=server.address in suspects,
            )
            for server in fleet.servers
        ],
        troubles=[*troubles],
    )


def _answering(plan: Plan) -> dict[Window, str]:
    return {planned.window: call.servers[0].name for call in plan.calls for planned in call.windows}


def _granularity(
    granularity: Granularity,
    windows: list[Window],
    current: CurrentIndexes,
    served: Mapping[Window, str],
    answering: Mapping[Window, str],
) -> GranularityTimeline:
    states = {window: _state(window, current) for window in windows}
    counted = list(states.values())
    return GranularityTimeline(
        granularity=granularity.value,
        windows=len(windows),
        ready=counted.count("ready"),
        stale=counted.count("stale"),
        missing=counted.count("missing"),
        runs=[
            _run(list(run), state, served_by, in_cover, current)
            for (state, served_by, in_cover), run in groupby(
                windows,
                lambda window: (states[window], served.get(window), window in answering),
            )
        ],
    )


def _state(window: Window, current: CurrentIndexes) -> State:
    index = current.indexes.get(window)
    if index is None:
        return "missing"
    return "stale" if index.stale else "ready"


def _run(
    windows: list[Window],
    state: State,
    served_by: str | None,
    in_cover: bool,
    current: CurrentIndexes,
) -> WindowRun:
    return WindowRun(
        start=windows[0].start,
        end=windows[-1].end,
        windows=len(windows),
        state=state,
        served_by=served_by,
        in_cover=in_cover,
        rows=None if state == "missing" else _rows(windows, current),
    )


def _rows(windows: Iterable[Window], current: CurrentIndexes) -> int:
    return sum(current.indexes[window].rows for window in windows)
