"""Which runs are at work: what holds for whoever tells, and what for lock files alone.

A second way of telling is another :class:`Workplace` among the fixture's: what the first tests
say holds for it as well.
"""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from photosearch_assets.instance import run_locks
from photosearch_assets.instance.run_locks import RunLocks
from photosearch_assets.instance.runs_at_work import RunsAtWork


class Workplace(Protocol):
    """Where runs work: processes begin there, go on to another run, and are killed."""

    def asked(self) -> RunsAtWork:
        """As a sensor, or an erasure, of another process asks."""

    def begin(self, run_id: str) -> None:
        """A new process works on this run."""

    def go_on(self, run_id: str, following: str) -> None:
        """The process of a run works on the following one."""

    def kill(self, run_id: str) -> None:
        """The process of a run is gone, and had no time to say so."""


_WORKS = """
import sys
from pathlib import Path
from photosearch_assets.instance.run_locks import RunLocks
for line in sys.stdin:
    RunLocks(Path(sys.argv[1])).hold(line.strip())
    print(flush=True)
"""


class WithLocks:
    """Processes of this machine, which hold lock files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def asked(self) -> RunLocks:
        return RunLocks(self._folder)

    def begin(self, run_id: str) -> None:
        self._processes[run_id] = subprocess.Popen(
            [sys.executable, "-c", _WORKS, str(self._folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.go_on(run_id, run_id)

    def go_on(self, run_id: str, following: str) -> None:
        process = self._processes.pop(run_id)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{following}\n".encode())
        process.stdin.flush()
        assert process.stdout.readline()
        self._processes[following] = process

    def kill(self, run_id: str) -> None:
        process = self._processes.pop(run_id)
        process.kill()
        process.communicate()

    def close(self) -> None:
        for run_id in list(self._processes):
            self.kill(run_id)


@pytest.fixture
def locks(tmp_path: Path) -> Iterator[WithLocks]:
    locks = WithLocks(tmp_path / "runs")
    yield locks
    locks.close()


@pytest.fixture(params=["locks"])
def workplace(request: pytest.FixtureRequest) -> Workplace:
    workplace: Workplace = request.getfixturevalue(request.param)
    return workplace


def test_nothing_is_known_of_a_run_that_nobody_has_begun(workplace: Workplace) -> None:
    asked = workplace.asked()

    assert asked.living() == set()
    assert not asked.has_begun("never")
    assert not asked.is_dead("never")


def test_runs_live_as_long_as_their_processes(workplace: Workplace) -> None:
    workplace.begin("first")
    workplace.begin("second")
    assert workplace.asked().living() == {"first", "second"}
    assert not workplace.asked().is_dead("first")

    workplace.kill("first")

    assert workplace.asked().living() == {"second"}
    assert workplace.asked().is_dead("first")
    assert workplace.asked().has_begun("first")
    assert not workplace.asked().is_dead("second")


def test_a_run_whose_process_works_on_another_is_over_and_not_dead(workplace: Workplace) -> None:
    workplace.begin("first")

    workplace.go_on("first", "second")

    assert workplace.asked().living() == {"second"}
    assert not workplace.asked().is_dead("first")


def test_a_dead_run_that_was_dealt_with_is_forgotten(workplace: Workplace) -> None:
    workplace.begin("first")
    workplace.kill("first")

    workplace.asked().forget("first")

    assert not workplace.asked().is_dead("first")
    assert not workplace.asked().has_begun("first")


def test_asking_again_and_again_is_in_no_runs_way(workplace: Workplace) -> None:
    workplace.begin("first")

    assert all(workplace.asked().living() == {"first"} for _ in range(20))

    workplace.go_on("first", "second")
    assert workplace.asked().living() == {"second"}


def test_no_file_of_a_run_is_ever_seen_unlocked_and_old_ones_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    (folder / "long-ago").touch()
    os.utime(folder / "long-ago", (0, 0))
    (folder / "killed-lately").touch()
    locks = RunLocks(folder)
    held: dict[Path, int] = {}
    seen = []
    lock = fcntl.flock

    def look_first(descriptor: int, kind: int) -> None:
        if kind == fcntl.LOCK_EX:
            seen.append(locks.is_dead("now"))
        lock(descriptor, kind)

    monkeypatch.setattr(fcntl, "flock", look_first)
    monkeypatch.setattr(run_locks, "_held", held)

    locks.hold("now")

    assert seen == [False]
    assert {path.name for path in folder.iterdir()} == {"now", "killed-lately"}
    assert locks.is_dead("killed-lately")
    assert not locks.is_dead("now")
    os.close(held.pop(folder / "now"))


def test_a_process_does_not_wait_for_the_run_that_it_works_on_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: dict[Path, int] = {}
    monkeypatch.setattr(run_locks, "_held", held)
    locks = RunLocks(tmp_path / "runs")

    locks.hold("mine")

    assert locks.living() == set()
    os.close(held.pop(tmp_path / "runs" / "mine"))
