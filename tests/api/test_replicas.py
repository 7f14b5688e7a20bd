"""Calls to replicas: who is asked, when a second is asked, and who is avoided."""

import asyncio
import time

import numpy as np
import pytest

from api.fleet.discovery import Server
from api.fleet.servers import HEDGE_FROM, NoReply, Question, Reply, ServerPool
from index_grpc.errors import InvalidQuery
from index_grpc.server.wire_errors import DeadlinePassed
from photosearch.windows import Window
from tests.api.memory import FINGERPRINT, MemoryServer, StillDiscovery

HOUR = Window.parse("hourly/2026-11-02T01")
QUESTION = Question(np.full(4, 0.5, np.float32), FINGERPRINT)


def replicas(*servers: MemoryServer) -> tuple[ServerPool, list[Server]]:
    discovery = StillDiscovery(servers)
    return ServerPool(discovery.connect), list(discovery.fleet.servers)


async def ask(pool: ServerPool, servers: list[Server], deadline_s: float = 5) -> Reply:
    return await pool.ask(servers, QUESTION, 10, [HOUR.key], deadline_s)


def test_a_slow_replica_is_hedged_by_another_once_its_usual_time_is_known() -> None:
    steady, other = MemoryServer("steady", (HOUR,), []), MemoryServer("other", (HOUR,), [])
    pool, servers = replicas(steady, other)

    async def run() -> tuple[Reply, float]:
        for _ in range(HEDGE_FROM):
            await ask(pool, servers[:1])
        steady.delay_s = 3
        start = time.monotonic()
        reply = await ask(pool, servers)
        return reply, time.monotonic() - start

    reply, took_s = asyncio.run(run())

    assert reply.server.name == "other"
    assert reply.failures == ()
    assert took_s < steady.delay_s
    assert len(other.calls) == 1


def test_a_replica_that_hangs_before_its_usual_time_is_known_leaves_half_for_another() -> None:
    hangs, other = MemoryServer("hangs", (HOUR,), []), MemoryServer("other", (HOUR,), [])
    hangs.delay_s = 3
    pool, servers = replicas(hangs, other)

    start = time.monotonic()
    reply = asyncio.run(ask(pool, servers, deadline_s=1))
    took_s = time.monotonic() - start

    assert len(hangs.calls) == 1
    assert reply.server.name == "other"
    assert 0.5 <= took_s < 1


def test_a_quick_replica_is_not_hedged() -> None:
    first, second = MemoryServer("first", (HOUR,), []), MemoryServer("second", (HOUR,), [])
    pool, servers = replicas(first, second)

    async def run() -> None:
        for _ in range(50):
            await ask(pool, servers)

    asyncio.run(run())

    assert len(first.calls) + len(second.calls) <= 55  # a late one in twenty may be hedged


def test_a_failed_replica_is_stood_in_for_and_then_avoided() -> None:
    down = MemoryServer("down", (HOUR,), [], frozenset({-1}))
    up = MemoryServer("up", (HOUR,), [])
    pool, servers = replicas(down, up)

    async def run() -> list[Reply]:
        return [await ask(pool, servers) for _ in range(5)]

    replies = asyncio.run(run())

    assert {reply.server.name for reply in replies} == {"up"}
    assert [server.name for server, _ in replies[0].failures] == ["down"]
    assert len(down.calls) == 1
    assert pool.suspects() == {"down"}


def test_calls_under_way_are_shared_out() -> None:
    servers = [MemoryServer(f"server-{one}", (HOUR,), [], delay_s=0.05) for one in range(4)]
    pool, known = replicas(*servers)

    async def run() -> None:
        await asyncio.gather(*(ask(pool, known) for _ in range(20)))

    asyncio.run(run())

    assert [len(server.calls) for server in servers] == [5, 5, 5, 5]


def test_when_all_replicas_fail_each_is_named() -> None:
    pool, servers = replicas(
        MemoryServer("one", (HOUR,), [], frozenset({-1})),
        MemoryServer("two", (HOUR,), [], frozenset({-1})),
    )

    with pytest.raises(NoReply) as failure:
        asyncio.run(ask(pool, servers))

    assert {server.name for server, _ in failure.value.failures} == {"one", "two"}


def test_a_refused_question_is_not_asked_again() -> None:
    class Refusing(MemoryServer):
        async def search(self, *_: object, **__: object) -> None:  # type: ignore[override]
            self.calls.append((0, ()))
            raise InvalidQuery("the vector has the wrong length", found="4", limit="8")

    one, two = Refusing("one", (HOUR,), []), Refusing("two", (HOUR,), [])
    pool, servers = replicas(one, two)

    with pytest.raises(InvalidQuery):
        asyncio.run(ask(pool, servers))

    assert len(one.calls) + len(two.calls) == 1
    assert pool.suspects() == frozenset()


def test_a_server_that_hangs_and_has_no_stand_in_keeps_only_the_first_query_waiting() -> None:
    class Hanging(MemoryServer):
        async def search(self, *_: object, deadline_s: float, **__: object) -> None:  # type: ignore[override]
            self.calls.append((0, ()))
            await asyncio.sleep(deadline_s)
            raise DeadlinePassed("it hangs")

    pool, servers = replicas(Hanging("hangs", (HOUR,), []))

    async def wait_for_it() -> float:
        start = time.monotonic()
        with pytest.raises(NoReply):
            await ask(pool, servers, deadline_s=1.5)
        return time.monotonic() - start

    async def run() -> list[float]:
        return [await wait_for_it() for _ in range(2)]

    first_s, second_s = asyncio.run(run())

    assert first_s >= 1.5
    assert second_s < 1.4


def test_a_suspect_is_forgiven_when_it_answers() -> None:
    flaky = MemoryServer("flaky", (HOUR,), [], frozenset({1}))
    pool, servers = replicas(flaky)

    async def run() -> Reply:
        with pytest.raises(NoReply):
            await ask(pool, servers)
        assert pool.suspects() == {"flaky"}
        return await ask(pool, servers)

    reply = asyncio.run(run())

    assert reply.server.name == "flaky"
    assert pool.suspects() == frozenset()
