"""A real HTTP server of photos that fails as it is told to."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class PhotoServer(ThreadingHTTPServer):
    """Serves ``photos``; the first ``failures[name]`` requests for a name get a 503."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.photos: dict[str, bytes] = {}
        self.failures: Counter[str] = Counter()
        self.requests: Counter[str] = Counter()
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()
        self.pause = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/photos"


class _Handler(BaseHTTPRequestHandler):
    server: PhotoServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        name = self.path.removeprefix("/photos/")
        with self.server.lock:
            self.server.requests[name] += 1
            attempt = self.server.requests[name]
            self.server.at_once += 1
            self.server.most_at_once = max(self.server.most_at_once, self.server.at_once)
        self.server.pause.wait(0.02)
        with self.server.lock:
            self.server.at_once -= 1
        if attempt <= self.server.failures[name]:
            self._answer(503, b"busy")
        elif name not in self.server.photos:
            self._answer(404, b"no such photo")
        else:
            self._answer(200, self.server.photos[name])

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Last-Modified", "Sun, 22 Nov 2026 14:00:00 GMT")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def photo_server() -> Iterator[PhotoServer]:
    with PhotoServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
