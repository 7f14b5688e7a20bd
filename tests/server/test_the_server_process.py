"""``photosearch index-server`` as a real process over a real repository."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from index_grpc.server.announcement import Announcement, read_announcement, read_refusal
from index_grpc.server.client import describe_once, is_serving_once, search_once
from index_grpc.serving.serving import Serving
from photosearch.processes.spec import photosearch_argv
from photosearch.repository.manifest import Manifest
from photosearch.settings.settings import Settings
from photosearch.windows import Window
from tests.controller.made_repository import (
    FINGERPRINT,
    MadeRepository,
    made_settings,
    vectors_of,
)

HOURS = ["hourly/2026-11-22T10", "hourly/2026-11-22T11", "hourly/2026-11-22T12"]
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return made_settings(tmp_path)


@pytest.fixture
def made(settings: Settings) -> MadeRepository:
    return MadeRepository(settings)


@pytest.fixture
def start(settings: Settings, tmp_path: Path) -> Iterator[Start]:
    """Starts an index server for manifests; it is killed at the end of the test."""
    processes: list[subprocess.Popen[bytes]] = []

    def run(
        *manifests: Manifest, quantiser: str | None = None, limits: str = "true"
    ) -> subprocess.Popen[bytes]:
        serving = Serving.of(
            [(m.window, m.version) for m in manifests if m.window],
            fingerprint=FINGERPRINT,
            quantiser=quantiser,
        )
        file = tmp_path / "served" / "serving.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(serving.model_dump_json())
        argv = photosearch_argv("index-server", "--serving", str(file))
        process = subprocess.Popen(
            ["sh", "-c", f'{limits} && exec "$@"', "sh", *argv],
            env=settings.environment(),
            stderr=subprocess.PIPE,
        )
        processes.append(process)
        return process

    yield run
    for process in processes:
        process.kill()
        process.communicate()


def ready(folder: Path, within_s: float = 120) -> Announcement:
    limit = time.monotonic() + within_s
    while time.monotonic() < limit:
        announced = read_announcement(folder / "served")
        if announced is not None and is_serving_once(announced.address):
            return announced
        time.sleep(0.05)
    raise AssertionError("the server was not ready in time")


def test_a_server_answers_from_the_repository_and_drains_on_sigterm(
    made: MadeRepository, start: Start, tmp_path: Path
) -> None:
    manifests = [made.hour(HOURS[0]), made.hour(HOURS[1], rows=0), made.hour(HOURS[2])]
    process = start(*manifests)

    address = ready(tmp_path).address
    wanted = vectors_of(Window.parse(HOURS[2]), 20)[7]
    answer = search_once(address, wanted, 30, fingerprint=FINGERPRINT)
    only = search_once(address, wanted, 30, fingerprint=FINGERPRINT, windows=HOURS[:2])
    description = describe_once(address)

    assert answer.hits[0].photo_id == f"{HOURS[2]}#7"
    assert answer.hits[0].score == pytest.approx(1, abs=0.01)
    assert len(answer.hits) == 30
    assert {hit.window for hit in only.hits} == {HOURS[0]}
    assert len(only.hits) == 20
    assert [(w.window, w.version, w.rows) for w in only.searched] == [
        (str(m.window), m.version, m.rows) for m in manifests[:2]
    ]
    assert description.rows == 40
    assert {w.run_id for w in description.windows} == {"run-1"}
    assert set(description.load_seconds) == {"verify", "load"}
    listening = [c for c in psutil.Process(process.pid).net_connections() if c.status == "LISTEN"]
    # gRPC listens on IPv6 sockets that are bound to the IPv4 address.
    assert [connection.laddr.ip for connection in listening] == ["::ffff:127.0.0.1"]

    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert not (tmp_path / "served" / "tmp").exists()


def test_what_answers_has_the_usual_priority(
    made: MadeRepository, start: Start, tmp_path: Path
) -> None:
    process = start(made.hour(HOURS[0]))

    ready(tmp_path)
    # Its threads took their priority from the thread that started them.
    threads = [int(task.name) for task in Path(f"/proc/{process.pid}/task").iterdir()]
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    low = [one for one in threads if os.getpriority(os.PRIO_PROCESS, one) > usual]

    assert len(threads) > 5
    # ScaNN keeps one for batches, which no query is.
    assert len(low) <= 1


def test_a_pack_of_more_files_than_a_process_starts_with_is_served(
    made: MadeRepository, start: Start, tmp_path: Path
) -> None:
    hours = [made.hour(hour.key, rows=1) for hour in Window.parse("daily/2026-11-22").children()]
    start(*hours, limits="ulimit -S -n 40")

    address = ready(tmp_path).address

    assert describe_once(address).rows == 24


def test_only_empty_windows_are_served_too(
    made: MadeRepository, start: Start, tmp_path: Path
) -> None:
    start(made.hour(HOURS[0], rows=0))

    address = ready(tmp_path).address
    answer = search_once(address, np.ones(16, np.float32), 5, fingerprint=FINGERPRINT)

    assert list(answer.hits) == []
    assert [w.rows for w in answer.searched] == [0]


def test_a_flipped_bit_is_refused_and_its_window_named(
    made: MadeRepository, start: Start, tmp_path: Path
) -> None:
    whole, damaged = made.hour(HOURS[0]), made.hour(HOURS[1])
    made.flip_a_bit(damaged)

    process = start(whole, damaged)
    _, errors = process.communicate(timeout=60)

    assert process.returncode == 65
    refusal = read_refusal(tmp_path / "served")
    assert refusal is not None
    assert (str(refusal.window), refusal.version) == (HOURS[1], damaged.version)
    assert "vectors.npy" in refusal.reason
    assert b"vectors.npy" in errors


def test_a_version_that_does_not_exist_is_refused(
    made: MadeRepository, start: Start, tmp_path: Path
) -> None:
    manifest = made.hour(HOURS[0])

    process = start(manifest.model_copy(update={"version": "absent"}))
    process.communicate(timeout=60)

    assert process.returncode == 65
    refusal = read_refusal(tmp_path / "served")
    assert refusal is not None
    assert refusal.version == "absent"


def test_an_index_of_another_quantiser_is_refused(
    made: MadeRepository, start: Start, tmp_path: Path
) -> None:
    process = start(made.hour(HOURS[0]), quantiser="q1")
    process.communicate(timeout=60)

    refusal = read_refusal(tmp_path / "served")
    assert process.returncode == 65
    assert refusal is not None
    assert str(refusal.window) == HOURS[0]
    assert "another quantiser" in refusal.reason


def test_a_server_that_is_told_to_ends_with_its_parent(
    made: MadeRepository, settings: Settings, tmp_path: Path
) -> None:
    serving = Serving.of(
        [(Window.parse(HOURS[0]), made.hour(HOURS[0]).version)],
        fingerprint=FINGERPRINT,
        quantiser=None,
    )
    file = tmp_path / "served" / "serving.json"
    file.parent.mkdir()
    file.write_text(serving.model_dump_json())
    argv = photosearch_argv("index-server", "--end-with-parent", "--serving", str(file))
    parent = subprocess.Popen(
        [sys.executable, "-c", f"import subprocess; subprocess.run({argv!r})"],
        env=settings.environment(),
        stderr=subprocess.DEVNULL,
    )
    server = psutil.Process(ready(tmp_path).pid)

    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()

    psutil.wait_procs([server], timeout=60)
    assert not server.is_running()
