"""A proxy before a store's server: it counts requests, and fails as it is told to.

What a network and a busy store do to a writer cannot be asked of a server that works, so it
happens here: an answer 429 or 503, a connection reset before the request is passed on, or
after, when the store has done what was asked and the writer does not hear of it.
"""

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}


@dataclass(frozen=True)
class Request:
    """What a client asks; ``path`` with its query."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def name(self) -> str:
        """The path as text: clients write its slashes in different ways."""
        return unquote(self.path)

    @property
    def writes(self) -> bool:
        return self.method in ("PUT", "POST", "DELETE")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes = b""


class Fault(Enum):
    """What befalls a request."""

    FORBIDDEN = 403
    TOO_MANY = 429
    UNAVAILABLE = 503
    RESET = "before the store hears of it"
    UNHEARD = "after the store has done it"


Ask = Callable[[Request], Answer]
Script = Callable[[Request], Fault | None]


def works(_request: Request) -> Fault | None:
    """The script without faults."""
    return None


class Front(ThreadingHTTPServer):
    """``speak`` turns a request into an answer, asking the server behind once or more."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, speak: Callable[[Request, Ask], Answer] | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.port = port
        self.speak = speak or (lambda request, ask: ask(request))
        self.requests: list[Request] = []
        self.script: Script = works
        #: Before each tenth of an answer.
        self.pause_s = 0.0
        self._connections = threading.local()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def count(self, method: str, part: str = "") -> int:
        """Requests of a method whose path holds ``part``."""
        return sum(r.method == method and part in r.name for r in self.requests)

    def ask(self, request: Request) -> Answer:
        """Ask the server behind."""
        connection = getattr(self._connections, "one", None)
        if connection is None:
            connection = self._connections.one = HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {**request.headers, "Host": f"127.0.0.1:{self.port}"}
        try:
            connection.request(request.method, request.path, request.body, headers)
            answer = connection.getresponse()
            body = answer.read()
        except OSError:
            self.let_go()
            raise
        kept = {k: v for k, v in answer.getheaders() if k.lower() not in _HOP - {"content-length"}}
        return Answer(answer.status, kept, body)

    def let_go(self) -> None:
        """Close this thread's connection to the server behind."""
        connection = getattr(self._connections, "one", None)
        if connection is not None:
            connection.close()
            self._connections.one = None


class _Handler(BaseHTTPRequestHandler):
    server: Front
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {k: v for k, v in self.headers.items() if k.lower() not in _HOP}
        request = Request(self.command, self.path, headers, body)
        self.server.requests.append(request)
        fault = self.server.script(request)
        if fault is Fault.RESET:
            return self._reset()
        if fault in (Fault.FORBIDDEN, Fault.TOO_MANY, Fault.UNAVAILABLE):
            return self._answer(Answer(fault.value, {}, b"busy"))
        answer = self.server.speak(request, self.server.ask)
        if fault is Fault.UNHEARD:
            return self._reset()
        return self._answer(answer)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_PATCH = _serve  # noqa: N815

    def _answer(self, answer: Answer) -> None:
        self.send_response(answer.status)
        length = str(len(answer.body))
        for name, value in answer.headers.items():
            if name.lower() == "content-length":
                length = value if self.command == "HEAD" else length
            else:
                self.send_header(name, value)
        self.send_header("Content-Length", length)
        self.end_headers()
        if self.command == "HEAD":
            return
        step = len(answer.body) // (10 if self.server.pause_s else 1) + 1
        for start in range(0, len(answer.body), step):
            time.sleep(self.server.pause_s)
            self.wfile.write(answer.body[start : start + step])

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.rfile.close()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def finish(self) -> None:
        try:
            super().finish()
        except (OSError, ValueError):  # reset by us, or gone
            self.rfile.close()
        self.server.let_go()


@contextmanager
def front_of(port: int, speak: Callable[[Request, Ask], Answer] | None = None) -> Iterator[Front]:
    """A front of the server at ``port``, running."""
    with Front(port, speak) as front:
        thread = threading.Thread(target=front.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield front
        finally:
            front.shutdown()
            thread.join()
