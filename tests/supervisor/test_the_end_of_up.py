"""Whatever way ``up`` is ended, it ends, and leaves no process."""

import os
import pty
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from photosearch.processes.reaper import marked_processes
from photosearch.processes.supervisor import Supervisor
from photosearch.settings.settings import Settings
from photosearch.terminal.careful_output import CarefulOutput
from tests.supervisor.conftest import said, script
from tests.waiting import until

DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(600)
"""
STOPPING = """
import signal, sys, threading
from photosearch.processes.signals import stop_on_signals
again = threading.Event()
stop = stop_on_signals(signal.SIGHUP, again=again)
print("ready", flush=True)
for event in (stop, again):
    event.wait()
    print("heard", flush=True)
"""
# "up" of one process that knows nothing of photosearch.
UP = """
import sys
import photosearch.processes.supervisor
from photosearch.processes.spec import ProcessSpec
from photosearch.up_command import up
import typer
work = ProcessSpec("work", [sys.executable, "-c", "import time; time.sleep(600)"])
photosearch.processes.supervisor.installed_specs = lambda settings: [work]
typer.run(up)
"""


def test_a_second_stop_ends_at_once_what_the_first_waits_for(settings: Settings) -> None:
    with Supervisor(settings, [script(DEAF)], grace_s=600).start() as supervisor:
        until(lambda: "deaf" in said(settings))
        supervisor.hurry.set()
    assert marked_processes(str(settings.state / "supervisor.lock")) == []


def test_a_signal_that_comes_later_is_a_second_one() -> None:
    process = subprocess.Popen([sys.executable, "-c", STOPPING], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "heard\n"

    heard = threading.Event()

    def insist() -> None:
        while not heard.wait(0.3):
            process.send_signal(signal.SIGINT)

    insisting = threading.Thread(target=insist)
    insisting.start()
    assert process.stdout.readline() == "heard\n"
    heard.set()
    insisting.join()
    process.communicate()


def test_nohup_is_heeded() -> None:
    ignoring = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", sys.executable, "-c", STOPPING]
    with subprocess.Popen(ignoring, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "heard\n"
        process.kill()


@pytest.mark.parametrize("hangup", [True, False])
def test_a_terminal_that_is_closed_ends_all(settings: Settings, hangup: bool) -> None:
    """With the signal that tells of it, or where nobody sends one: no controlling terminal."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", UP],
        env=settings.environment() | {"TERM": "xterm"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=_take_terminal if hangup else None,
    )
    os.close(slave)
    told = b""
    while b"Ctrl-C stops everything" not in told:
        told += os.read(master, 1 << 16)
    assert len(marked_processes(mark(settings))) == 1

    os.close(master)

    assert process.wait(120) == 0
    assert marked_processes(mark(settings)) == []


def _take_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def test_a_pipe_whose_reader_ends_ends_all(settings: Settings) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", UP],
        env=settings.environment(),
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()

    process.stdout.close()

    assert process.wait(120) == 0
    assert marked_processes(mark(settings)) == []


def test_a_full_disk_takes_lines_and_ends_nothing() -> None:
    gone = threading.Event()
    with Path("/dev/full").open("w") as full:
        output = CarefulOutput(gone, full)
        output.write("a line\n" * 10_000)
        output.flush()
        output.look()
        assert not gone.is_set()


def mark(settings: Settings) -> str:
    return str(settings.state / "supervisor.lock")
