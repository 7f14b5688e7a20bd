"""The demo killed in the middle: what it started ends with it."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from photosearch.processes.reaper import end_marked, marked_processes
from photosearch.processes.spec import photosearch_argv

_WITHIN_S = 60.0


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "demo"
    end_marked(mark(tmp_path / "demo"), grace_s=1)


@pytest.fixture
def demo(folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A small demo that is just making its indexes."""
    argv = photosearch_argv("demo", "--exit", "--dir", str(folder), "--listings", "50")
    with (folder.parent / "demo.log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log, start_new_session=True)
    try:
        until(lambda: "materialize" in commands(folder))
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_killed_demo_leaves_no_materialize_behind(
    demo: "subprocess.Popen[bytes]", folder: Path
) -> None:
    demo.kill()

    until(lambda: marked_processes(mark(folder)) == [])


def test_a_demo_told_to_end_ends_its_materialize_first(
    demo: "subprocess.Popen[bytes]", folder: Path
) -> None:
    demo.send_signal(signal.SIGTERM)

    assert demo.wait(_WITHIN_S) == 1
    assert marked_processes(mark(folder)) == []
    assert "goes on from here" in (folder.parent / "demo.log").read_text()


def mark(folder: Path) -> str:
    return str(folder.resolve() / "demo.lock")


def commands(folder: Path) -> list[str]:
    found = []
    for process in marked_processes(mark(folder)):
        with suppress(psutil.Error):  # it ends while it is looked at
            found.extend(process.cmdline())
    return found


def until(condition: Callable[[], object]) -> None:
    limit = time.monotonic() + _WITHIN_S
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.1)
