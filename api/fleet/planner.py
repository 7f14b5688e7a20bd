"""Plans for queries, made once and kept until something changes.

A year of hourly windows takes milliseconds to plan and changes once an hour, so plans are
kept by everything they depend on: the fleet, what the repository calls current, the last
closed hour and the servers left out. A new one is worked out in a thread, once for all queries
that wait for it.

The planner also says which embedder's servers answer. A new embedder begins with no indexes
at all, so until its servers cover as much as its predecessor's do, the predecessor answers.
"""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from api.fleet.discovery import Discovery, Server
from api.fleet.plan import CurrentIndex, Plan, plan_query
from api.fleet.repository_watch import CurrentIndexes
from api.fleet.servers import ServerPool
from api.problems.problems import ApiProblem
from photosearch.windows import CLOCK_TOLERANCE, HOUR, Granularity, Span, Window

KEPT_PLANS = 64


class IndexStates(Protocol):
    """What tells the planner which indexes are current."""

    def current(self, fingerprint: str) -> CurrentIndexes:
        """The current indexes of an embedder, from memory."""
        ...


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Planner:
    """Plans over the windows from the timeline's start to the last closed hour."""

    discovery: Discovery
    repository: IndexStates
    pool: ServerPool
    timeline_start: datetime
    now: Callable[[], datetime] = utc_now
    _closed_until: datetime | None = None
    _plans: OrderedDict[object, Plan] = field(default_factory=OrderedDict)
    _planning: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def span(self) -> Span:
        """The time that a complete answer covers.

        Raises:
            ApiProblem: if no hour has closed since the timeline's start.
        """
        end = self.closed_until
        if end <= self.timeline_start:
            raise ApiProblem(
                503,
                "no-closed-window",
                "no hour has closed since the timeline's start, so nothing can be searched",
                found=f"timeline_start {self.timeline_start.isoformat()}, and this machine's "
                f"clock says {self.now().isoformat(timespec='seconds')}",
                remedy="wait for the next full hour, set an earlier timeline_start or the clock",
                headers={"Retry-After": "60"},
            )
        return Span(self.timeline_start, end)

    @property
    def closed_until(self) -> datetime:
        """The end of the last hour that is over."""
        now = self.now()
        known = self._closed_until
        # A clock that is set back a little uncovers no hour; one that was far ahead is forgotten.
        if known is None or abs(now - known) >= HOUR:
            known = self._closed_until = Window.holding(Granularity.HOURLY, now).start
        return known

    async def plan(self, fingerprint: str, failed: Collection[str] = ()) -> Plan:
        """The plan without the servers at the addresses in ``failed``.

        Suspect servers are left out too, unless that covers less.
        """
        if failed:
            await self.discovery.look()
        whole = await self._made(fingerprint, frozenset(failed))
        suspects = self.pool.suspects() - set(failed)
        if not suspects:
            return whole
        careful = await self._made(fingerprint, frozenset(failed) | suspects)
        return careful if careful.gap_time <= whole.gap_time else whole

    async def changed(self, timeout_s: float) -> None:
        """Return when the fleet changes, or after ``timeout_s``."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self.discovery.changed(self.discovery.fleet.generation)

    async def choose(self, fingerprints: Sequence[str], prepared: Sequence[str] = ()) -> str:
        """The embedder to answer with: the first whose servers cover the most.

        ``fingerprints`` are those that can embed a photo, the repository's current one first.
        One that is ``prepared`` is taken only when nothing else answers at all: then HEAD has
        moved to it, and the news is still on its way.
        """
        if len(fingerprints) == 1 and not prepared:
            return fingerprints[0]
        plans = {one: await self.plan(one) for one in fingerprints}
        best = min(fingerprints, key=lambda one: plans[one].gap_time)
        if not plans[best].calls:
            for one in prepared:
                if (await self.plan(one)).calls:
                    return one
        return best

    async def _made(self, fingerprint: str, without: frozenset[str]) -> Plan:
        fleet = self.discovery.fleet
        current = self.repository.current(fingerprint)
        soon = Window.holding(Granularity.HOURLY, self.now() + CLOCK_TOLERANCE).start
        over_at = max(self.closed_until, soon)
        key = (fingerprint, fleet.generation, current.reading, self.closed_until, over_at, without)
        if key not in self._plans:
            async with self._planning:
                if key not in self._plans:
                    servers = [one for one in fleet.of(fingerprint) if one.address not in without]
                    plan = await asyncio.to_thread(
                        lambda: _planned(servers, self._searched(servers), current.windows, over_at)
                    )
                    self._plans[key] = plan
                    while len(self._plans) > KEPT_PLANS:
                        self._plans.popitem(last=False)
                return self._plans[key]
        return self._plans[key]

    def _searched(self, servers: Sequence[Server]) -> Span:
        """The span; where this clock is before the timeline's start, what the servers hold."""
        held = max((w.end for one in servers for w in one.windows), default=self.timeline_start)
        if self.closed_until <= self.timeline_start < held:
            return Span(self.timeline_start, held)
        return self.span


def _planned(
    servers: Sequence[Server], span: Span, current: Mapping[Window, CurrentIndex], over_at: datetime
) -> Plan:
    """The plan, with what queries read of it: all that is long is done here."""
    plan = plan_query(servers, span, current, over_at)
    for part in (plan.windows, plan.gap_time, *(call.keys for call in plan.calls)):
        assert part is not None
    return plan
