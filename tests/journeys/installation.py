"""photosearch as a person has it: a folder, a settings file, and the command line.

Every call is a process of its own, as from a shell, so that what a journey proves holds
outside of the tests too.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import tomlkit

from controller.local.status import DeployerStatus, read_status
from photosearch.files.walk import files_below
from photosearch.settings.settings import SETTINGS_FILE, Settings, load_settings
from photosearch.windows import Granularity, Window
from photosearch_demo.draw.photograph import cut_out, photograph
from photosearch_demo.draw.products import KINDS
from photosearch_demo.queries import as_jpeg, render_query

READY_S = 300.0


def closed_hour(back: int = 2) -> Window:
    """An hour that is over, so many hours before this one, on the day before at the latest."""
    yesterday = datetime.now(UTC).replace(hour=12) - timedelta(days=1)
    return Window.holding(Granularity.HOURLY, yesterday - timedelta(hours=back))


class Installation:
    """A folder in which photosearch is used."""

    def __init__(self, folder: Path, photos: str = "photos") -> None:
        self.folder = folder
        self.photos = folder / photos
        self.photos.mkdir(parents=True)

    @property
    def settings(self) -> Settings:
        return load_settings(self.folder / SETTINGS_FILE)

    def configure(self, **values: object) -> None:
        """Write settings by hand, as a person would before ``init`` adds its own."""
        ports = {"api_port": free_port(), "dagster_port": free_port()}
        (self.folder / SETTINGS_FILE).write_text(tomlkit.dumps({**ports, **values}))

    def draw(self, number: int, listed_at: datetime) -> str:
        """Put the drawn photo of one product into the folder; its listing's id."""
        kind = KINDS[number % len(KINDS)]
        return self.put(f"{kind.name}-{number}.jpg", self.picture(number), listed_at)

    def picture(self, number: int) -> bytes:
        """The drawn photo of one product."""
        return photograph(KINDS[number % len(KINDS)], number, 0, 240)

    def put(self, name: str, content: bytes, listed_at: datetime) -> str:
        """Put a file into the folder of photos as if made at ``listed_at``; its listing's id."""
        file = self.photos / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        os.utime(file, (listed_at.timestamp(), listed_at.timestamp()))
        return name

    def run(self, *arguments: str) -> str:
        """Run ``photosearch`` to its end; what it printed."""
        ended = subprocess.run(
            argv(*arguments), cwd=self.folder, env=environment(), capture_output=True, text=True
        )
        assert ended.returncode == 0, f"{arguments}: {ended.stdout}\n{ended.stderr}"
        return ended.stdout

    def fail(self, *arguments: str) -> str:
        """Run ``photosearch``, which is to be refused; what it said."""
        ended = subprocess.run(
            argv(*arguments), cwd=self.folder, env=environment(), capture_output=True, text=True
        )
        assert ended.returncode == 1, f"{arguments}: {ended.stdout}\n{ended.stderr}"
        return " ".join(ended.stderr.split())

    @contextmanager
    def running(self, *commands: str) -> Iterator[httpx.Client]:
        """Run long-lived commands (``up``, or ``deployer`` and ``api``); a client of the API."""
        processes = [self.start(command) for command in commands]
        url = f"http://127.0.0.1:{self.settings.api_port}"
        try:
            with httpx.Client(base_url=url, timeout=30) as client:
                wait_for(lambda: answers(client), lambda: self._logs(commands))
                yield client
        finally:
            for process in processes:
                process.send_signal(signal.SIGTERM)
            for process in processes:
                process.wait(120)

    def status(self) -> DeployerStatus | None:
        """What the deployer says of itself."""
        return read_status(self.settings)

    def log(self, command: str) -> str:
        """What a command that was started has printed."""
        return (self.folder / f"{command}.txt").read_text()

    def start(self, command: str, *arguments: str) -> "subprocess.Popen[bytes]":
        """Start ``photosearch`` and leave it running; its output goes to a file."""
        with (self.folder / f"{command}.txt").open("wb") as log:
            return subprocess.Popen(
                argv(command, *arguments),
                cwd=self.folder,
                env=environment(),
                stdout=log,
                stderr=log,
            )

    def _logs(self, commands: tuple[str, ...]) -> str:
        return "\n".join(self.log(name)[-2000:] for name in commands)


def odd_lines_of_logs(settings: Settings) -> list[str]:
    """Lines of the processes' logs without a time, in another form than the settings', or of
    which a terminal obeys something."""
    as_json = settings.log_format == "json"
    odd = []
    for file in (file for file in files_below(settings.logs_dir) if "." in file.name):
        for line in file.read_text().splitlines():
            time_of = json.loads(line).get("time", "") if line.startswith("{") else line
            is_timed = re.match(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d", time_of) is not None
            obeyed = any(unicodedata.category(sign) == "Cc" and sign != "\t" for sign in line)
            if obeyed or not is_timed or line.startswith("{") != as_json:
                odd.append(f"{file.name}: {line!r}")
    return odd


def hard_picture(number: int) -> bytes:
    """A hard query picture of the product that :meth:`Installation.draw` drew as ``number``."""
    kind = KINDS[number % len(KINDS)]
    return as_jpeg(render_query(cut_out(kind, number, 300), np.random.default_rng(number)))


def search(client: httpx.Client, picture: bytes, k: int = 5) -> dict[str, Any]:
    """The API's answer to a picture."""
    response = client.post("/v1/search", files={"photo": ("photo", picture)}, data={"k": str(k)})
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def first_listing(answer: dict[str, Any]) -> str | None:
    return answer["results"][0]["listing_id"] if answer["results"] else None


def wait_for(
    is_so: Callable[[], bool], say: Callable[[], str] = str, within_s: float = READY_S
) -> None:
    """Wait until something is so; ``say`` tells what to print when it does not come about."""
    limit = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < limit, say()
        time.sleep(0.1)


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def argv(*arguments: str) -> list[str]:
    return [sys.executable, "-P", "-m", "photosearch", *arguments]


def environment() -> dict[str, str]:
    """The tests' environment without settings of its own."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PHOTOSEARCH_", "DAGSTER_"))}
    return {**kept, "COLUMNS": "200"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
