"""Registries that break off, and what is no registry at all."""

import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from photosearch.oci.errors import RegistryDown, RegistryRefused
from photosearch.oci.image_registry import Bytes, ImageRegistry, open_registry
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
