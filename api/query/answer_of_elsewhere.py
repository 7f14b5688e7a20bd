"""The answer of a server that a stranger runs, read in the event loop.

A client's library takes each header line and each chunk in Python: 100 kB of short lines kept the
loop for 0.3 s, and chunks of one byte for as long as the server sent them. Here a parser
in C takes them, from one small reading after another, and what is no body is bounded: status
and header lines, answers that announce another, chunks' framing, trailers.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httptools

#: Of what is no body; chunks of more than a hundred bytes stay below it however many they are.
_MOST_BESIDE_BODY, _BESIDE_SHARE = 64 << 10, 16
_MOST_HEADER_LINES = 200
_MOST_ANNOUNCEMENTS = 8
_READ_BYTES = 16 << 10


class UnreadableAnswerError(Exception):
    """What came is no answer, breaks off, or is mostly something else than one; says what."""


@dataclass
class Answer:
    """Status and headers, their names in lower case, of several with one name the first; the
    body comes from ``pieces``."""

    status: int
    headers: dict[str, str]
    _reading: "_Reading"

    async def pieces(self) -> AsyncIterator[bytes]:
        """What of the body came at once, piece by piece.

        Raises:
            UnreadableAnswerError: if it breaks off.
            OSError: if the connection fails.
        """
        while True:
            if piece := self._reading.taken():
                yield piece
            if self._reading.is_over:
                return
            await self._reading.go_on()


@asynccontextmanager
async def answer_to(
    request: bytes, address: str, port: int, *, tls: ssl.SSLContext | None, name: str
) -> AsyncIterator[Answer]:
    """Send ``request`` to an address, over TLS as ``name`` if there is ``tls``.

    Raises:
        UnreadableAnswerError: if what comes is no answer.
        OSError: if the connection fails.
    """
    stream, writer = await asyncio.open_connection(
        address, port, ssl=tls, server_hostname=name if tls else None, limit=_READ_BYTES
    )
    try:
        writer.write(request)
        await writer.drain()
        reading = _Reading(stream)
        while not reading.has_head:
            await reading.go_on()
        yield Answer(reading.status, reading.headers, reading)
    finally:
        writer.transport.abort()


@dataclass
class _Reading:
    """What the parser has called out so far."""

    stream: asyncio.StreamReader
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    has_head: bool = False
    is_over: bool = False
    _pieces: list[bytes] = field(default_factory=list)
    _read_bytes: int = 0
    _body_bytes: int = 0
    _lines: int = 0
    _announcements: int = 0

    def __post_init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)

    async def go_on(self) -> None:
        """Read what comes next."""
        content = await self.stream.read(_READ_BYTES)
        await asyncio.sleep(0)  # what has come already is read without waiting
        if not content:
            self._end()
            return
        self._read_bytes += len(content)
        try:
            self._parser.feed_data(content)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if self.is_over:  # what follows the answer is nobody's
                return
            cause = error.__context__
            known = isinstance(cause, UnreadableAnswerError)
            raise UnreadableAnswerError(str(cause) if known else "no HTTP") from error
        beside = self._read_bytes - self._body_bytes - sum(map(len, self._pieces))
        if beside > _MOST_BESIDE_BODY + self._body_bytes // _BESIDE_SHARE and not self.is_over:
            raise UnreadableAnswerError("much else than a body")

    def taken(self) -> bytes:
        """The body since the last time."""
        piece = b"".join(self._pieces)
        self._pieces.clear()
        self._body_bytes += len(piece)
        return piece

    def _end(self) -> None:
        """The connection is at its end, which may be the body's."""
        has_length = "content-length" in self.headers or "transfer-encoding" in self.headers
        if not self.has_head or has_length:
            raise UnreadableAnswerError("cut off")
        self.is_over = True

    # What the parser calls.

    def on_header(self, name: bytes, value: bytes) -> None:
        self._lines += 1
        if self._lines > _MOST_HEADER_LINES:
            raise UnreadableAnswerError(f"more than {_MOST_HEADER_LINES} header lines")
        if not self.has_head:
            self.headers.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        self.has_head = self.status >= 200
        if not self.has_head:
            self.headers.clear()
            self._announcements += 1
            if self._announcements > _MOST_ANNOUNCEMENTS:
                raise UnreadableAnswerError("answers without end that announce one")

    def on_body(self, body: bytes) -> None:
        self._pieces.append(body)

    def on_message_complete(self) -> None:
        self.is_over = self.has_head
