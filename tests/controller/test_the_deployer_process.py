"""``photosearch deployer`` as a real process: killed, started twice, told to end."""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from controller.local.server_process import adopt_servers, log_path
from controller.local.status import read_status
from index_grpc.server.announcement import Announcement
from index_grpc.server.client import is_serving_once
from index_grpc.serving.local_process import number_of
from index_grpc.serving.opening import open_desk
from index_grpc.serving.serving import Serving
from index_grpc.shipping.reconcile import reconcile_servings
from photosearch.files.whole import write_whole
from photosearch.processes.log_writer import LogWriter
from photosearch.processes.spec import SUPERVISED, photosearch_argv
from photosearch.settings.settings import Settings
from photosearch.windows import Window
from tests.controller.conftest import index_servers
from tests.controller.crashing import Doom
from tests.controller.made_repository import MadeRepository

HOUR = "hourly/2026-11-22T05"
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(settings: Settings) -> Iterator[Start]:
    """Starts deployers; they and their servers are gone after the test."""
    started: list[subprocess.Popen[bytes]] = []

    def run(*, supervised: bool = False) -> "subprocess.Popen[bytes]":
        environment = settings.environment() | ({SUPERVISED: "test"} if supervised else {})
        process = subprocess.Popen(
            photosearch_argv("deployer"), env=environment, stderr=subprocess.PIPE
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()
    for server in index_servers(settings):
        server.kill()


def until(condition: Callable[[], object], within_s: float = 120) -> None:
    limit = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.05)


def _said_until(word: bytes, process: "subprocess.Popen[bytes]") -> bytes:
    """What a process writes until a line with ``word``."""
    assert process.stderr is not None
    said = b""
    while word not in said:
        line = process.stderr.readline()
        assert line, said
        said += line
    return said


def serves(settings: Settings) -> bool:
    status = read_status(settings)  # it may be a former deployer's, so ask the servers too
    announced = open_desk(settings).endpoints.read()
    return (
        status is not None
        and status.is_settled
        and bool(announced)
        and all(is_serving_once(endpoint.address) for endpoint in announced)
    )


def test_sigterm_ends_every_server_and_withdraws_it(settings: Settings, start: Start) -> None:
    MadeRepository(settings).hour(HOUR)
    reconcile_servings(settings)
    deployer = start()
    until(lambda: serves(settings))

    deployer.send_signal(signal.SIGTERM)

    assert deployer.wait(60) == 0
    assert index_servers(settings) == []
    assert open_desk(settings).endpoints.read() == []


def test_a_second_deployer_is_refused(settings: Settings, start: Start) -> None:
    MadeRepository(settings).hour(HOUR)
    reconcile_servings(settings)
    first = start()
    until(lambda: serves(settings))

    second = start()
    _, errors = second.communicate(timeout=60)

    assert second.returncode == 1
    assert b"the deployer runs already" in errors
    assert str(first.pid).encode() in errors
    assert len(index_servers(settings)) == 1


def test_a_full_disk_ends_no_server_and_is_told(settings: Settings, start: Start) -> None:
    made = MadeRepository(settings)
    made.hour(HOUR)
    reconcile_servings(settings)
    deployer = start()
    until(lambda: serves(settings))
    (before,) = open_desk(settings).endpoints.read()
    whole = resource.prlimit(deployer.pid, resource.RLIMIT_FSIZE)

    resource.prlimit(deployer.pid, resource.RLIMIT_FSIZE, (100, whole[1]))
    made.hour("hourly/2026-11-22T06")
    reconcile_servings(settings)
    said = _said_until(b"ERROR", deployer)  # nowhere to put the new server's folder

    assert deployer.poll() is None
    assert is_serving_once(before.address)
    resource.prlimit(deployer.pid, resource.RLIMIT_FSIZE, whole)
    until(lambda: serves(settings) and before not in open_desk(settings).endpoints.read())
    deployer.terminate()
    _, rest = deployer.communicate(timeout=60)
    told = said + rest
    assert told.count(b"ERROR") == 1
    assert b"File too large" in told
    assert b"ulimit" in told


def test_without_a_supervisor_the_servers_end_with_a_killed_deployer(
    settings: Settings, start: Start
) -> None:
    MadeRepository(settings).hour(HOUR)
    reconcile_servings(settings)
    deployer = start()
    until(lambda: serves(settings))
    (stale,) = open_desk(settings).endpoints.read()

    deployer.kill()
    until(lambda: index_servers(settings) == [])
    assert open_desk(settings).endpoints.read() == [stale]
    start()

    until(lambda: serves(settings) and open_desk(settings).endpoints.read() != [stale])
    assert len(index_servers(settings)) == 1


def writers(settings: Settings) -> list[psutil.Process]:
    """The processes that write the logs of this installation."""
    mine = {"PHOTOSEARCH_SETTINGS": str(settings.file)}.items()
    found = []
    for process in psutil.process_iter(["cmdline"]):
        with suppress(psutil.Error):
            if "photosearch.processes.log_writer" in (process.info["cmdline"] or []):
                found += [process] * (mine <= process.environ().items())
    return found


def test_under_a_supervisor_the_next_deployer_adopts_the_servers_of_a_killed_one(
    settings: Settings, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = MadeRepository(settings)
    Doom(tmp_path / "doom", monkeypatch).befall(made.hour(HOUR), how="talks")
    reconcile_servings(settings)
    deployer = start(supervised=True)
    until(lambda: serves(settings))
    (before,) = open_desk(settings).endpoints.read()
    # A server that had been started but had not said where it listens, and a stale file.
    folder = settings.state / "deployer" / "servings" / "hourly-lost"
    folder.mkdir()
    (folder / "serving.json").write_text("{")
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    lost = subprocess.Popen([*sleep, "--serving", str(folder / "serving.json")])
    (settings.endpoints_dir / "stale.json").write_text(
        before.model_copy(update={"serving": "stale"}).model_dump_json()
    )

    deployer.kill()
    deployer.wait()
    assert is_serving_once(before.address)
    [writer] = writers(settings)  # it goes on as the servers do
    log = log_path(settings.logs_dir, before.serving)
    words = log.read_text().count("word")
    until(lambda: log.read_text().count("word") > words + 1000)
    second = start(supervised=True)
    until(lambda: (status := read_status(settings)) is not None and status.pid == second.pid)
    until(lambda: serves(settings))

    assert open_desk(settings).endpoints.read() == [before]
    assert [server.pid for server in index_servers(settings)] == [number_of(before.process)]
    assert lost.wait(60) == -signal.SIGKILL
    assert not folder.exists()

    # Adopted servers are watched over like others.
    os.kill(number_of(before.process), signal.SIGKILL)
    until(lambda: before not in open_desk(settings).endpoints.read())
    until(lambda: serves(settings))
    second.send_signal(signal.SIGTERM)
    assert second.wait(60) == 0
    assert index_servers(settings) == []
    until(lambda: not writer.is_running() and writers(settings) == [])


def test_a_server_killed_with_its_deployer_leaves_no_file(settings: Settings, start: Start) -> None:
    MadeRepository(settings).hour(HOUR)
    reconcile_servings(settings)
    deployer = start(supervised=True)
    until(lambda: serves(settings))
    (endpoint,) = open_desk(settings).endpoints.read()

    deployer.kill()
    psutil.Process(number_of(endpoint.process)).kill()
    start()
    until(lambda: open_desk(settings).endpoints.read() == [])

    until(lambda: serves(settings))
    folders = list(Path(settings.state / "deployer" / "servings").iterdir())
    assert [folder.name for folder in folders] == [endpoint.serving]


def test_a_process_that_has_a_former_servers_id_is_left_alone(
    settings: Settings, tmp_path: Path
) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    serving = Serving.of([(Window.parse(HOUR), "1")], fingerprint="f", quantiser=None)
    servings = settings.state / "deployer" / "servings"
    folder = servings / serving.name
    write_whole(folder / "serving.json", serving.model_dump_json())
    announcement = Announcement(address="127.0.0.1:1", pid=stranger.pid)
    write_whole(folder / "announced.json", announcement.model_dump_json())

    adopted = list(adopt_servers(servings, tmp_path, LogWriter(settings)))

    assert adopted == []
    assert stranger.poll() is None
    assert not folder.exists()
    stranger.kill()
    stranger.wait()
