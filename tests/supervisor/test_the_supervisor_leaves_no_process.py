"""The supervisor with real processes: start, readiness, crash, end, its own kill -9."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from photosearch.processes.only_one import AlreadyRunning
from photosearch.processes.ports import PortInUse
from photosearch.processes.reaper import marked_processes
from photosearch.processes.spec import ProcessSpec
from photosearch.processes.supervised import ProcessState
from photosearch.processes.supervisor import Supervisor, SupervisorError
from photosearch.settings.settings import SETTINGS_FILE, Settings, SettingsError, load_settings
from tests.supervisor.conftest import said
from tests.waiting import until

# A server whose grandchildren leave its session, as Dagster's and the deployer's do.
SERVER = """
import http.server, subprocess, sys, time
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
subprocess.Popen(sleep, start_new_session=True)
subprocess.Popen(sleep)
port = int(sys.argv[1])
http.server.HTTPServer(("127.0.0.1", port), http.server.SimpleHTTPRequestHandler).serve_forever()
"""
# Ends at SIGKILL only.
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("no", flush=True)
time.sleep(600)
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (tmp_path / SETTINGS_FILE).write_text(f"api_port = {port}\n")
    return load_settings(tmp_path / SETTINGS_FILE)


@pytest.fixture
def server(settings: Settings) -> ProcessSpec:
    url = f"http://127.0.0.1:{settings.api_port}/"
    return ProcessSpec("server", [sys.executable, "-c", SERVER, str(settings.api_port)], url)


def marked(settings: Settings) -> list[psutil.Process]:
    return marked_processes(str(settings.state / "supervisor.lock"))


def script(text: str) -> ProcessSpec:
    return ProcessSpec("script", [sys.executable, "-c", textwrap.dedent(text)])


def test_everything_is_ready_and_then_gone(settings: Settings, server: ProcessSpec) -> None:
    ready_file = settings.state / "worker-ready"
    worker = ProcessSpec(
        "worker",
        [
            sys.executable,
            "-c",
            "import pathlib, sys, time; time.sleep(0.3); pathlib.Path(sys.argv[1]).touch();"
            "print('working', flush=True); time.sleep(600)",
            str(ready_file),
        ],
        ready_file=ready_file,
    )

    with Supervisor(settings, [server, worker]).start() as supervisor:
        supervisor.wait_ready(120)

        assert [process.state for process in supervisor.processes] == [ProcessState.READY] * 2
        assert supervisor.processes[0].url == f"http://127.0.0.1:{settings.api_port}"
        assert supervisor.processes[1].ready_after_s is not None
        assert supervisor.processes[1].ready_after_s >= 0.3
        assert len(marked(settings)) == 4
        until(lambda: "working" in said(settings, "worker"))
    assert marked(settings) == []


def test_a_ready_file_of_a_former_process_does_not_count(settings: Settings) -> None:
    ready_file = settings.state / "ready"
    ready_file.parent.mkdir(parents=True)
    ready_file.touch()
    never = ProcessSpec(
        "never", [sys.executable, "-c", "import time; time.sleep(600)"], ready_file=ready_file
    )

    with (
        Supervisor(settings, [never]).start() as supervisor,
        pytest.raises(SupervisorError, match=r"never did not become ready.*the limit is 1 s"),
    ):
        supervisor.wait_ready(1)


def test_what_does_not_end_by_itself_is_killed(settings: Settings) -> None:
    with Supervisor(settings, [script(STUBBORN)], grace_s=0.5).start():
        until(lambda: "no" in said(settings).split())

    assert marked(settings) == []


def test_a_process_that_crashed_is_started_again_and_shown(settings: Settings) -> None:
    crash_once = script(
        """
        import pathlib, sys, time
        before = pathlib.Path("before")
        if not before.exists():
            before.touch()
            print("first time fails", flush=True)
            time.sleep(0.5)
            sys.exit(7)
        time.sleep(600)
        """,
    )

    with Supervisor(settings, [crash_once]).start() as supervisor:
        (process,) = supervisor.processes
        until(lambda: process.state is ProcessState.CRASHED)
        assert process.last_exit == "exit code 7"
        assert "first time fails" in process.log_tail()
        until(lambda: process.restarts == 1 and process.state is ProcessState.READY)


def test_a_process_that_is_not_to_be_restarted_ends_the_wait(settings: Settings) -> None:
    once = ProcessSpec(
        "once",
        [sys.executable, "-c", "import sys; sys.exit('cannot')"],
        ready_file=settings.state / "never",
        restart=False,
    )

    with (
        Supervisor(settings, [once]).start() as supervisor,
        pytest.raises(SupervisorError, match=r"(?s)exit code 1: .*cannot"),
    ):
        supervisor.wait_ready(120)


def test_a_port_in_use_is_told_before_anything_starts(
    settings: Settings, server: ProcessSpec
) -> None:
    witness = script("open('started', 'w')")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", settings.api_port))
        taken.listen()

        with pytest.raises(PortInUse) as error:
            Supervisor(settings, [witness, server]).start()

    assert f"port {settings.api_port}" in str(error.value)
    assert f"process {os.getpid()}" in str(error.value)
    assert "api_port (PHOTOSEARCH_API_PORT)" in str(error.value)
    assert not (settings.base_dir / "started").exists()
    with Supervisor(settings, [server]).start() as supervisor:  # and the lock is free again
        supervisor.wait_ready(120)


def test_a_second_supervisor_is_refused(settings: Settings, server: ProcessSpec) -> None:
    with (
        Supervisor(settings, [server]).start(),
        pytest.raises(AlreadyRunning, match=rf"photosearch up runs already.*{os.getpid()}"),
    ):
        Supervisor(settings, []).start()


def test_without_a_settings_file_nothing_starts(tmp_path: Path) -> None:
    settings = Settings(base_dir=tmp_path)

    with pytest.raises(SettingsError, match="photosearch init"):
        Supervisor(settings, []).start()


@contextlib.contextmanager
def supervisor_process(settings: Settings) -> Iterator["subprocess.Popen[bytes]"]:
    """A supervisor in a process of its own, ready, with the server above and a stubborn one."""
    code = f"""
    import sys, time
    from pathlib import Path
    from photosearch.processes.spec import ProcessSpec
    from photosearch.settings.settings import load_settings
    from photosearch.processes.supervisor import Supervisor
    settings = load_settings(Path({str(settings.file)!r}))
    url = "http://127.0.0.1:{settings.api_port}/"
    specs = [ProcessSpec("server", [sys.executable, "-c", {SERVER!r}, "{settings.api_port}"], url)]
    specs.append(ProcessSpec("stubborn", [sys.executable, "-c", {STUBBORN!r}]))
    with Supervisor(settings, specs, grace_s=1).start() as supervisor:
        supervisor.wait_ready(120)
        print("ready", flush=True)
        time.sleep(600)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_killed_supervisor_leaves_no_process(settings: Settings) -> None:
    with supervisor_process(settings) as process:
        assert len(marked(settings)) == 4

        os.killpg(process.pid, signal.SIGKILL)

        until(lambda: marked(settings) == [])


def test_the_next_supervisor_ends_what_one_left_that_died_with_its_reaper(
    settings: Settings, server: ProcessSpec
) -> None:
    with supervisor_process(settings) as process:
        (reaper,) = [
            child
            for child in psutil.Process(process.pid).children()
            if any("reaper" in argument for argument in child.cmdline())
        ]
        reaper.kill()
        process.kill()
        left = {p.pid for p in marked(settings)}
        assert len(left) == 4

        with Supervisor(settings, [server], grace_s=1).start() as supervisor:
            supervisor.wait_ready(120)
            assert left.isdisjoint(p.pid for p in marked(settings))
    assert marked(settings) == []


def test_a_killed_reaper_is_replaced(settings: Settings, server: ProcessSpec) -> None:
    def reapers() -> list[int]:
        found = []
        for child in psutil.Process().children():
            with contextlib.suppress(psutil.Error):  # it ends while it is looked at
                if any("photosearch.processes.reaper" in argument for argument in child.cmdline()):
                    found.append(child.pid)
        return found

    with Supervisor(settings, [server]).start():
        (first,) = reapers()
        os.kill(first, signal.SIGKILL)
        until(lambda: reapers() not in ([], [first]))
    assert reapers() == []


def test_what_can_not_be_started_again_now_is_started_later(settings: Settings) -> None:
    """As while its program is being replaced."""
    program = settings.base_dir / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    with Supervisor(settings, [ProcessSpec("crashing", [str(program)])]).start() as supervisor:
        [process] = supervisor.processes
        until(lambda: process.state is ProcessState.CRASHED)
        program.rename(program.with_name("away"))
        until(lambda: "No such file" in (process.last_exit or ""))
        assert process.state is ProcessState.CRASHED
        program.with_name("away").rename(program)

        before = process.restarts
        until(lambda: process.restarts > before + 1)
