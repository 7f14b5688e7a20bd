"""The process that serves one pack for its life.

It binds its port first and says NOT_SERVING, then verifies, glues, loads and warms up in the
background at low priority, and only then says SERVING: who started it can watch
without guessing, and nobody is answered by an unverified or cold index. SIGTERM says
NOT_SERVING first, goes on answering for a moment so that callers can turn away, refuses new
calls, and ends when those under way are answered.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from grpc_reflection.v1alpha.reflection_pb2_grpc import add_ServerReflectionServicer_to_server
from numpy.typing import NDArray

from index_grpc.server.client import MAX_ANSWER_BYTES, SERVICE, search_once
from index_grpc.server.low_priority import LowPriorityWork
from index_grpc.server.service import IndexService, LoadedPack
from index_grpc.wire.index_pb2_grpc import add_IndexServiceServicer_to_server
from photosearch.address import AddressError, authority, reachable

_log = logging.getLogger(__name__)

#: Searches at once. ScaNN answers in 0.2 ms: more threads only take turns.
SEARCH_THREADS = 8
#: Calls waiting or under way; further ones get RESOURCE_EXHAUSTED at once.
MAX_CALLS = 256
#: A request is a vector and some window keys.
MAX_REQUEST_BYTES = 4 << 20
WARM_UP_QUERIES = 20

_OPTIONS = (
    ("grpc.so_reuseport", 0),  # two servers never share a port by accident
    ("grpc.max_receive_message_length", MAX_REQUEST_BYTES),
    ("grpc.max_send_message_length", MAX_ANSWER_BYTES),
    # Callers keep their channel open for life and may ping it.
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
)


class IndexServer:
    """A gRPC server with Search, Describe, health and reflection."""

    def __init__(self, *, max_k: int, host: str = "127.0.0.1", port: int = 0) -> None:
        """Bind ``port`` (0: any free one) of ``host``; nothing is answered before :meth:`start`.

        Raises:
            AddressError: if the port is taken.
        """
        self._service = IndexService(max_k=max_k)
        self._health = health.HealthServicer(
            experimental_non_blocking=True,
            experimental_thread_pool=ThreadPoolExecutor(1, thread_name_prefix="health"),
        )
        self._set_health(health_pb2.HealthCheckResponse.NOT_SERVING)
        self._server = grpc.server(
            ThreadPoolExecutor(SEARCH_THREADS, thread_name_prefix="search"),
            options=_OPTIONS,
            maximum_concurrent_rpcs=MAX_CALLS,
        )
        add_IndexServiceServicer_to_server(self._service, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        add_ServerReflectionServicer_to_server(_reflection(), self._server)
        try:
            self.port = self._server.add_insecure_port(authority(host, port))
        except RuntimeError as error:
            raise AddressError(
                f"the index server can't listen on {authority(host, port)}",
                found=str(error),
                remedy="end what uses the port, or name an address of this machine",
            ) from error
        # This process reaches itself, and others of this machine reach it, wherever it listens.
        self.address = authority(reachable(host), self.port)

    def start(self) -> None:
        """Answer, with NOT_SERVING and UNAVAILABLE until there is a pack."""
        self._server.start()

    def serve(self, loaded: LoadedPack) -> None:
        """Warm up over the wire, then say SERVING."""
        self._service.serve(loaded)
        for query in _warm_up_queries(loaded.dimension):
            search_once(
                self.address, query, 10, fingerprint=loaded.serving.fingerprint, deadline_s=60
            )
        self._set_health(health_pb2.HealthCheckResponse.SERVING)

    def drain(self, *, linger_s: float, grace_s: float) -> None:
        """Say NOT_SERVING, answer for ``linger_s`` more, then finish what is under way.

        Calls that are not finished ``grace_s`` later are cut off.
        """
        self._health.enter_graceful_shutdown()
        time.sleep(linger_s)
        self._server.stop(grace_s).wait()

    def _set_health(self, status: int) -> None:
        for name in ("", SERVICE):
            self._health.set(name, status)


def run(
    server: IndexServer,
    load: Callable[[], LoadedPack],
    stop: threading.Event,
    *,
    linger_s: float = 0.3,
    grace_s: float = 10.0,
) -> None:
    """Load, serve until ``stop`` is set, drain.

    Raises:
        ServingRefused: if the files can't be served.
    """
    server.start()
    loading = LowPriorityWork("load", load)
    loading.start()
    while not loading.done.wait(0.05):
        if stop.is_set():
            server.drain(linger_s=0, grace_s=0)
            return
    loaded = loading.result()
    server.serve(loaded)
    _log.info(
        "%s serves %d windows at %s", loaded.serving.name, len(loaded.indexes), server.address
    )
    stop.wait()
    _log.info("%s drains", loaded.serving.name)
    server.drain(linger_s=linger_s, grace_s=grace_s)


def _reflection() -> reflection.ReflectionServicer:
    """Reflection in a thread of its own, as health has one.

    It is a stream, which its caller may leave open: eight of them would take all threads that
    search.
    """
    servicer = reflection.ReflectionServicer(
        (SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
    )
    answer = servicer.ServerReflectionInfo

    def apart(requests: Any, context: grpc.ServicerContext) -> Any:
        return answer(requests, context)

    apart.experimental_thread_pool = ThreadPoolExecutor(  # type: ignore[attr-defined]
        1, thread_name_prefix="reflection"
    )
    servicer.ServerReflectionInfo = apart
    return servicer


def _warm_up_queries(dimension: int) -> Iterator[NDArray[np.float32]]:
    drawn = np.random.default_rng(0).standard_normal((WARM_UP_QUERIES, dimension))
    unit = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    yield from unit.astype(np.float32)
