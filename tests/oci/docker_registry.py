"""Debian's docker-registry on 127.0.0.1, as a test needs it: its log tells every request."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

_PROGRAM = "docker-registry"
_STARTED_WITHIN_S = 20
#: user "shop", password "let me in"; the registry reads bcrypt only.
HTPASSWD = "shop:$2b$04$7L.G2vktk1xvZVSjCWbj9.nOHXux2jG5ofuxOJLi3pYzlcR8adPEi\n"
_ACCESS = re.compile(r'"(?P<method>[A-Z]+) (?P<path>\S+) HTTP/[\d.]+" (?P<status>\d{3})')


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    status: int


class DockerRegistry:
    """One registry process; start it again with other options over the same folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        self.address = f"127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(
        self,
        *,
        readonly: bool = False,
        deletes: bool = True,
        auth: Mapping[str, Any] | None = None,
        certificate: Path | None = None,
        key: Path | None = None,
        largest_file: int | None = None,
    ) -> None:
        """Start it, and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        http: dict[str, Any] = {"addr": self.address}
        if certificate is not None:
            http["tls"] = {"certificate": str(certificate), "key": str(key)}
        config: dict[str, Any] = {
            "version": 0.1,
            "log": {"accesslog": {"disabled": False}, "level": "warn"},
            "storage": {
                "filesystem": {"rootdirectory": str(self.folder / "storage")},
                "delete": {"enabled": deletes},
                "maintenance": {"readonly": {"enabled": readonly}},
            },
            "http": http,
        }
        if auth is not None:
            config["auth"] = dict(auth)
        file = self.folder / "config.yml"
        file.write_text(json.dumps(config))  # JSON is YAML

        # A function between fork and exec would run in a copy of gRPC's threads.
        limit = [] if largest_file is None else ["prlimit", f"--fsize={largest_file}"]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*limit, _program(), "serve", str(file)],
                stdout=log,
                stderr=log,
                env={"PATH": os.environ["PATH"], "OTEL_TRACES_EXPORTER": "none"},
            )
        self._await()

    def stop(self) -> None:
        """End it; its folder stays."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def requests(self) -> list[Request]:
        """Every request so far, in order."""
        text = (self.folder / "log").read_text(errors="replace")
        return [
            Request(found["method"], found["path"], int(found["status"]))
            for found in _ACCESS.finditer(text)
        ]

    def forget_requests(self) -> None:
        """Count anew."""
        with (self.folder / "log").open("r+b") as log:
            log.truncate(0)

    def uploads(self) -> int:
        """How many blobs were sent to the end."""
        return sum(
            request.method == "PUT" and "/blobs/uploads/" in request.path
            for request in self.requests()
        )

    def blob_file(self, digest: str) -> Path:
        """Where the registry keeps a blob."""
        value = digest.removeprefix("sha256:")
        blobs = self.folder / "storage" / "docker" / "registry" / "v2" / "blobs" / "sha256"
        return blobs / value[:2] / value / "data"

    def _await(self) -> None:
        deadline = time.monotonic() + _STARTED_WITHIN_S
        while True:
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", self.port), timeout=1),
            ):
                return
            assert self._process is not None
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError((self.folder / "log").read_text())
            time.sleep(0.02)


@contextlib.contextmanager
def running_registry(folder: Path, **options: Any) -> Iterator[DockerRegistry]:
    """A registry that ends with the block."""
    registry = DockerRegistry(folder)
    registry.start(**options)
    try:
        yield registry
    finally:
        registry.stop()


def _program() -> str:
    found = shutil.which(_PROGRAM)
    if found is None:
        reason = "docker-registry is not installed: apt-get install docker-registry"
        if "CI" in os.environ:
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
