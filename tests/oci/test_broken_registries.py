"""Registries that break off, and what is no registry at all."""

import http.server
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from photosearch.oci.documents import write_index
from photosearch.oci.errors import RegistryDown, RegistryRefused
from photosearch.oci.opening import open_registry
from photosearch.oci.registry import Bytes, ImageRegistry
from photosearch.oci.remote.trying import LONGEST_PAUSE_S
from tests.oci.conftest import registry_settings

DIGEST = "sha256:" + "0" * 64
Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


@contextmanager
def answering(folder: Path, answer: Answer) -> Iterator[ImageRegistry]:
    """A registry's client whose every request is answered by ``answer``."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def do_POST(self) -> None:
            answer(self)

        def do_PUT(self) -> None:
            answer(self)

        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield open_registry(registry_settings(folder, f"127.0.0.1:{server.server_address[1]}"))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def breaking_off(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"x" * 10)


def a_web_page(handler: http.server.BaseHTTPRequestHandler) -> None:
    page = b"<html>It works!</html>"
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(page)))
    handler.end_headers()
    handler.wfile.write(page)


def test_a_blob_that_breaks_off_is_worth_another_try(tmp_path: Path) -> None:
    with answering(tmp_path, breaking_off) as registry:
        with pytest.raises(RegistryDown, match="can't be read"), registry.open_blob(DIGEST) as blob:
            list(blob)
        with pytest.raises(RegistryDown, match="can't be read"):
            registry.document("latest")


def test_what_is_no_registry_is_told(tmp_path: Path) -> None:
    with answering(tmp_path, a_web_page) as registry:
        with pytest.raises(RegistryRefused, match=r"can't be read.*registry_url"):
            registry.tags()
        with pytest.raises(RegistryRefused, match=r"can't be put.*registry_url"):
            registry.put_blob(Bytes(b"layer"))


def answer_of(handler: http.server.BaseHTTPRequestHandler, status: int, **headers: str) -> None:
    handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
    handler.send_response(status)
    for name, value in {**headers, "Content-Length": "0"}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()


@pytest.mark.parametrize(
    "challenge", ["Negotiate", 'Bearer service="shop"', 'Digest realm="shop"', "Basic", ""]
)
def test_a_challenge_that_can_not_be_answered_is_told(tmp_path: Path, challenge: str) -> None:
    def refusing(handler: http.server.BaseHTTPRequestHandler) -> None:
        answer_of(handler, 401, WWW_Authenticate=challenge)

    with (
        answering(tmp_path, refusing) as registry,
        pytest.raises(RegistryRefused, match=r"401 Unauthorized.*docker login"),
    ):
        registry.tags()


def test_a_server_of_tokens_that_is_out_of_order_is_not_a_wrong_password(tmp_path: Path) -> None:
    def refusing(handler: http.server.BaseHTTPRequestHandler) -> None:
        if handler.path.startswith("/token"):
            return answer_of(handler, 404)
        return answer_of(handler, 401, WWW_Authenticate='Bearer realm="/token",service="shop"')

    with (
        answering(tmp_path, refusing) as registry,
        pytest.raises(RegistryRefused, match=r"wants a token.*found 404 Not Found"),
    ):
        registry.tags()


def test_an_image_is_put_again_that_a_registry_could_not_judge(tmp_path: Path) -> None:
    asked: list[str] = []

    def confused(handler: http.server.BaseHTTPRequestHandler) -> None:
        asked.append(handler.command)
        answer_of(handler, 400 if len(asked) == 1 else 201)

    with answering(tmp_path, confused) as registry:
        registry.put_document(write_index([], {}), tag="today")

    assert asked == ["PUT", "PUT"]


def test_a_registry_that_wants_an_hours_pause_is_told_of_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused: list[float] = []
    monkeypatch.setattr(time, "sleep", paused.append)

    def busy(handler: http.server.BaseHTTPRequestHandler) -> None:
        answer_of(handler, 429, Retry_After="3600")

    with (
        answering(tmp_path, busy) as registry,
        pytest.raises(RegistryDown, match="429 Too Many Requests"),
    ):
        registry.tags()

    assert max(paused) <= LONGEST_PAUSE_S
