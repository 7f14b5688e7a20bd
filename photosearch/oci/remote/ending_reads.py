"""Connections whose reads have an end.

A socket's own limit begins anew with every byte, so who answers a byte at a time would be
listened to for ever. Here all reads of one answer share a limit, which begins when the request
was sent and is renewed by whoever reads the answer.
"""

import ssl
import time
from collections.abc import Iterable
from typing import Any, cast

import httpcore

#: So long may headers take, a body that is no stream, and each piece of a stream.
ANSWER_S = 60.0
#: Taken at once from a connection, as far as it has that much.
READ_BYTES = 256 << 10


class EndingStream(httpcore.NetworkStream):
    """One connection."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream
        self.renew()

    def renew(self) -> None:
        """What is read from now on has the whole time."""
        self._ends_at = time.monotonic() + ANSWER_S

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """At least a byte, or none at the end.

        Raises:
            httpcore.ReadTimeout: if none comes in time.
        """
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout(f"its answer lasts over {ANSWER_S:.0f} s")
        if timeout is not None and timeout <= left:
            return self._stream.read(max(max_bytes, READ_BYTES), timeout)
        try:
            return self._stream.read(max(max_bytes, READ_BYTES), left)
        except httpcore.ReadTimeout as error:
            raise httpcore.ReadTimeout(f"its answer lasts over {ANSWER_S:.0f} s") from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # Not copied for what a full socket leaves over.
        self._stream.write(cast(bytes, memoryview(buffer)), timeout)
        self.renew()

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        return EndingStream(self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class EndingReads(httpcore.NetworkBackend):
    """Makes such connections."""

    def __init__(self) -> None:
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        return EndingStream(
            self._backend.connect_tcp(host, port, timeout, local_address, socket_options)
        )
