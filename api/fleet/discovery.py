"""Which index servers there are, and what each holds.

The desk says which servers answer. Queries read a snapshot from memory; whether the desk says
something else is looked at several times a second, and only then is it read: in a thread, because
thousands of windows take milliseconds to read.
"""

import asyncio
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Protocol

from index_grpc.serving.desk import Endpoint, Endpoints
from photosearch.windows import Window

logger = logging.getLogger(__name__)

POLL_S = 0.1  # well under the shortest drain, so that a retired server is left before it ends


@dataclass(frozen=True)
class ServedIndex:
    """One window as a server holds it."""

    version: str
    rows: int


@dataclass(frozen=True, eq=False)
class Server:
    """An index server that is ready; one object for as long as its endpoint does not change."""

    name: str
    address: str
    fingerprint: str
    windows: Mapping[Window, ServedIndex]
    ready_at: datetime


@dataclass(frozen=True)
class Fleet:
    """All ready servers at one instant; ``generation`` grows with every change."""

    generation: int = 0
    servers: tuple[Server, ...] = ()

    @cached_property
    def windows(self) -> Mapping[str, int]:
        """How many windows the servers of each fingerprint hold; counted once a fleet."""
        held: dict[str, set[Window]] = {}
        for server in self.servers:
            held.setdefault(server.fingerprint, set()).update(server.windows)
        return {fingerprint: len(windows) for fingerprint, windows in held.items()}

    def of(self, fingerprint: str) -> tuple[Server, ...]:
        return tuple(server for server in self.servers if server.fingerprint == fingerprint)

    @property
    def fingerprints(self) -> frozenset[str]:
        return frozenset(server.fingerprint for server in self.servers)


class Discovery(Protocol):
    """Keeps a fleet up to date."""

    @property
    def fleet(self) -> Fleet:
        """The latest snapshot, from memory."""
        ...

    async def look(self) -> Fleet:
        """The fleet as it is this instant: for a query that has just seen a server fail."""
        ...

    async def watch(self) -> None:
        """Keep the snapshot fresh until cancelled."""
        ...

    async def changed(self, generation: int) -> None:
        """Return once the fleet is newer than ``generation``."""
        ...


@dataclass
class EndpointWatch:
    """Discovery by looking again and again."""

    endpoints: Endpoints
    poll_s: float = POLL_S
    _fleet: Fleet = Fleet()
    _seen: object = None
    _change: asyncio.Condition = field(default_factory=asyncio.Condition)
    _looking: threading.Lock = field(default_factory=threading.Lock)

    @property
    def fleet(self) -> Fleet:
        return self._fleet

    async def look(self) -> Fleet:
        return await asyncio.to_thread(self._look)

    def _look(self) -> Fleet:
        with self._looking:  # queries may look beside the watch
            seen = self.endpoints.edition()
            if seen != self._seen:
                known = {server_key(server): server for server in self._fleet.servers}
                kept = tuple(
                    known.get(server_key(server), server)
                    for server in map(_server_of, self.endpoints.read())
                )
                if {*kept} != {*self._fleet.servers}:
                    fleet = Fleet(self._fleet.generation + 1, kept)
                    fleet.windows  # noqa: B018 - counted here, in the thread
                    self._fleet = fleet
                self._seen = seen
            return self._fleet

    async def watch(self) -> None:
        while True:
            before = self._fleet.generation
            try:
                await self.look()
            except Exception:  # a broken file must not end discovery: the last snapshot holds
                logger.exception("the index servers that answer can't be read")
            if self._fleet.generation != before:
                async with self._change:
                    self._change.notify_all()
            await asyncio.sleep(self.poll_s)

    async def changed(self, generation: int) -> None:
        async with self._change:
            await self._change.wait_for(lambda: self._fleet.generation > generation)


def _server_of(endpoint: Endpoint) -> Server:
    windows = {held.window: ServedIndex(held.version, held.rows) for held in endpoint.windows}
    return Server(
        endpoint.serving, endpoint.address, endpoint.fingerprint, windows, endpoint.ready_at
    )


def server_key(server: Server) -> tuple[str, str, datetime]:
    """What tells one server process from another."""
    return (server.name, server.address, server.ready_at)
