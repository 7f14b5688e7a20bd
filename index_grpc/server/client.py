"""The client of one index server.

One channel a server, kept open: a unary call on an open channel costs the caller about
0.35 ms of CPU, a new connection several times that. The query plane is asyncio, so the
client is too; :func:`search_once` and :func:`describe_once` serve scripts and tests.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import grpc
import numpy as np
from grpc_health.v1 import health_pb2, health_pb2_grpc
from numpy.typing import NDArray

from index_grpc.errors import IndexGrpcError
from index_grpc.server.wire_errors import ServerUnavailable, error_from_wire
from index_grpc.wire.index_pb2 import (
    DescribeRequest,
    DescribeResponse,
    SearchRequest,
    SearchResponse,
)
from index_grpc.wire.index_pb2_grpc import IndexServiceStub

SERVICE = "photosearch.index.v1.IndexService"
#: 10,000 hits with ids of 300 characters; gRPC's default is 4 MiB.
MAX_ANSWER_BYTES = 16 << 20

CHANNEL_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", MAX_ANSWER_BYTES),
    ("grpc.enable_http_proxy", 0),  # index servers are never behind the machine's web proxy
    ("grpc.use_local_subchannel_pool", 1),  # a dead server's backoff is not its successor's
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
)


class IndexClient:
    """Calls one index server over a channel that stays open until :meth:`close`.

    A call that fails raises an :class:`~index_grpc.errors.IndexGrpcError`: ``InvalidQuery``,
    ``WindowNotHeld``, or of :mod:`index_grpc.server.wire_errors` ``ForeignFingerprint``,
    ``ServerUnavailable``, ``DeadlinePassed``.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._channel = grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS)
        self._service = IndexServiceStub(self._channel)
        self._health = health_pb2_grpc.HealthStub(self._channel)

    async def search(
        self,
        vector: NDArray[np.float32],
        k: int,
        *,
        fingerprint: str,
        windows: Sequence[str] = (),
        deadline_s: float,
    ) -> SearchResponse:
        """The ``k`` rows nearest to ``vector`` (float32 [d], unit length), best first.

        ``windows`` are keys of held windows; none means all. The server is told the
        deadline and drops the call when it has passed.
        """
        request = search_request(vector, k, fingerprint=fingerprint, windows=windows)
        try:
            return await self._service.Search(request, timeout=deadline_s)
        except grpc.aio.AioRpcError as error:
            raise self._ours(error) from error

    async def describe(self, *, deadline_s: float = 5.0) -> DescribeResponse:
        """What the server holds; constant for its life."""
        try:
            return await self._service.Describe(DescribeRequest(), timeout=deadline_s)
        except grpc.aio.AioRpcError as error:
            raise self._ours(error) from error

    async def is_serving(self, *, deadline_s: float = 1.0) -> bool:
        """Whether the server says that it answers searches."""
        request = health_pb2.HealthCheckRequest(service=SERVICE)
        try:
            answer = await self._health.Check(request, timeout=deadline_s)
        except grpc.aio.AioRpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    async def connect(self, *, deadline_s: float = 2.0) -> None:
        """Open the channel now, so that the first search does not wait for it."""
        try:
            await asyncio.wait_for(self._channel.channel_ready(), deadline_s)
        except TimeoutError as error:
            raise ServerUnavailable(
                f"the index server at {self.address} can't be reached",
                limit=f"{deadline_s:g} s",
            ) from error

    async def close(self) -> None:
        """Close the channel; calls under way end as ``ServerUnavailable``."""
        await self._channel.close()

    async def __aenter__(self) -> "IndexClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _ours(self, error: grpc.aio.AioRpcError) -> IndexGrpcError:
        metadata = [(str(key), value) for key, value in error.trailing_metadata() or ()]
        return error_from_wire(self.address, error.code(), error.details(), metadata)


def search_request(
    vector: NDArray[np.float32], k: int, *, fingerprint: str, windows: Sequence[str] = ()
) -> SearchRequest:
    """The message that asks for the ``k`` rows nearest to ``vector`` (float32 [d]).

    A k that the message can't carry becomes 0, which every server refuses by name.
    """
    carried = k if 0 <= k < 1 << 32 else 0
    return SearchRequest(
        fingerprint=fingerprint, vector=vector.tolist(), k=carried, windows=windows
    )


def search_once(
    address: str,
    vector: NDArray[np.float32],
    k: int,
    *,
    fingerprint: str,
    windows: Sequence[str] = (),
    deadline_s: float = 5.0,
) -> SearchResponse:
    """:meth:`IndexClient.search` over a connection of its own, blocking."""
    request = search_request(vector, k, fingerprint=fingerprint, windows=windows)
    with grpc.insecure_channel(address, options=CHANNEL_OPTIONS) as channel:
        try:
            return IndexServiceStub(channel).Search(request, timeout=deadline_s)
        except grpc.RpcError as error:
            raise _blocking_error(address, error) from error


def describe_once(address: str, *, deadline_s: float = 5.0) -> DescribeResponse:
    """:meth:`IndexClient.describe` over a connection of its own, blocking."""
    with grpc.insecure_channel(address, options=CHANNEL_OPTIONS) as channel:
        try:
            return IndexServiceStub(channel).Describe(DescribeRequest(), timeout=deadline_s)
        except grpc.RpcError as error:
            raise _blocking_error(address, error) from error


def is_serving_once(address: str, *, deadline_s: float = 1.0) -> bool:
    """:meth:`IndexClient.is_serving` over a connection of its own, blocking."""
    request = health_pb2.HealthCheckRequest(service=SERVICE)
    with grpc.insecure_channel(address, options=CHANNEL_OPTIONS) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=deadline_s)
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def _blocking_error(address: str, error: grpc.RpcError) -> IndexGrpcError:
    """The error of ours that a failed blocking call stands for."""
    call: Any = error  # it is a grpc.Call too, which the types can't say
    metadata = [(str(key), value) for key, value in call.trailing_metadata() or ()]
    return error_from_wire(address, call.code(), call.details(), metadata)
