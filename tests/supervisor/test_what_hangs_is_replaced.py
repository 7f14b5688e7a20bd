"""A process that lives and gives no sign of it, and a machine that only slept."""

import os
import signal
import sys

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photosearch.processes.liveness import Silence
from photosearch.processes.reaper import marked_processes
from photosearch.processes.spec import ProcessSpec
from photosearch.processes.supervised import ProcessState
from photosearch.processes.supervisor import Supervisor
from photosearch.settings.settings import Settings
from tests.supervisor.conftest import script
from tests.waiting import until

SERVER = """
import http.server, sys
at = ("127.0.0.1", int(sys.argv[1]))
http.server.ThreadingHTTPServer(at, http.server.SimpleHTTPRequestHandler).serve_forever()
"""
BEATING = """
import time
from photosearch.processes.heartbeat import Heartbeat
Heartbeat().start()
time.sleep(600)
"""
# Its thread is well, its work stands still after the first step.
STUCK = """
import time
from photosearch.processes.heartbeat import Heartbeat
heartbeat = Heartbeat(stuck_s=1)
heartbeat.start()
heartbeat.progress()
time.sleep(600)
"""
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + BEATING


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"hung_after_s": 3.0})


@pytest.fixture
def server(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> ProcessSpec:
    monkeypatch.setattr("photosearch.processes.listener.ASK_EVERY_S", 0.2)
    monkeypatch.setattr("photosearch.processes.question.ANSWER_WITHIN_S", 1.0)
    url = f"http://127.0.0.1:{settings.api_port}/"
    return ProcessSpec("server", [sys.executable, "-c", SERVER, str(settings.api_port)], url)


def test_a_stopped_server_is_ended_and_started_again(
    settings: Settings, server: ProcessSpec
) -> None:
    with Supervisor(settings, [server]).start() as supervisor:
        supervisor.wait_ready(120)
        (process,) = supervisor.processes
        stopped = process.pid
        assert stopped is not None

        os.kill(stopped, signal.SIGSTOP)

        until(lambda: process.pid not in (None, stopped) and process.state is ProcessState.READY)
        assert process.last_exit == "gave no sign of life for 3 s; killed by SIGTERM"
        assert not psutil.pid_exists(stopped)


def test_a_stopped_process_without_an_address_is_missed_by_its_heart(settings: Settings) -> None:
    with Supervisor(settings, [script(BEATING, beats=True)]).start() as supervisor:
        supervisor.wait_ready(120)
        (process,) = supervisor.processes
        stopped = process.pid
        assert stopped is not None

        os.kill(stopped, signal.SIGSTOP)

        until(lambda: process.pid not in (None, stopped) and process.state is ProcessState.READY)


def test_work_that_stands_still_stops_the_heart(settings: Settings) -> None:
    with Supervisor(settings, [script(STUCK, beats=True)]).start() as supervisor:
        (process,) = supervisor.processes
        until(lambda: process.state is ProcessState.HUNG)
        assert process.hung == "gave no sign of life for 3 s"
        until(lambda: process.restarts)


def test_what_hangs_and_does_not_end_is_killed(settings: Settings) -> None:
    spec = script(STUBBORN, beats=True)
    with Supervisor(settings, [spec], grace_s=0.5).start() as supervisor:
        supervisor.wait_ready(120)
        (process,) = supervisor.processes
        assert process.pid is not None

        os.kill(process.pid, signal.SIGSTOP)

        until(lambda: process.restarts and process.state is ProcessState.READY)
        assert process.last_exit == "gave no sign of life for 3 s; killed by SIGKILL"


def test_a_start_that_never_ends_is_ended(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photosearch.processes.supervised.START_S", 2.0)
    never = script("import time; time.sleep(600)", ready_file=settings.state / "never")
    with Supervisor(settings, [never]).start() as supervisor:
        (process,) = supervisor.processes
        until(lambda: process.restarts)
        assert process.last_exit == "not ready after 2 s; killed by SIGTERM"


def test_a_stopped_process_ends_with_its_supervisor(settings: Settings) -> None:
    with Supervisor(settings, [script(BEATING, beats=True)], grace_s=60).start() as supervisor:
        supervisor.wait_ready(120)
        pid = supervisor.processes[0].pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
    assert not psutil.pid_exists(pid)


def test_a_stopped_reaper_does_not_keep_the_supervisor_from_ending(settings: Settings) -> None:
    deaf = script("import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)")
    with Supervisor(settings, [deaf], grace_s=0.5).start():
        (reaper,) = [
            child
            for child in psutil.Process().children()
            if any("photosearch.processes.reaper" in argument for argument in child.cmdline())
        ]
        reaper.suspend()
    assert not reaper.is_running()
    assert marked_processes(str(settings.state / "supervisor.lock")) == []


def test_the_heartbeat_is_no_business_of_grandchildren(settings: Settings) -> None:
    spec = script(
        """
        import os, pathlib, subprocess, sys, time
        from photosearch.processes.heartbeat import HEARTBEAT, Heartbeat
        pipe = os.environ[HEARTBEAT]
        Heartbeat().start()
        look = f"import os; print({HEARTBEAT!r} in os.environ, os.path.exists('/dev/fd/{pipe}'))"
        told = subprocess.run([sys.executable, "-c", look], close_fds=False, capture_output=True)
        pathlib.Path("told").write_bytes(told.stdout)
        time.sleep(600)
        """,
        beats=True,
    )
    told = settings.base_dir / "told"
    with Supervisor(settings, [spec]).start():
        until(lambda: told.exists() and told.read_text())
        assert told.read_text() == "False False\n"


@given(st.lists(st.floats(0, 1e6), max_size=70))
def test_a_listener_that_was_held_up_has_not_waited(gaps: list[float]) -> None:
    """Asleep, suspended or stopped, by whatever clock: a look counts for a second at most."""
    clock = 0.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("photosearch.processes.liveness.time.monotonic", lambda: clock)
        silence = Silence(60.0)
        for gap in gaps:
            clock += gap
            silence.lasts_too_long()
        assert silence.seconds <= len(gaps)
        assert silence.lasts_too_long() == (silence.seconds > 60)


def test_without_a_limit_silence_is_allowed() -> None:
    silence = Silence(0)
    silence.seconds = 1e9
    assert not silence.lasts_too_long()
