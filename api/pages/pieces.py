"""An answer of many megabytes, sent piece by piece.

Written at once it is copied to where it waits for its reader, which keeps the event loop, and
all of it waits there. A piece is written when the reader has taken the ones before.

The whole is held until then, and who reads slowly holds it for hours: so what all such
answers hold together is bounded, and each is to be taken in the time that a slow line needs.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.problems.problems import ApiProblem, overloaded, problem_response

PIECE_BYTES = 256 << 10
MOST_IN_FLIGHT_BYTES = 512 << 20
LEAST_S, LEAST_BYTES_A_SECOND = 30.0, 32 << 10


class BytesInFlight:
    """The bytes of photos that are held for those who asked for them."""

    def __init__(self, limit_bytes: int = MOST_IN_FLIGHT_BYTES) -> None:
        self.limit_bytes = limit_bytes
        self.held_bytes = 0

    @contextmanager
    def one(self, size: int) -> Iterator[None]:
        """Count one more while it is held.

        Raises:
            ApiProblem: 429 if there are too many bytes of all together.
        """
        if self.held_bytes and self.held_bytes + size > self.limit_bytes:
            raise overloaded(
                "too many photos are being sent",
                f"{self.held_bytes} bytes",
                f"{self.limit_bytes} bytes",
            )
        self.held_bytes += size
        try:
            yield
        finally:
            self.held_bytes -= size


class InPieces(Response):
    """A response whose body is there, and large; refused if too much of others' is held."""

    def __init__(
        self,
        content: bytes,
        in_flight: BytesInFlight,
        *,
        media_type: str,
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(content, media_type=media_type, headers=dict(headers))
        self._in_flight = in_flight

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        size = len(self.body)
        try:
            with self._in_flight.one(size):
                # Left half sent, the connection ends.
                async with asyncio.timeout(LEAST_S + size / LEAST_BYTES_A_SECOND):
                    await self._sent(send)
        except ApiProblem as problem:
            await problem_response(problem)(scope, receive, send)
        except TimeoutError:
            return

    async def _sent(self, send: Send) -> None:
        start = {"type": "http.response.start", "status": self.status_code}
        await send({**start, "headers": self.raw_headers})
        body = memoryview(self.body)
        for at in range(0, len(body), PIECE_BYTES):
            piece = bytes(body[at : at + PIECE_BYTES])
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
