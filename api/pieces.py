"""An answer of many megabytes, sent piece by piece.

Written at once it is copied to where it waits for its reader, which keeps the event loop, and
all of it waits there. A piece is written when the reader has taken the ones before.
"""

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

PIECE_BYTES = 256 << 10


class InPieces(Response):
    """A response whose body is there, and large."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": self.status_code}
        await send({**start, "headers": self.raw_headers})
        body = memoryview(self.body)
        for at in range(0, len(body), PIECE_BYTES):
            piece = bytes(body[at : at + PIECE_BYTES])
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
