"""Which index servers there are, and what each holds.

On one machine a directory of endpoint files says so: the deployer writes a file when a server
is ready and removes it before the server ends. In a cluster the Servings' EndpointSlices will
say the same behind :class:`Discovery`. Queries read a snapshot from memory; the directory is
looked at several times a second by names, times and sizes only, and read when those change;
in a thread, because the files of thousands of windows take milliseconds to read.
"""

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Protocol

from index_grpc.serving.endpoints import Endpoint, read_endpoints
from photosearch.windows import Window

logger = logging.getLogger(__name__)

POLL_S = 0.1  # well under the shortest drain, so that a retired server is left before it ends


@dataclass(frozen=True)
class Held:
    """One window as a server holds it."""

    version: str
    rows: int


@dataclass(frozen=True, eq=False)
class Server:
    """An index server that is ready; one object for as long as its endpoint does not change."""

    name: str
    address: str
    fingerprint: str
    windows: Mapping[Window, Held]
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
class EndpointDirectory:
    """Discovery from a folder of endpoint files."""

    folder: Path
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
            seen = self._signature()
            if seen != self._seen:
                known = {server_key(server): server for server in self._fleet.servers}
                kept = tuple(
                    known.get(server_key(server), server)
                    for server in map(_server_of, read_endpoints(self.folder))
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
                logger.exception("the endpoint files in %s can't be read", self.folder)
            if self._fleet.generation != before:
                async with self._change:
                    self._change.notify_all()
            await asyncio.sleep(self.poll_s)

    async def changed(self, generation: int) -> None:
        async with self._change:
            await self._change.wait_for(lambda: self._fleet.generation > generation)

    def _signature(self) -> object:
        seen = []
        with contextlib.suppress(FileNotFoundError), os.scandir(self.folder) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):  # gone since, or leads nowhere
                    stat = entry.stat()
                    seen.append((entry.name, stat.st_mtime_ns, stat.st_ino, stat.st_size))
        return sorted(seen)


def _server_of(endpoint: Endpoint) -> Server:
    windows = {held.window: Held(held.version, held.rows) for held in endpoint.windows}
    return Server(
        endpoint.serving, endpoint.address, endpoint.fingerprint, windows, endpoint.ready_at
    )


def server_key(server: Server) -> tuple[str, str, datetime]:
    """What tells one server process from another."""
    return (server.name, server.address, server.ready_at)
