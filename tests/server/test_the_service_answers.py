"""Search and Describe over a real gRPC connection."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from controller.local.server_process import ServerProcess
from index_grpc.errors import InvalidQuery, WindowNotHeld
from index_grpc.server.announcement import announce
from index_grpc.server.client import (
    IndexClient,
    describe_once,
    is_serving_once,
    search_once,
    search_request,
)
from index_grpc.server.server import SEARCH_THREADS, WARM_UP_QUERIES, IndexServer
from index_grpc.server.service import LoadedPack
from index_grpc.server.wire_errors import (
    DeadlinePassed,
    ForeignFingerprint,
    IndexServiceError,
    ServerUnavailable,
)
from index_grpc.wire.index_pb2_grpc import IndexServiceStub
from photosearch.address import AddressError
from photosearch.processes.child import Child
from photosearch.processes.log_writer import LogWriter
from photosearch.settings.settings import Settings

Serve = Callable[[], Any]
FINGERPRINT = "f" * 16


def test_the_nearest_rows_come_best_first(serve: Serve) -> None:
    served = serve()
    vector = served.pack.vectors[27]

    answer = search_once(served.address, vector, 5, fingerprint=FINGERPRINT)

    assert answer.hits[0].photo_id == "photo-27"
    assert answer.hits[0].listing_id == "listing-27"
    assert answer.hits[0].window == "hourly/2026-11-22T01"
    assert answer.hits[0].listed_at == "2026-11-22T01:01:00+00:00"
    assert answer.hits[0].score == pytest.approx(1.0, abs=1e-5)
    scores = [hit.score for hit in answer.hits]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == 5


def test_an_answer_names_the_windows_and_versions_it_covers(serve: Serve) -> None:
    served = serve()
    asked = ["hourly/2026-11-22T00", "hourly/2026-11-22T02"]

    answer = search_once(
        served.address, served.pack.vectors[27], 50, fingerprint=FINGERPRINT, windows=asked
    )

    assert [(w.window, w.version, w.rows) for w in answer.searched] == [
        ("hourly/2026-11-22T00", "version0", 20),
        ("hourly/2026-11-22T02", "version2", 20),
    ]
    assert {hit.window for hit in answer.hits} == set(asked)


def test_no_windows_means_all_that_are_held(serve: Serve) -> None:
    answer = search_once(serve().address, np.ones(8, dtype=np.float32), 1, fingerprint=FINGERPRINT)

    assert len(answer.searched) == 3


def test_a_foreign_fingerprint_is_refused(serve: Serve) -> None:
    with pytest.raises(ForeignFingerprint) as refused:
        search_once(serve().address, np.ones(8, dtype=np.float32), 1, fingerprint="another")

    assert refused.value.found == "another"
    assert refused.value.limit == FINGERPRINT


@pytest.mark.parametrize("k", [0, 51, 10**9, 10**12, -1])
def test_a_k_out_of_bounds_is_refused(serve: Serve, k: int) -> None:
    with pytest.raises(InvalidQuery, match="1 to 50"):
        search_once(serve().address, np.ones(8, dtype=np.float32), k, fingerprint=FINGERPRINT)


@pytest.mark.parametrize("length", [0, 7, 9, 4096])
def test_a_vector_of_the_wrong_length_is_refused(serve: Serve, length: int) -> None:
    vector = np.ones(length, dtype=np.float32)

    with pytest.raises(InvalidQuery, match=f"{length} values, the limit is 8"):
        search_once(serve().address, vector, 1, fingerprint=FINGERPRINT)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_vector_that_is_not_finite_is_refused(serve: Serve, value: float) -> None:
    vector = np.ones(8, dtype=np.float32)
    vector[3] = value

    with pytest.raises(InvalidQuery, match="1 values that are NaN or infinite"):
        search_once(serve().address, vector, 1, fingerprint=FINGERPRINT)


@pytest.mark.parametrize("window", ["hourly/2026-11-22T03", "daily/2026-11-22", "nonsense", ""])
def test_a_window_that_is_not_held_is_refused(serve: Serve, window: str) -> None:
    with pytest.raises(WindowNotHeld) as refused:
        search_once(
            serve().address,
            np.ones(8, dtype=np.float32),
            1,
            fingerprint=FINGERPRINT,
            windows=["hourly/2026-11-22T00", window],
        )

    assert refused.value.found == repr(window)
    assert refused.value.remedy


def test_a_server_says_what_it_holds(serve: Serve) -> None:
    served = serve()

    description = describe_once(served.address)

    assert description.serving == served.serving.name
    assert description.fingerprint == FINGERPRINT
    assert description.quantiser == ""
    assert (description.rows, description.dimension, description.size_bytes) == (60, 8, 4_000)
    assert description.max_k == 50
    assert [w.window for w in description.windows] == [w.window.key for w in served.serving.windows]
    assert description.windows[0].run_id == "run-1"


def test_health_is_served_by_the_standard_protocol(serve: Serve) -> None:
    with grpc.insecure_channel(serve().address) as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())

    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_open_streams_of_reflection_take_no_thread_from_searches(serve: Serve) -> None:
    served = serve()
    ended = threading.Event()

    def unending() -> Iterator[reflection_pb2.ServerReflectionRequest]:
        yield reflection_pb2.ServerReflectionRequest(list_services="")
        ended.wait(60)

    with grpc.insecure_channel(served.address) as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        streams = [stub.ServerReflectionInfo(unending()) for _ in range(SEARCH_THREADS + 2)]
        next(streams[0])
        try:
            answer = search_once(
                served.address, served.pack.vectors[3], 1, fingerprint=FINGERPRINT, deadline_s=10
            )
        finally:
            ended.set()
            for stream in streams:
                stream.cancel()

    assert answer.hits[0].photo_id == "photo-3"


def test_reflection_lists_the_service(serve: Serve) -> None:
    with grpc.insecure_channel(serve().address) as channel:
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        (answer,) = stub.ServerReflectionInfo(iter([request]))

    names = [service.name for service in answer.list_services_response.service]
    assert "photosearch.index.v1.IndexService" in names


def test_before_its_pack_is_loaded_a_server_is_unavailable() -> None:
    server = IndexServer(max_k=50)
    server.start()
    try:
        assert not is_serving_once(server.address)
        with pytest.raises(ServerUnavailable, match="still loading"):
            describe_once(server.address)
    finally:
        server.drain(linger_s=0, grace_s=0)


def test_a_server_refuses_a_port_that_is_taken() -> None:
    first = IndexServer(max_k=50)
    first.start()
    try:
        with pytest.raises(AddressError, match="can't listen on"):
            IndexServer(max_k=50, port=first.port)
    finally:
        first.drain(linger_s=0, grace_s=0)


def test_an_answer_that_comes_too_late_is_a_deadline_error(serve: Serve) -> None:
    served = serve()
    served.pack.leave.clear()
    try:
        with pytest.raises(DeadlinePassed):
            search_once(
                served.address,
                np.ones(8, dtype=np.float32),
                1,
                fingerprint=FINGERPRINT,
                deadline_s=0.2,
            )
    finally:
        served.pack.leave.set()


def test_a_call_whose_caller_has_gone_is_dropped_without_a_search(serve: Serve) -> None:
    served = serve()
    served.pack.leave.clear()
    request = search_request(np.ones(8, dtype=np.float32), 1, fingerprint=FINGERPRINT)
    with grpc.insecure_channel(served.address) as channel:
        search = IndexServiceStub(channel).Search
        holding = [search.future(request, timeout=60) for _ in range(SEARCH_THREADS)]
        while len(served.pack.searches) < SEARCH_THREADS:
            time.sleep(0.01)
        late = search.future(request, timeout=0.2)
        assert isinstance(late.exception(), grpc.RpcError)
        time.sleep(2)  # until the server, too, has heard that it is over

        served.pack.leave.set()
        for call in holding:
            call.result()
        served.server.drain(linger_s=0, grace_s=60)  # ends when nothing is under way

    assert len(served.pack.searches) == SEARCH_THREADS


def test_a_dead_address_is_unavailable() -> None:
    server = IndexServer(max_k=50)
    server.start()
    address = server.address
    server.drain(linger_s=0, grace_s=0)

    with pytest.raises(ServerUnavailable, match=address):
        search_once(address, np.ones(8, dtype=np.float32), 1, fingerprint=FINGERPRINT)


def test_draining_says_so_first_and_finishes_what_is_under_way(serve: Serve) -> None:
    served = serve()
    served.pack.leave.clear()
    request = search_request(np.ones(8, dtype=np.float32), 3, fingerprint=FINGERPRINT)
    with grpc.insecure_channel(served.address) as channel:
        call = IndexServiceStub(channel).Search.future(request, timeout=60)
        assert served.pack.entered.wait(60)

        drain = threading.Thread(
            target=served.server.drain, kwargs={"linger_s": 0.3, "grace_s": 60.0}
        )
        drain.start()
        while is_serving_once(served.address):
            time.sleep(0.01)
        assert drain.is_alive()
        served.pack.leave.set()

        assert len(call.result().hits) == 3
    drain.join(60)
    assert not drain.is_alive()
    with pytest.raises(ServerUnavailable):
        describe_once(served.address)


def test_the_async_client_asks_over_one_channel(serve: Serve) -> None:
    served = serve()

    async def ask() -> None:
        async with IndexClient(served.address) as client:
            await client.connect()
            assert await client.is_serving()
            description = await client.describe()
            vectors = served.pack.vectors[:20]
            answers = await asyncio.gather(
                *(
                    client.search(v, 1, fingerprint=description.fingerprint, deadline_s=5)
                    for v in vectors
                )
            )
            assert [a.hits[0].photo_id for a in answers] == [f"photo-{i}" for i in range(20)]
            with pytest.raises(ForeignFingerprint, match="another embedder"):
                await client.search(vectors[0], 1, fingerprint="x", deadline_s=5)
            served.pack.leave.clear()
            with pytest.raises(DeadlinePassed):
                await client.search(vectors[0], 1, fingerprint=FINGERPRINT, deadline_s=0.1)
            served.pack.leave.set()

    asyncio.run(ask())


def test_the_async_client_says_when_no_server_answers() -> None:
    async def ask() -> None:
        async with IndexClient("127.0.0.1:1") as client:
            assert not await client.is_serving()
            with pytest.raises(ServerUnavailable, match=r"can't be reached, the limit is 0\.2 s"):
                await client.connect(deadline_s=0.2)
            with pytest.raises(ServerUnavailable):
                await client.describe()

    asyncio.run(ask())


def test_a_thousand_long_hits_fit_in_an_answer(loaded: LoadedPack) -> None:
    class Long:
        def search(self, query: Any, k: int, windows: Any) -> Any:
            row = type("Row", (), {})()
            row.photo_id = row.listing_id = "x" * 300
            row.score, row.window = 0.5, loaded.indexes[0].window
            row.listed_at = row.window.start
            return [row] * k

    server = IndexServer(max_k=10_000)
    server.start()
    try:
        server.serve(LoadedPack(loaded.serving, Long(), 8, 1, loaded.indexes))
        answer = search_once(
            server.address, np.ones(8, dtype=np.float32), 10_000, fingerprint=FINGERPRINT
        )
        assert len(answer.hits) == 10_000
    finally:
        server.drain(linger_s=0, grace_s=0)


def test_a_server_with_all_the_calls_it_takes_refuses_more_and_is_not_silent(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = WARM_UP_QUERIES + 1  # because those may all count for a moment after their answers
    monkeypatch.setattr("index_grpc.server.server.MAX_CALLS", calls)
    served = serve()
    announce(tmp_path, served.address)
    child = Child(psutil.Process(), tmp_path / "log", LogWriter(Settings()))
    watched = ServerProcess(tmp_path, child)
    vector = served.pack.vectors[0]

    def hold() -> None:
        while True:
            with suppress(IndexServiceError):
                search_once(served.address, vector, 5, fingerprint=FINGERPRINT, deadline_s=60)
                return
            time.sleep(0.01)

    served.pack.leave.clear()
    holding = [threading.Thread(target=hold) for _ in range(calls)]
    for call in holding:
        call.start()
    refusal, ends = "", time.monotonic() + 60
    while "exceeded" not in refusal:
        assert time.monotonic() < ends, refusal
        with pytest.raises(IndexServiceError) as refused:
            search_once(served.address, vector, 5, fingerprint=FINGERPRINT, deadline_s=0.2)
        refusal = str(refused.value)
    asked_first = watched.health()
    ends = time.monotonic() + 60
    while (health := watched.health()) is None:
        assert time.monotonic() < ends
        time.sleep(0.01)
    served.pack.leave.set()
    for call in holding:
        call.join()
    watched.forget()

    assert asked_first is None
    assert health is True
