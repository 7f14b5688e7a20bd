"""Ends what a supervisor started, also when the supervisor was killed.

A process of its own waits on a pipe that only the supervisor holds open; the kernel closes it
however the supervisor ends. Then everything that bears the supervisor's mark in its
environment is ended. The mark is inherited by grandchildren that changed their session or
lost their parents, which neither process groups nor the kernel's death signal reach.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from photosearch.processes.spec import GRACE_S, SUPERVISED


def marked_processes(mark: str) -> list[psutil.Process]:
    """Every process that bears ``mark``, but this one and its ancestors."""
    spared = {process.pid for process in psutil.Process().parents()} | {psutil.Process().pid}
    found = []
    for process in psutil.process_iter():
        try:
            if (
                process.pid not in spared
                and process.status() != psutil.STATUS_ZOMBIE
                and process.environ().get(SUPERVISED) == mark
            ):
                found.append(process)
        except psutil.Error:  # gone meanwhile, or another user's
            continue
    return found


def end_marked(mark: str, *, grace_s: float = GRACE_S) -> None:
    """End every process that bears ``mark``, those that are started meanwhile too."""
    limit = time.monotonic() + grace_s
    told: set[int] = set()
    while running := marked_processes(mark):
        late = time.monotonic() > limit
        for process in running:
            if late or process.pid not in told:
                _send(process, signal.SIGKILL if late else signal.SIGTERM)
                told.add(process.pid)
        time.sleep(0.1)


def start_reaper(mark: str, *, grace_s: float = GRACE_S) -> "subprocess.Popen[bytes]":
    """Start the process that ends what bears ``mark`` as soon as its standard input closes."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "photosearch.processes.reaper", mark, str(grace_s)],
        stdin=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C must not reach it
    )


@contextmanager
def reaped(mark: str, *, grace_s: float = GRACE_S) -> Iterator[dict[str, str]]:
    """The environment for children that must not outlive the block, however it is left."""
    reaper = start_reaper(mark, grace_s=grace_s)
    try:
        yield {SUPERVISED: mark}
    finally:
        assert reaper.stdin is not None
        reaper.stdin.close()  # it ends what is left, and itself
        reaper.wait()


def _send(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


if __name__ == "__main__":
    sys.stdin.buffer.read()  # until the supervisor closes the pipe or is gone
    end_marked(sys.argv[1], grace_s=float(sys.argv[2]))
