"""A real API for the client, and strangers that answer in its place."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Protocol

import httpx
import pytest

from photosearch.client.client import Client
from tests.api.conftest import start_api, whole
from tests.api.fixtures import servers, shop

__all__ = ["servers", "shop", "start_api", "whole"]


class Stranger(Protocol):
    """Starts a server that answers all that is asked alike; its URL."""

    def __call__(self, body: bytes, status: int = 200, kind: str = "application/json") -> str: ...


@pytest.fixture
def client(whole: httpx.Client) -> Iterator[Client]:
    """A client of the API whose servers hold all of the time."""
    with Client(str(whole.base_url)) as client:
        yield client


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    with ExitStack() as stack:

        def start(body: bytes, status: int = 200, kind: str = "application/json") -> str:
            return stack.enter_context(_answering(body, status, kind))

        yield start


@contextmanager
def _answering(body: bytes, status: int, kind: str) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
