"""Which servers are asked for which windows: a pure rule over a snapshot of the fleet.

The cover is chosen over windows, the calls go to servers. A window is *fresh* when its server
holds the version that the repository's HEAD names and nothing that it was made from has moved
on. A stale window is left out when fresh finer windows fill it, because they know more; it
answers when they do not, because old results are better than none. The answer says so.

A window that is not over by this clock counts as stale too. Either it was made by a machine whose
clock was ahead, and lacks what was listed since; or this clock is behind, and the window is right.
Nobody can tell which from here, so it is searched where nothing better is, and told.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from api.fleet.discovery import Server
from photosearch.cover import closed_gaps, cover
from photosearch.windows import Span, Window


@dataclass(frozen=True)
class CurrentIndex:
    """What the repository says of a window: its current version, and whether that is stale."""

    version: str
    stale: bool


@dataclass(frozen=True)
class PlannedWindow:
    """A window of the cover, as its servers hold it; ``key`` is written once a plan."""

    window: Window
    key: str
    version: str
    rows: int
    stale: bool


@dataclass(frozen=True)
class Call:
    """Windows that are asked for together, and the servers that can each answer all of them.

    The first server is the one to ask; the others are replicas, which hold the same versions.
    """

    windows: tuple[PlannedWindow, ...]
    servers: tuple[Server, ...]

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The windows' keys, as the wire names them."""
        return tuple(planned.key for planned in self.windows)


@dataclass(frozen=True)
class Plan:
    """Disjoint windows in time order, grouped into calls, and what none of them fills.

    ``span`` is what is searched; it goes beyond ``closed_until`` where windows do that are not
    over yet. There is no gap from ``closed_until`` on.
    """

    span: Span
    closed_until: datetime
    calls: tuple[Call, ...] = ()
    gaps: tuple[Span, ...] = ()

    @cached_property
    def windows(self) -> dict[str, PlannedWindow]:
        """The cover by its windows' keys, in time order."""
        planned = [one for call in self.calls for one in call.windows]
        return {one.key: one for one in sorted(planned, key=lambda one: one.window)}

    @cached_property
    def gap_time(self) -> timedelta:
        """How much of the span is not covered."""
        return sum((gap.end - gap.start for gap in self.gaps), timedelta())


def plan_query(
    servers: Collection[Server],
    span: Span,
    current: Mapping[Window, CurrentIndex],
    over_at: datetime | None = None,
) -> Plan:
    """Choose windows and servers for a query over ``span``, the time that is over.

    ``servers`` are of one fingerprint. ``current`` is what the repository knows; a window
    that it does not name counts as fresh. What ends after ``over_at`` is not over yet; by
    default the end of ``span``, which may be a little less, for clocks are never quite alike.
    """
    holders: dict[Window, list[Server]] = {}
    for server in servers:
        for window in server.windows:
            holders.setdefault(window, []).append(server)
    over_at = over_at or span.end
    fresh = {
        window: _fresh(window, holding, current) if window.is_closed(over_at) else []
        for window, holding in holders.items()
    }
    usable = [
        window
        for window, holding in fresh.items()
        if holding or not _is_filled(window, fresh, over_at)
    ]
    reach = Span(span.start, max([span.end, *(window.end for window in usable)]))
    chosen = cover(usable, reach)
    best = {window: fresh[window] or _newest(window, holders[window]) for window in chosen.windows}
    gaps = closed_gaps(chosen.gaps, span.end)
    return Plan(reach, span.end, _calls(best, fresh), gaps)


def _fresh(
    window: Window, holding: Collection[Server], current: Mapping[Window, CurrentIndex]
) -> list[Server]:
    known = current.get(window)
    if known is None:
        return _newest(window, holding)
    if known.stale:
        return []
    return [server for server in holding if server.windows[window].version == known.version]


def _newest(window: Window, holding: Collection[Server]) -> list[Server]:
    """The holders of the version that became ready last."""
    newest = max(holding, key=lambda server: server.ready_at).windows[window].version
    return [server for server in holding if server.windows[window].version == newest]


def _is_filled(
    window: Window, fresh: Mapping[Window, Collection[Server]], over_at: datetime
) -> bool:
    """Whether fresh finer windows fill what is over of ``window`` without a gap."""
    children = [child for child in window.children() if child.start < over_at]
    return bool(children) and all(
        fresh.get(child) or _is_filled(child, fresh, over_at) for child in children
    )


def _calls(
    best: Mapping[Window, Collection[Server]], fresh: Mapping[Window, Collection[Server]]
) -> tuple[Call, ...]:
    """Share the windows out to few servers: the one that can answer most of what is left first."""
    left = dict(best)
    calls = []
    while left:
        able: dict[Server, list[Window]] = {}
        for window, holding in left.items():
            for server in holding:
                able.setdefault(server, []).append(window)
        first = max(able, key=lambda server: (len(able[server]), server.ready_at, server.address))
        windows = able[first]
        replicas = [
            server
            for server in able
            if server is not first and all(server in left[window] for window in windows)
        ]
        planned = tuple(
            PlannedWindow(
                window,
                window.key,
                first.windows[window].version,
                first.windows[window].rows,
                not fresh[window],
            )
            for window in sorted(windows)
        )
        calls.append(Call(planned, (first, *sorted(replicas, key=lambda one: one.address))))
        for window in windows:
            del left[window]
    return tuple(calls)
