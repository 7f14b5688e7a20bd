"""Dagit and its daemon as ``photosearch up`` runs them, over a small catalogue."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from photosearch.processes.spec import ProcessSpec
from photosearch.settings.settings import SETTINGS_FILE, SETTINGS_VARIABLE
from photosearch.windows import Granularity, Window
from photosearch_assets.processes import specs
from photosearch_assets.steps.context import StepContext
from photosearch_assets.steps.registry import own_step
from tests.assets.conftest import Shop

NOW = datetime.now(UTC)
HOUR = Window.holding(Granularity.HOURLY, NOW - timedelta(hours=1))


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    (tmp_path / "photos").mkdir()
    shop = Shop(tmp_path)
    start = Window.holding(Granularity.MONTHLY, HOUR.start).start
    shop.configure(dagster_port=_free_port(), automation=False, timeline_start=start)
    monkeypatch.setenv(SETTINGS_VARIABLE, str(tmp_path / SETTINGS_FILE))
    shop.settings.state.mkdir()
    for number in range(6):
        shop.list_photo(f"p{number}.png", HOUR.start + timedelta(minutes=number))
    with StepContext(shop.settings) as context:
        list(own_step("embedder")([], context))
    return shop


@pytest.fixture
def webserver(shop: Shop) -> Iterator[str]:
    """The address of a running Dagit."""
    spec = specs.webserver(shop.settings)
    with _running(spec, shop.root) as process:
        assert spec.ready_url is not None
        _await_answer(spec.ready_url, process)
        yield str(spec.url)


@pytest.fixture
def dagit(shop: Shop, webserver: str) -> Iterator[str]:
    """The address of a running Dagit, with its daemon."""
    with _running(specs.daemon(shop.settings), shop.root):
        yield webserver


@contextmanager
def _running(spec: ProcessSpec, folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    with (folder / f"{spec.name}.log").open("wb") as log:
        process = subprocess.Popen(
            spec.argv,
            env={**os.environ, **spec.environment},
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            finally:
                os.killpg(process.pid, signal.SIGKILL) if _group_lives(process.pid) else None


def _await_answer(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 300
    while True:
        assert process.poll() is None, "the webserver ended"
        try:
            if httpx.get(url, timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, f"{url} does not answer"
        time.sleep(0.3)


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
