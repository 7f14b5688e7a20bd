"""What the processes print: all of it, with a time, in files that are bounded."""

import json
import os
import re
import resource
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from photosearch.logs.log_file import LogFile
from photosearch.processes.spec import ProcessSpec
from photosearch.processes.supervised import ProcessState
from photosearch.processes.supervisor import Supervisor
from photosearch.settings.settings import Settings
from tests.supervisor.conftest import said, script
from tests.waiting import until

TIMED = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d")
COUNTING = """
import time
for number in range(5000):
    print(f"line {number} of a process that says a lot", flush=True)
print("end", flush=True)
time.sleep(600)
"""


def writers() -> list[psutil.Process]:
    children = psutil.Process().children()
    return [one for one in children if "photosearch.processes.log_writer" in one.cmdline()]


def numbers(settings: Settings) -> list[int]:
    """The numbered lines in all logs, the oldest first."""
    files = sorted(settings.logs_dir.iterdir(), key=lambda file: (len(file.name), file.name))
    text = "".join(file.read_text() for file in [*files[1:][::-1], files[0]])
    return [int(number) for number in re.findall(r"line (\d+) of", text)]


def test_a_log_makes_way_while_its_process_runs_and_loses_no_line(settings: Settings) -> None:
    settings = settings.model_copy(update={"log_bytes": 40_000, "log_files": 20})
    with Supervisor(settings, [script(COUNTING)]).start() as supervisor:
        until(lambda: said(settings).endswith("end\n"))
        assert supervisor.processes[0].restarts == 0

    assert numbers(settings) == list(range(5000))
    files = list(settings.logs_dir.iterdir())
    assert len(files) > 5
    assert all(file.stat().st_size <= 40_000 for file in files)


def test_former_logs_beyond_the_number_go(settings: Settings) -> None:
    settings = settings.model_copy(update={"log_bytes": 40_000, "log_files": 2})
    with Supervisor(settings, [script(COUNTING)]).start():
        until(lambda: said(settings).endswith("end\n"))
    names = sorted(file.name for file in settings.logs_dir.iterdir())
    assert names == ["script.log", "script.log.1", "script.log.2"]


def test_a_writer_that_is_killed_or_stopped_costs_no_line_and_no_process(
    settings: Settings,
) -> None:
    with Supervisor(settings, [script(COUNTING)]).start() as supervisor:
        until(lambda: "line 3 of" in said(settings))
        [writer] = writers()
        writer.suspend()
        until(lambda: "line 300 of" in said(settings))
        [writer] = writers()
        writer.kill()
        until(lambda: said(settings).endswith("end\n"))
        assert supervisor.processes[0].restarts == 0
        assert supervisor.processes[0].state is ProcessState.READY
    found = numbers(settings)
    assert found == sorted(found)
    # What the killed one had read and not written is gone with it: one reading at the most.
    shortest = len(f"line {300} of a process that says a lot\n")
    assert len(found) >= 5000 - (1 << 16) // shortest - 1


def test_every_line_has_a_time_and_no_colour(settings: Settings) -> None:
    spec = script(
        r"""
        import logging, os, time
        print("\x1b[32mgreen\x1b[0m and \x1b]0;title\x07\x1b[2J\x9b5m plain")
        print("2026-11-30 06:15:55 +0000 - dagster - INFO - has a time")
        print("colours:", os.environ.get("NO_COLOR"), os.environ["TERM"])
        print("half a line", end="")
        raise SystemError("two\nlines \u202e")
        """
    )
    with Supervisor(settings, [spec]).start() as supervisor:
        until(lambda: supervisor.processes[0].state is ProcessState.CRASHED)
        tail = supervisor.processes[0].log_tail(30)
    lines = tail.splitlines()
    assert all(TIMED.match(line) for line in lines), lines
    assert "\x1b" not in tail
    assert "\u202e" not in tail
    assert any(re.search(r"Z green and \S* ?plain|Z green and", line) for line in lines)
    assert "2026-11-30 06:15:55 +0000 - dagster - INFO - has a time" in lines
    assert any("colours: 1 dumb" in line for line in lines)
    assert any("half a lineTraceback" in line for line in lines)


def test_as_json_every_line_is_an_object_with_a_time(settings: Settings) -> None:
    settings = settings.model_copy(update={"log_format": "json"})
    spec = script(
        """
        print('{"time": "2026-11-30T06:15:55Z", "path": "/v1/search"}')
        print("plain")
        print("{no object")
        """
    )
    with Supervisor(settings, [spec]).start() as supervisor:
        until(lambda: supervisor.processes[0].state is ProcessState.CRASHED)
        tail = supervisor.processes[0].log_tail(4)
    started, own, plain, none = map(json.loads, tail.splitlines())
    assert started["message"] == "--- started"
    assert own == {"time": "2026-11-30T06:15:55Z", "path": "/v1/search"}
    assert (plain["message"], plain["process"]) == ("plain", "script")
    assert TIMED.match(plain["time"])
    assert none["message"] == "{no object"


def test_what_a_full_disk_refuses_is_counted_and_told_later(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    of = LogFile(path, most_bytes=1 << 20, kept=1, as_json=False)
    of.write([b"first"])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 10, before[1]))
    try:
        of.write([b"second"])
        of.write([b"third", b"fourth"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    of.write([b"fifth"])

    told = [line.partition("Z ")[2] for line in path.read_text().splitlines()]
    assert told[0] == "first"
    assert re.fullmatch(r"\d lines were lost: File too large", told[1])
    assert told[2:] == ["fifth"]


@pytest.mark.parametrize("as_json", [True, False])
def test_a_line_that_is_an_object_with_a_time_stays_as_it_is(tmp_path: Path, as_json: bool) -> None:
    of = LogFile(tmp_path / "x.log", most_bytes=1 << 20, kept=1, as_json=as_json)
    of.write([b'{"time": "2026-11-30T06:15:55Z", "path": "/v1/search"}'])
    assert json.loads((tmp_path / "x.log").read_text())["path"] == "/v1/search"


def test_a_log_that_was_removed_is_made_anew(tmp_path: Path) -> None:
    of = LogFile(tmp_path / "logs/x.log", most_bytes=1 << 20, kept=1, as_json=False)
    of.write([b"first"])
    (tmp_path / "logs/x.log").unlink()
    (tmp_path / "logs").rmdir()
    of.write([b"second"])
    assert "second" in (tmp_path / "logs/x.log").read_text()


def test_the_writer_ends_with_a_killed_supervisor_and_what_it_left(settings: Settings) -> None:
    code = f"""
    import time
    from pathlib import Path
    from photosearch.settings.settings import load_settings
    from photosearch.processes.supervisor import Supervisor
    from photosearch.processes.spec import ProcessSpec
    last = "import signal, time; signal.signal(15, lambda *_: (print('bye'), exit()));"
    last += "print('hello', flush=True); time.sleep(600)"
    spec = ProcessSpec("script", [{sys.executable!r}, "-c", last])
    with Supervisor(load_settings(Path({str(settings.file)!r})), [spec], grace_s=60).start():
        print("started", flush=True)
        time.sleep(600)
    """
    code = "\n".join(line[4:] for line in code.splitlines())
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        children = psutil.Process(process.pid).children()
        [writer] = [one for one in children if "photosearch.processes.log_writer" in one.cmdline()]
        until(lambda: "hello" in said(settings))
        os.kill(process.pid, signal.SIGKILL)
    until(lambda: not writer.is_running())
    assert "bye" in said(settings)


@pytest.mark.parametrize("kept", [0, 1])
def test_a_log_may_keep_few_or_none(tmp_path: Path, kept: int) -> None:
    of = LogFile(tmp_path / "x.log", most_bytes=100, kept=kept, as_json=False)
    of.write([b"a" * 60] * 9)
    assert len(list(tmp_path.iterdir())) == kept + 1


def test_nothing_that_is_printed_is_too_long(settings: Settings) -> None:
    spec = ProcessSpec("script", [sys.executable, "-c", "print('x' * 300_000)"])
    with Supervisor(settings, [spec]).start() as supervisor:
        until(lambda: supervisor.processes[0].state is ProcessState.CRASHED)
        supervisor.processes[0].log_tail()
        text = said(settings)
    assert text.count("x") >= 300_000
    assert max(map(len, text.splitlines())) < 200_000
