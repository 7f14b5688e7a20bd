"""``photosearch up`` with everything that is installed."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from photosearch.processes.reaper import end_marked, marked_processes
from photosearch.processes.spec import photosearch_argv
from photosearch.settings.settings import SETTINGS_FILE, Settings, load_settings
from tests.journeys.installation import odd_lines_of_logs


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        api, dagster = one.getsockname()[1], two.getsockname()[1]
    (tmp_path / SETTINGS_FILE).write_text(
        f'api_port = {api}\ndagster_port = {dagster}\nlog_format = "json"\n'
    )
    return load_settings(tmp_path / SETTINGS_FILE)


@pytest.fixture
def up(settings: Settings) -> Iterator[Callable[[], "subprocess.Popen[str]"]]:
    started: list[subprocess.Popen[str]] = []

    def run() -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            photosearch_argv("up"),
            env=settings.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()
    end_marked(mark(settings), grace_s=1)


def mark(settings: Settings) -> str:
    return str(settings.state / "supervisor.lock")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_up_tells_its_addresses_and_sigterm_leaves_no_process(
    settings: Settings, up: Callable[[], "subprocess.Popen[str]"]
) -> None:
    process = up()
    assert process.stdout is not None
    lines: list[str] = []
    while not any("Ctrl-C stops everything" in line for line in lines):
        line = process.stdout.readline()
        assert line, "".join(lines)
        lines.append(line)
    told = "".join(lines)

    assert f"http://127.0.0.1:{settings.api_port}" in told
    assert f"http://127.0.0.1:{settings.dagster_port}" in told
    for name in ("api", "deployer", "dagster-webserver", "dagster-daemon"):
        assert f"{name} is ready" in told
        assert (settings.logs_dir / f"{name}.log").exists()
    health = httpx.get(f"http://127.0.0.1:{settings.api_port}/healthz", trust_env=False)
    assert health.status_code == 200

    second = up()
    refused, _ = second.communicate(timeout=120)
    assert second.returncode == 1
    assert "photosearch up runs already" in refused

    process.send_signal(signal.SIGTERM)
    rest, _ = process.communicate(timeout=120)
    assert process.returncode == 0, rest
    assert "stopped" in rest
    assert marked_processes(mark(settings)) == []
    assert odd_lines_of_logs(settings) == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_up_killed_leaves_no_process(
    settings: Settings, up: Callable[[], "subprocess.Popen[str]"]
) -> None:
    process = up()
    limit = time.monotonic() + 240
    while len(marked_processes(mark(settings))) < 4:
        assert time.monotonic() < limit
        time.sleep(0.2)

    os.kill(process.pid, signal.SIGKILL)
    process.wait()

    limit = time.monotonic() + 120
    while marked_processes(mark(settings)):
        assert time.monotonic() < limit
        time.sleep(0.2)
