"""Index servers in memory behind the interface of the real client.

For property tests only: thousands of fleets in which servers hold any windows, fail, answer
late or leave windows out, which real processes can't be made to do in a second.
"""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from api.fleet.discovery import Fleet, ServedIndex, Server
from api.fleet.repository_watch import NOTHING, CurrentIndexes
from index_grpc.errors import WindowNotHeld
from index_grpc.server.wire_errors import ServerUnavailable
from index_grpc.wire.index_pb2 import Hit, SearchedWindow, SearchResponse
from photosearch.windows import Span, Window

FINGERPRINT = "f" * 8


@dataclass(frozen=True)
class Row:
    """A photo at a moment, with the score that every query gives it."""

    photo_id: str
    listing_id: str
    listed_at: datetime
    score: float


@dataclass
class MemoryServer:
    """Holds windows; the calls whose numbers are in ``failing`` fail (-1: all)."""

    name: str
    windows: tuple[Window, ...]
    rows: Sequence[Row]
    failing: frozenset[int] = frozenset()
    leaves_out: frozenset[Window] = frozenset()
    delay_s: float = 0.0
    version: str = "v1"
    ready_at: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    calls: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)

    @property
    def never_fails(self) -> bool:
        return not self.failing and not self.leaves_out

    def as_server(self) -> Server:
        held = {
            window: ServedIndex(self.version, len(rows_in(self.rows, window)))
            for window in self.windows
        }
        return Server(self.name, self.name, FINGERPRINT, held, self.ready_at)

    async def search(
        self,
        vector: NDArray[np.float32],
        k: int,
        *,
        fingerprint: str,
        windows: Sequence[str] = (),
        deadline_s: float,
    ) -> SearchResponse:
        self.calls.append((k, tuple(windows)))
        await asyncio.sleep(self.delay_s)
        if len(self.calls) in self.failing or -1 in self.failing:
            raise ServerUnavailable(f"{self.name} is down")
        asked = [Window.parse(window) for window in windows]
        if unknown := set(asked) - set(self.windows):
            raise WindowNotHeld("not held", found=str(unknown))
        answered = [window for window in asked if window not in self.leaves_out]
        found = [(row, window) for window in answered for row in rows_in(self.rows, window)]
        # Of rows with one score those come first that were listed first, as ScaNN finds them.
        found.sort(key=lambda one: (-one[0].score, one[0].listed_at, one[0].photo_id))
        return SearchResponse(
            hits=[
                Hit(
                    photo_id=row.photo_id,
                    listing_id=row.listing_id,
                    score=row.score,
                    window=window.key,
                    listed_at=row.listed_at.isoformat(),
                )
                for row, window in found[:k]
            ],
            searched=[
                SearchedWindow(window=window.key, version=self.version, rows=0)
                for window in answered
            ],
        )

    async def close(self) -> None: ...


class StillDiscovery:
    """A fleet that a test sets by hand."""

    def __init__(self, servers: Iterable[MemoryServer]) -> None:
        self.set(servers)

    def set(self, servers: Iterable[MemoryServer]) -> None:
        self.members = {server.name: server for server in servers}
        generation = getattr(self, "_fleet", Fleet()).generation + 1
        self._fleet = Fleet(generation, tuple(one.as_server() for one in self.members.values()))

    @property
    def fleet(self) -> Fleet:
        return self._fleet

    async def look(self) -> Fleet:
        return self._fleet

    def connect(self, address: str) -> MemoryServer:
        return self.members[address]

    async def watch(self) -> None: ...

    async def changed(self, generation: int) -> None:
        while self._fleet.generation <= generation:
            await asyncio.sleep(0.005)


@dataclass
class StillRepository:
    """What the repository calls current, set by hand."""

    indexes: CurrentIndexes = NOTHING

    def current(self, fingerprint: str) -> CurrentIndexes:
        return self.indexes


def rows_in(rows: Iterable[Row], window: Window) -> list[Row]:
    return [row for row in rows if window.start <= row.listed_at < window.end]


def best_of(rows: Iterable[Row], dead: Collection[str] = ()) -> list[tuple[str, float]]:
    """Listings by their best photo, best first: what a search of all rows must answer."""
    best: dict[str, float] = {}
    for row in rows:
        if row.listing_id not in dead:
            best[row.listing_id] = max(best.get(row.listing_id, -2.0), row.score)
    return sorted(best.items(), key=lambda one: (-one[1], one[0]))


def overlaps(window: Window, spans: Iterable[Span]) -> bool:
    return any(span.start < window.end and window.start < span.end for span in spans)
