"""A child process: how it is told to end, how it ended, and what it said."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from photosearch.processes.child import Child, end, how_it_ended
from photosearch.processes.log_writer import LogWriter
from photosearch.settings.settings import Settings
from tests.waiting import until

DEAF = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True)\n"
SLEEP = "import time; print('up', flush=True); time.sleep(600)"


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[LogWriter]:
    writer = LogWriter(Settings(base_dir=tmp_path))
    yield writer
    writer.close()


Start = Callable[[str], Child]


@pytest.fixture
def start(tmp_path: Path, logs: LogWriter) -> Iterator[Start]:
    """Starts a script that says when it is up."""
    started: list[Child] = []

    def start_script(code: str) -> Child:
        log = tmp_path / f"{len(started)}.log"
        argv = [sys.executable, "-c", code]
        child = Child.start(argv, log, logs, cwd=tmp_path, environment=os.environ)
        started.append(child)
        return child

    yield start_script
    for child in started:
        child.kill()
        child.wait(10)
        child.forget()


def until_up(child: Child) -> Child:
    until(lambda: child.last_words().startswith("up"))
    return child


def ending_of(child: Child) -> str:
    until(child.ending)
    how = child.ending()
    assert how is not None
    return how


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "exit code 0"),
        (3, "exit code 3"),
        (-9, "killed by SIGKILL"),
        (-40, "killed by signal 40"),
    ],
)
def test_how_a_process_ended_is_told_in_words(code: int, words: str) -> None:
    assert how_it_ended(code) == words


def test_one_that_ends_by_itself_is_told_with_what_it_said(start: Start) -> None:
    child = start("import sys; print('no such shop'); sys.exit(3)")

    assert ending_of(child) == "exit code 3"
    assert child.last_words() == "no such shop"
    assert not child.is_ending


def test_the_words_of_a_fatal_error_begin_where_it_does(start: Start) -> None:
    child = start("print('one'); import os; os.write(2, b'Fatal Python error: x\\n' + b'y\\n' * 9)")

    ending_of(child)

    assert child.last_words() == "Fatal Python error: x | y | y | y"


def test_one_that_is_told_to_end_has_its_grace_and_no_more(start: Start) -> None:
    child = until_up(start(DEAF + "time.sleep(600)"))
    assert child.ending() is None

    begun = time.monotonic()
    child.end(grace_s=0.5)

    assert child.is_ending
    assert child.ending() is None
    child.end(grace_s=600)  # its time goes on
    assert ending_of(child) == "killed by SIGKILL"
    assert 0.5 < time.monotonic() - begun < 30


def test_one_that_was_stopped_ends_in_order(start: Start) -> None:
    orderly = "import signal; signal.signal(15, lambda *_: print('bye') or exit())\n"
    child = until_up(start(orderly + SLEEP))
    os.kill(child.pid, signal.SIGSTOP)

    child.end(grace_s=60)

    assert ending_of(child) == "exit code 0"
    assert child.last_words() == "up | bye"


def test_what_it_left_in_its_session_ends_with_it(start: Start) -> None:
    code = "import subprocess, sys; p = subprocess.Popen(['sleep', '600']); print('up', p.pid)"
    child = start(code)
    until(lambda: len(child.last_words().split()) == 2)
    left = int(child.last_words().split()[1])

    ending_of(child)

    until(lambda: not psutil.pid_exists(left))


def test_one_that_was_found_running_is_ended_alike(start: Start, logs: LogWriter) -> None:
    """As by a deployer that did not start it: it has no exit code."""
    sleeper = until_up(start(SLEEP))
    found = Child(psutil.Process(sleeper.pid), sleeper.log, logs)
    assert found.ending() is None
    assert found.last_words() == "up"
    assert not found.wait(0.05)

    found.end()

    assert ending_of(found) == "ended"
    assert found.wait(1)
    found.kill()  # of one that has ended nothing is left to kill


def test_a_process_that_is_waited_for_ends_at_once_or_is_killed() -> None:
    for code, returned in ((SLEEP, -signal.SIGTERM), (DEAF + "time.sleep(600)", -signal.SIGKILL)):
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()

        end(process, 0.5)

        assert process.returncode == returned
        process.stdout.close()
