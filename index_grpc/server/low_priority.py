"""Work that gives way to what answers.

A server that starts uses a whole core for seconds, to import and to load, while its predecessor
still answers on the same machine. On Linux each thread has a priority of its own, and a thread
inherits it from the one that starts it. So both run in threads of low priority, and the
threads that answer later are started from the main thread and keep the usual one; lowering a
whole process could not be taken back without privileges. Low, not lowest: beside a backlog
that keeps all cores busy, a load at nice 19 gets 1 % of a core and takes minutes.
"""

import os
import sys
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Result = TypeVar("Result")
NICENESS = 10


class LowPriorityWork(Generic[Result]):
    """Runs ``work`` once in a thread of low priority."""

    def __init__(self, name: str, work: Callable[[], Result]) -> None:
        self._work = work
        self._result: list[Result] = []
        self._error: BaseException | None = None
        self.done = threading.Event()
        # A daemon: a process that is told to end does not wait for a load.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def result(self) -> Result:
        """Wait for the end; returns what the work returned or raises what it raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._result[0]

    def _run(self) -> None:
        try:
            lower_this_thread()
            self._result.append(self._work())
        except BaseException as error:
            self._error = error
        finally:
            self.done.set()


def lower_this_thread() -> None:
    """Give this thread, and those it starts, low priority; on Linux only."""
    if sys.platform == "linux":
        # There a "process" of setpriority is a thread: see NOTES of setpriority(2).
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
