"""What one connection may hold of the API: bytes, lines and time before and after a request.

uvicorn bounds none of them: header lines without end fill the memory, a connection that sends
nothing or reads nothing is kept for ever, and so many of them leave none for others. Here is
what holds for any parser; :mod:`api.server.protocols` tells it what the parser sees.

When all connections are taken, the one that has waited longest for a request makes room, so
that idle ones shut nobody out; only if none waits is a new one turned away.
"""

import asyncio
from dataclasses import dataclass
from http import HTTPStatus

from api.problems.problems import ApiProblem, problem_response

#: So much of what is still on its way is taken in, or the refusal would be lost with it.
LINGER_S, LINGER_BYTES = 2.0, 16 << 20


@dataclass(frozen=True)
class Limits:
    """Of one server; the first two come from the settings."""

    connections: int = 1000
    body_s: float = 30.0
    #: Of the request line and all header lines, trailers among them.
    head_bytes: int = 64 << 10
    target_bytes: int = 8 << 10
    header_lines: int = 100
    #: Requests that wait behind one that is being answered.
    pipelined: int = 16
    #: From the connection's start, or the last answer, to the end of the headers.
    head_s: float = 10.0
    #: So much of an answer that waits must be taken in so many seconds.
    send_s: float = 30.0
    send_bytes: int = 32 << 10


class Door:
    """All connections of one server."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.open: set[Guard] = set()
        #: Those on which no request is under way, by how long that is so.
        self.waiting: dict[Guard, None] = {}

    def admit(self, guard: "Guard") -> bool:
        """Count one more in; whether there is room."""
        if len(self.open) >= self.limits.connections:
            longest = next(iter(self.waiting), None)
            if longest is None:
                return False
            longest.end()
        self.open.add(guard)
        return True


class Guard:
    """One connection's clock."""

    def __init__(self, door: Door, loop: asyncio.AbstractEventLoop) -> None:
        self.door = door
        self.limits = door.limits
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._sending: asyncio.TimerHandle | None = None
        #: Whether a part of a request has come.
        self.has_begun = False
        #: Nothing that comes is looked at any more.
        self.is_over = False
        self._discarded = 0

    def opened(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        if self.door.admit(self):
            self.await_head(self.limits.head_s)
        else:
            self.refuse(_full(self.limits.connections))

    def await_head(self, seconds: float) -> None:
        """A request may begin, and must be there in so many seconds."""
        self.has_begun = False
        self._arm(seconds)
        self.door.waiting.pop(self, None)
        self.door.waiting[self] = None

    def head_came(self) -> None:
        """A request is there: its own deadlines hold now."""
        self._disarm()
        self.door.waiting.pop(self, None)

    def refuse(self, problem: ApiProblem) -> None:
        """Answer, and end the connection."""
        if self.is_over or self._transport is None:
            return
        self.is_over = True
        self._transport.write(_as_bytes(problem))
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self.door.waiting.pop(self, None)
        self._arm(LINGER_S)

    def discard(self, size: int) -> None:
        """Something came that is not looked at."""
        self._discarded += size
        if self._discarded > LINGER_BYTES:
            self.end()

    def finish(self) -> None:
        """Take no more: what was asked is answered, and that is the end."""
        self.is_over = True
        self.head_came()

    def closing(self) -> None:
        """The connection closes once its last answer is taken; that may be never."""
        self.finish()
        self.sending_waits()

    def sending_waits(self) -> None:
        """An answer fills the buffer: whoever asked must take it."""
        if self._sending is None and self._transport is not None:
            size = self._transport.get_write_buffer_size()
            self._sending = self._loop.call_later(self.limits.send_s, self._is_taken, size)

    def sending_goes_on(self) -> None:
        """There is room in the buffer again; to the last byte it is watched only at the end."""
        if not self.is_over:
            self._forget_sending()

    def lost(self) -> None:
        self.is_over = True
        self._disarm()
        self._forget_sending()
        self.door.waiting.pop(self, None)
        self.door.open.discard(self)

    def end(self) -> None:
        """End at once, whatever is under way."""
        self.is_over = True
        self.door.waiting.pop(self, None)
        self.door.open.discard(self)
        if self._transport is not None:
            self._transport.abort()

    def _is_taken(self, size_before: int) -> None:
        self._sending = None
        assert self._transport is not None
        if self._transport.get_write_buffer_size() > size_before - self.limits.send_bytes:
            self.end()
        else:
            self.sending_waits()

    def _forget_sending(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._timer = self._loop.call_later(seconds, self._is_late)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _is_late(self) -> None:
        self._timer = None
        if self.has_begun and not self.is_over:
            self.refuse(_slow(self.limits.head_s))
        else:
            self.end()


def target_too_long(limits: Limits) -> ApiProblem:
    return _refusal(
        414,
        "long-path",
        "the request's path is too long",
        f"{limits.target_bytes} bytes",
        "send a search's members in the body",
    )


def headers_too_large(limits: Limits) -> ApiProblem:
    return _refusal(
        431,
        "large-headers",
        "the request has too many header lines, or too long ones",
        f"{limits.header_lines} lines of {limits.head_bytes} bytes together",
        "leave out cookies and headers that are not for this service",
    )


def too_many_ahead(limits: Limits) -> ApiProblem:
    return _refusal(
        400,
        "too-many-ahead",
        "too many requests were sent ahead of their answers",
        f"{limits.pipelined}",
        "wait for the answers, or open another connection",
    )


def too_many_pieces(least_bytes: int) -> ApiProblem:
    return _refusal(
        413,
        "small-chunks",
        "the request's body comes in too many chunks",
        f"{least_bytes} bytes a chunk",
        "send larger chunks, or a Content-Length",
    )


def not_http() -> ApiProblem:
    return _refusal(400, "not-http", "this is no request of HTTP/1.1", None, "see RFC 9112")


def _slow(seconds: float) -> ApiProblem:
    return _refusal(
        408,
        "slow-headers",
        "the request's headers did not arrive in time",
        f"{seconds:g} s",
        "send them at once",
    )


def _full(connections: int) -> ApiProblem:
    return ApiProblem(
        429,
        "overloaded",
        "too many connections are open",
        limit=f"{connections} (max_connections)",
        remedy="try again in a second",
        headers={"Retry-After": "1"},
    )


def _refusal(status: int, kind: str, what: str, limit: str | None, remedy: str) -> ApiProblem:
    return ApiProblem(status, kind, what, limit=limit, remedy=remedy)


def _as_bytes(problem: ApiProblem) -> bytes:
    """A whole answer of HTTP/1.1 that ends the connection."""
    response = problem_response(problem)
    status = HTTPStatus(response.status_code)
    lines = [f"HTTP/1.1 {status.value} {status.phrase}".encode()]
    lines += [b"%s: %s" % header for header in (*response.raw_headers, (b"connection", b"close"))]
    return b"\r\n".join([*lines, b"", bytes(response.body)])
