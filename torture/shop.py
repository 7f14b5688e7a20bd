"""An installation that is to suffer, and what is true of it whatever happens.

Photos are patches of colour that no other photo has, so that each finds its own listing first.
What was put in and what was erased is kept here, outside of the installation's reach.
"""

import io
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import tomlkit
from PIL import Image

from photosearch.address import base_url
from photosearch.settings.settings import SETTINGS_FILE, Settings, load_settings

READY_S = 300.0


class Shop:
    """A folder with photos and settings, and the truth about both."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.random = random.Random(seed)
        self.live: dict[str, bytes] = {}
        self.erased: dict[str, bytes] = {}
        (folder / "photos").mkdir(parents=True)
        ports = {"api_port": _free_port(), "dagster_port": _free_port()}
        (folder / SETTINGS_FILE).write_text(tomlkit.dumps(ports))

    @property
    def settings(self) -> Settings:
        return load_settings(self.folder / SETTINGS_FILE)

    def add(self, count: int, until: datetime | None = None) -> None:
        """Put new photos in, listed within two days before ``until``; by default an hour ago."""
        newest = until or datetime.now(UTC) - timedelta(hours=1)
        for _ in range(count):
            name = f"photo-{len(self.live) + len(self.erased):05d}.jpg"
            content = _patches(self.random.getrandbits(32))
            listed_at = newest - timedelta(hours=self.random.uniform(0, 48))
            file = self.folder / "photos" / name
            file.write_bytes(content)
            os.utime(file, (listed_at.timestamp(), listed_at.timestamp()))
            self.live[name] = content

    def start(self, *arguments: str, at: timedelta | None = None) -> "subprocess.Popen[bytes]":
        """Start a command, by a clock that is ``at`` so much from this one's if given."""
        module = ["photosearch"]
        if at is not None:
            module = ["torture.at_another_time", str(at.total_seconds())]
        with (self.folder / "output.txt").open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", *module, *arguments],
                cwd=self.folder,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def run(self, *arguments: str, at: timedelta | None = None) -> int:
        """Run a command to its end; its exit code."""
        return self.start(*arguments, at=at).wait()

    def said(self, *arguments: str) -> tuple[int, str]:
        """Run a command to its end; its exit code and all it said."""
        ended = subprocess.run(
            [sys.executable, "-m", "photosearch", *arguments],
            cwd=self.folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        return ended.returncode, ended.stdout + ended.stderr

    @contextmanager
    def running(self, at: timedelta | None = None) -> Iterator["Api"]:
        """Run ``up``; with ``at`` the deployer, and the API by such a clock. Yields the API."""
        if at is None:
            processes = [self.start("up")]
        else:
            processes = [self.start("deployer"), self.start("api", at=at)]
        try:
            with httpx.Client(
                base_url=base_url(self.settings.api_host, self.settings.api_port),
                timeout=60,
                trust_env=False,
            ) as client:
                api = Api(client)
                api.wait_ready()
                yield api
        finally:
            for process in processes:
                process.send_signal(signal.SIGTERM)
            for process in processes:
                process.wait(180)

    def processes(self) -> list[psutil.Process]:
        """All that runs on this installation, whoever started it."""
        found = []
        for process in psutil.process_iter():
            try:
                ours = process.environ().get("TORTURED_BY") == str(os.getpid())
                if ours and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def end_all(self) -> None:
        """End what is left of it, the hard way."""
        while left := self.processes():
            for process in left:
                with _gone_is_well():
                    process.kill()
            psutil.wait_procs(left, timeout=10)


class Api:
    """The installation's REST API."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def wait_ready(self, within_s: float = READY_S) -> None:
        limit = time.monotonic() + within_s
        while not self._is_ready():
            if time.monotonic() > limit:
                raise TimeoutError(f"the API was not ready within {within_s:.0f} s")
            time.sleep(0.2)

    def search(self, photo: bytes, k: int = 5) -> dict[str, Any]:
        """The answer to a photo.

        Raises:
            httpx.HTTPError: if there is none.
        """
        response = self.client.post(
            "/v1/search", files={"photo": ("photo.jpg", photo)}, data={"k": str(k)}
        )
        response.raise_for_status()
        answer: dict[str, Any] = response.json()
        return answer

    def _is_ready(self) -> bool:
        try:
            return self.client.get("/readyz").status_code == 200
        except httpx.HTTPError:
            return False


@contextmanager
def _gone_is_well() -> Iterator[None]:
    try:
        yield
    except psutil.NoSuchProcess:
        return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PHOTOSEARCH_", "DAGSTER_"))}
    root = str(Path(__file__).resolve().parents[1])
    return {**kept, "PYTHONPATH": root, "TORTURED_BY": str(os.getpid()), "COLUMNS": "200"}


def _patches(seed: int) -> bytes:
    blocks = np.random.default_rng(seed).integers(0, 255, (6, 6, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(blocks).resize((120, 120), Image.Resampling.NEAREST).save(
        out, "JPEG", quality=90
    )
    return out.getvalue()


def copy_of(shop: Shop, folder: Path) -> Path:
    """A copy of the installation's folder as it is."""
    return Path(shutil.copytree(shop.folder, folder, symlinks=True))
