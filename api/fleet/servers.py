"""Calls to index servers: open channels, replicas, hedging, and who failed lately.

A call goes to the replica with the fewest calls under way. When replicas exist and the first
has not answered by the time that 95 of its 100 last calls took, or when half of the call's own
time is over, a second is asked and the first answer counts. A server that failed is suspect for
a while: plans prefer the others when they cover as much, and where nobody else holds its windows
it is given little time, so that a hung pod costs one query its time and not every query.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from api.fleet.discovery import Server
from api.problems.public import public_failure
from index_grpc.errors import IndexGrpcError, InvalidQuery
from index_grpc.server.client import IndexClient
from index_grpc.wire.index_pb2 import SearchResponse
from photosearch.backoff import Backoff

logger = logging.getLogger(__name__)

SUSPECT_S = (1.0, 30.0)  # first and longest time that a failed server is avoided
SUSPECT_PATIENCE_S = 0.5  # a hundred times what a healthy server takes
HEDGE_FROM = 20  # calls before their 95th percentile means something
HEDGE_LEAST_S = 0.005
CLOSE_PAUSE_S = 10.0


class SearchClient(Protocol):
    """What the API needs of a client of one index server."""

    async def search(
        self,
        vector: NDArray[np.float32],
        k: int,
        *,
        fingerprint: str,
        windows: Sequence[str] = (),
        deadline_s: float,
    ) -> SearchResponse: ...

    async def close(self) -> None: ...


@dataclass(frozen=True)
class Question:
    """A vector (float32 [d], unit length) of one embedder."""

    vector: NDArray[np.float32]
    fingerprint: str


@dataclass(frozen=True)
class Reply:
    """What one server answered, and the replicas that failed before it did."""

    server: Server
    response: SearchResponse
    failures: tuple[tuple[Server, str], ...] = ()


class NoReply(Exception):
    """Every server that could have answered a call failed."""

    def __init__(self, failures: Sequence[tuple[Server, str]]) -> None:
        super().__init__(failures)
        self.failures = tuple(failures)


@dataclass
class _State:
    client: SearchClient
    under_way: int = 0
    trust: Backoff = field(default_factory=lambda: Backoff(*SUSPECT_S))
    latencies_s: deque[float] = field(default_factory=lambda: deque(maxlen=100))

    def begin(self, task: asyncio.Task[SearchResponse]) -> None:
        """Count a call until its task is done, even if it is cancelled before it began."""
        self.under_way += 1
        task.add_done_callback(self._end)

    def _end(self, _: asyncio.Task[SearchResponse]) -> None:
        self.under_way -= 1

    def hedge_after_s(self, left_s: float) -> float:
        """When to ask another; with half of ``left_s`` to answer in, it is not asked in vain."""
        if len(self.latencies_s) < HEDGE_FROM:
            return left_s / 2
        ranked = sorted(self.latencies_s)
        return min(max(HEDGE_LEAST_S, ranked[int(len(ranked) * 0.95)]), left_s / 2)


class ServerPool:
    """The channels to all index servers, by address."""

    def __init__(self, connect: Callable[[str], SearchClient] = IndexClient) -> None:
        self._connect = connect
        self._states: dict[str, _State] = {}

    def suspects(self) -> frozenset[str]:
        """Addresses of servers that failed a moment ago."""
        now = time.monotonic()
        return frozenset(
            address for address, state in self._states.items() if not state.trust.is_due(now)
        )

    async def ask(
        self,
        servers: Sequence[Server],
        question: Question,
        k: int,
        windows: Sequence[str],
        deadline_s: float,
    ) -> Reply:
        """Ask one of ``servers``, which hold the same, for the ``k`` nearest in ``windows``.

        Raises:
            InvalidQuery: the question itself was refused; no other server would take it.
            NoReply: if all of ``servers`` failed within ``deadline_s``.
        """
        ranked = sorted(servers, key=self._eagerness)
        if len(ranked) == 1:
            state = self._state(ranked[0].address)
            state.under_way += 1
            try:
                response = await self._call(ranked[0], question, k, windows, deadline_s)
            except InvalidQuery:
                raise
            except IndexGrpcError as error:
                raise NoReply([(ranked[0], public_failure(error))]) from error
            finally:
                state.under_way -= 1
            return Reply(ranked[0], response)
        return await self._ask_replicas(ranked, question, k, windows, deadline_s)

    async def _ask_replicas(
        self,
        ranked: Sequence[Server],
        question: Question,
        k: int,
        windows: Sequence[str],
        deadline_s: float,
    ) -> Reply:
        waiting = list(ranked)
        ends = time.monotonic() + deadline_s
        calls: dict[asyncio.Task[SearchResponse], Server] = {}
        failures: list[tuple[Server, str]] = []
        try:
            while waiting or calls:
                hedge_s: float | None = None
                if waiting and len(calls) < 2:
                    server = waiting.pop(0)
                    left_s = ends - time.monotonic()
                    task = asyncio.create_task(self._call(server, question, k, windows, left_s))
                    # Counted from now, not from the task's first step: of queries that come
                    # together each must see the others' choice.
                    self._state(server.address).begin(task)
                    calls[task] = server
                    if waiting and len(calls) < 2:
                        hedge_s = self._state(server.address).hedge_after_s(left_s)
                done, _ = await asyncio.wait(
                    calls, timeout=hedge_s, return_when=asyncio.FIRST_COMPLETED
                )
                for task in done:
                    server = calls.pop(task)
                    error = task.exception()
                    if error is None:
                        return Reply(server, task.result(), tuple(failures))
                    if isinstance(error, InvalidQuery) or not isinstance(error, IndexGrpcError):
                        raise error
                    failures.append((server, public_failure(error)))
            raise NoReply(failures)
        finally:
            for task in calls:
                task.cancel()

    async def _call(
        self,
        server: Server,
        question: Question,
        k: int,
        windows: Sequence[str],
        deadline_s: float,
    ) -> SearchResponse:
        state = self._state(server.address)
        start = time.monotonic()
        if not state.trust.is_due(start):
            deadline_s = min(deadline_s, SUSPECT_PATIENCE_S)
        try:
            response = await state.client.search(
                question.vector,
                k,
                fingerprint=question.fingerprint,
                windows=windows,
                deadline_s=max(deadline_s, 0.001),
            )
        except InvalidQuery:
            raise
        except IndexGrpcError as error:
            if not state.trust.failures:
                logger.warning("index server %s at %s: %s", server.name, server.address, error)
            state.trust.failed(time.monotonic())
            raise
        state.trust.succeeded()
        state.latencies_s.append(time.monotonic() - start)
        return response

    async def keep_to(self, servers: Callable[[], Iterable[Server]]) -> None:
        """Close the channels that nobody needs any more, until cancelled."""
        while True:
            await asyncio.sleep(CLOSE_PAUSE_S)
            await self.forget_others(servers())

    async def forget_others(self, servers: Iterable[Server]) -> None:
        """Close the channels of servers that are gone and idle."""
        known = {server.address for server in servers}
        gone = [
            address
            for address, state in self._states.items()
            if address not in known and not state.under_way
        ]
        for address in gone:
            await self._states.pop(address).client.close()

    async def close(self) -> None:
        """Close every channel."""
        states, self._states = self._states, {}
        for state in states.values():
            await state.client.close()

    def _state(self, address: str) -> _State:
        state = self._states.get(address)
        if state is None:
            state = self._states[address] = _State(self._connect(address))
        return state

    def _eagerness(self, server: Server) -> tuple[bool, int]:
        state = self._state(server.address)
        return (not state.trust.is_due(time.monotonic()), state.under_way)
