"""A process that was killed holds what it held for a moment more, and is no reason to refuse."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

import pytest

from photosearch.processes import dying
from photosearch.processes.dying import LIVING_S, is_dying
from photosearch.processes.only_one import AlreadyRunning, only_one
from photosearch.processes.ports import PortInUse, require_free_ports
from photosearch.processes.spec import ProcessSpec
from photosearch.settings.settings import Settings

# Holds a lock and a port until its input ends. Told to, its first thread is gone at once: what
# ps calls a zombie, and what holds on to everything, as a process of many gigabytes does.
HOLDER = """
import ctypes, os, socket, sys, threading
from pathlib import Path
from photosearch.processes.only_one import only_one

with only_one(Path(sys.argv[1]), "the holder"), socket.create_server(("127.0.0.1", 0)) as server:
    def until_the_end():
        sys.stdin.read()
        os._exit(0)
    threading.Thread(target=until_the_end).start()
    print(server.getsockname()[1], flush=True)
    if sys.argv[2] == "dying":
        ctypes.CDLL(None).syscall({"x86_64": 60}.get(os.uname().machine, 93), 0)
    threading.Event().wait()
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="ends one thread by Linux's call")


@contextmanager
def holder(lock: Path, how: str) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(lock), how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process, int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
        let_go(process)


def let_go(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.close()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "lock"


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in ("DYING_S", "UNKNOWN_S"):
        monkeypatch.setattr(dying, limit, 60.0)


def test_a_lock_whose_holder_dies_is_waited_for(lock: Path) -> None:
    with holder(lock, "dying") as (process, _):
        Timer(3 * LIVING_S, let_go, [process]).start()

        with only_one(lock, "the heir"):
            assert lock.read_text() == str(os.getpid())


def test_a_lock_whose_holder_lives_is_refused_with_its_process(lock: Path) -> None:
    with (
        holder(lock, "living") as (process, _),
        pytest.raises(AlreadyRunning, match=rf"the heir runs already: found process {process.pid}"),
        only_one(lock, "the heir"),
    ):
        pass


def test_a_port_whose_holder_dies_is_waited_for(lock: Path, tmp_path: Path) -> None:
    with holder(lock, "dying") as (process, port):
        Timer(3 * LIVING_S, let_go, [process]).start()

        require_free_ports([needing(port)], Settings(base_dir=tmp_path))


def test_a_port_whose_holder_lives_is_refused_with_its_process(lock: Path, tmp_path: Path) -> None:
    with (
        holder(lock, "living") as (process, port),
        pytest.raises(PortInUse, match=f"found process {process.pid}"),
    ):
        require_free_ports([needing(port)], Settings(base_dir=tmp_path))


def test_what_was_sent_a_kill_dies_from_that_instant_on() -> None:
    """Whether its processor has looked at the signal yet or not."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        assert not is_dying(process.pid)
        process.send_signal(signal.SIGKILL)
        assert is_dying(process.pid)
    finally:
        process.wait()
    assert is_dying(process.pid)


def needing(port: int) -> ProcessSpec:
    return ProcessSpec("server", ["true"], ready_url=f"http://127.0.0.1:{port}/")
