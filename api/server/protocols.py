"""uvicorn's two readers of HTTP, with :mod:`api.server.bounds` around them.

httptools reads a request in a tenth of h11's time and bounds nothing; h11 bounds what it has
not read to its end. Which of them there is depends on the installation, so both are bounded
alike.
"""

import sys
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from api.problems.problems import ApiProblem
from api.server import bounds
from api.server.bounds import Door, Guard, Limits

try:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
except ImportError:
    HAS_HTTPTOOLS = False
else:
    HAS_HTTPTOOLS = True

#: A chunk of one byte comes in five more; what of a body is more than that is no body.
_FRAMING = 9
#: So small are a body's pieces at the least, all together, once there are this many: each costs
#: the event loop a call, and 256 kB of chunks of one byte, which come at once, 43,000.
_LEAST_PIECE, _FREE_PIECES = 64, 65_536


def bounded(limits: Limits, *, httptools: bool = HAS_HTTPTOOLS) -> type[Any]:
    """The protocol for one server, whose connections count together."""
    base = BoundedHttpTools if httptools else BoundedH11
    return type(base.__name__, (base,), {"door": Door(limits)})


class _TooMuch(Exception):
    """Ends the parser; the refusal says why."""


class _CountingConnection(h11.Connection):
    """Refuses a body in too many pieces."""

    _pieces = _size = 0

    def next_event(self) -> Any:
        event = super().next_event()
        if isinstance(event, h11.Data):
            self._pieces += 1
            self._size += len(event.data)
            if _is_too_many(self._pieces, self._size):
                raise h11.RemoteProtocolError("too many chunks", error_status_hint=413)
        elif isinstance(event, h11.Request):
            self._pieces = self._size = 0
        return event


def _is_too_many(pieces: int, size: int) -> bool:
    return pieces > _FREE_PIECES + size // _LEAST_PIECE


class BoundedH11(H11Protocol):
    """h11, which knows the size of what is unfinished."""

    door: Door

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.guard = Guard(self.door, self.loop)
        self.conn = _CountingConnection(h11.SERVER, self.door.limits.head_bytes)

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.guard.opened(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.guard.lost()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.guard.is_over:
            self.guard.discard(len(data))
            return
        self.guard.has_begun = True
        awaited = self.conn.their_state is h11.IDLE
        super().data_received(data)
        if awaited and self.conn.their_state is not h11.IDLE and not self.guard.is_over:
            self.guard.head_came()

    def send_400_response(self, msg: str) -> None:
        error = sys.exc_info()[1]
        hint = getattr(error, "error_status_hint", 400)
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if hint == 431:
            self.guard.refuse(bounds.headers_too_large(self.door.limits))
        elif hint == 413:
            self.guard.refuse(bounds.too_many_pieces(_LEAST_PIECE))
        else:
            self.guard.refuse(bounds.not_http())

    def on_response_complete(self) -> None:
        unread = self.conn.their_state is h11.SEND_BODY
        super().on_response_complete()
        if self.transport.is_closing():
            self.guard.closing()
        elif self.cycle.response_complete:
            limits = self.door.limits
            self.guard.await_head(limits.body_s if unread else limits.head_s)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.guard.sending_waits()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.guard.sending_goes_on()


if HAS_HTTPTOOLS:

    class BoundedHttpTools(HttpToolsProtocol):
        """httptools, counted: it calls out what it has read, and keeps the rest to itself."""

        door: Door

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.guard = Guard(self.door, self.loop)
            self.limits = self.door.limits
            self._refusal: ApiProblem | None = None
            self._in_head = False
            self._head_bytes = 0
            self._header_lines = 0
            #: Bytes that came since the request began, or since its last piece of a body.
            self._beside_body = 0
            #: What the parser calls out of a body while it reads what came at once.
            self._pieces: list[bytes] = []
            self._all_pieces = self._body_bytes = 0

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self.guard.opened(transport)

        def connection_lost(self, exc: Exception | None) -> None:
            self.guard.lost()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if self.guard.is_over:
                self.guard.discard(len(data))
                return
            self.guard.has_begun = True
            self._beside_body += len(data)
            super().data_received(data)
            self._hand_on()
            refusal = self._too_much()
            if refusal is not None and not self.guard.is_over:
                self._refusal = refusal
                self.send_400_response("")

        def send_400_response(self, msg: str) -> None:
            cycle = self.cycle
            if cycle is not None and not cycle.response_complete:
                if self._in_head or not cycle.more_body:  # what went before is answered first
                    cycle.keep_alive = False
                    self.guard.finish()
                    return
                cycle.disconnected = True
                cycle.message_event.set()
                if cycle.response_started:
                    self.guard.end()
                    return
            self.guard.refuse(self._refusal or bounds.not_http())

        def on_message_begin(self) -> None:
            self._in_head = True
            self._head_bytes = self._header_lines = self._beside_body = 0
            self._all_pieces = self._body_bytes = 0
            super().on_message_begin()

        def on_url(self, url: bytes) -> None:
            super().on_url(url)
            if len(self.url) > self.limits.target_bytes:
                self._refuse(bounds.target_too_long(self.limits))

        def on_header(self, name: bytes, value: bytes) -> None:
            self._header_lines += 1
            self._head_bytes += len(name) + len(value) + 4
            too_many = self._header_lines > self.limits.header_lines
            if too_many or self._head_bytes + len(self.url) > self.limits.head_bytes:
                self._refuse(bounds.headers_too_large(self.limits))
            if self._in_head:  # a trailer is no header: what is being answered stays as it is
                super().on_header(name, value)

        def on_headers_complete(self) -> None:
            if len(self.pipeline) >= self.limits.pipelined:
                self._refuse(bounds.too_many_ahead(self.limits))
            super().on_headers_complete()
            self._in_head = False
            self.guard.head_came()

        def on_body(self, body: bytes) -> None:
            self._pieces.append(body)

        def on_message_complete(self) -> None:
            self._hand_on()
            super().on_message_complete()

        def on_response_complete(self) -> None:
            unread = self.cycle.more_body
            super().on_response_complete()
            if self.transport.is_closing():
                self.guard.closing()
            elif self.cycle.response_complete and not self.guard.is_over:
                self.guard.await_head(self.limits.body_s if unread else self.limits.head_s)

        def pause_writing(self) -> None:
            super().pause_writing()
            self.guard.sending_waits()

        def resume_writing(self) -> None:
            super().resume_writing()
            self.guard.sending_goes_on()

        def _hand_on(self) -> None:
            """Give on what has come of the body: uvicorn copies all of it for each piece."""
            if self._pieces:
                body = b"".join(self._pieces)
                self._all_pieces += len(self._pieces)
                self._pieces.clear()
                self._body_bytes += len(body)
                self._beside_body = max(0, self._beside_body - _FRAMING * len(body))
                super().on_body(body)

        def _too_much(self) -> ApiProblem | None:
            if self._beside_body > self.limits.head_bytes:
                return bounds.headers_too_large(self.limits)
            if _is_too_many(self._all_pieces, self._body_bytes):
                return bounds.too_many_pieces(_LEAST_PIECE)
            return None

        def _refuse(self, problem: ApiProblem) -> None:
            self._refusal = problem
            raise _TooMuch
