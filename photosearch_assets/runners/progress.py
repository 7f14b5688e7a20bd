"""Who wants to hear how far a step has come, in this process.

A step runs deep inside Dagster, which has no way to tell a terminal of photos done. So the
one who watches says so here, and the in-process runner tells.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from photosearch_assets.steps.result import StepResult

PHOTOS_DONE = "photos_done"
"""The one member of a message that says how many more photos a process has dealt with."""

ERROR = "error"
"""The one member of a message that says why one of our own steps failed."""

_PAUSE_S = 0.3


class Watcher(Protocol):
    def photos(self, count: int) -> None:
        """So many more photos have been dealt with."""

    def result(self, result: StepResult) -> None:
        """A window is done."""


_watchers: list[Watcher] = []


@contextmanager
def watched_by(watcher: Watcher) -> Iterator[None]:
    """Tell ``watcher`` of all steps that run in this process meanwhile."""
    _watchers.append(watcher)
    try:
        yield
    finally:
        _watchers.remove(watcher)


def tell_photos(count: int) -> None:
    for watcher in _watchers:
        watcher.photos(count)


def tell_result(result: StepResult) -> None:
    for watcher in _watchers:
        watcher.result(result)


class PhotoMessages:
    """Photos done, gathered into a few messages a second; safe to share between threads."""

    def __init__(self, send: Callable[[dict[str, int]], None]) -> None:
        self._send = send
        self._lock = threading.Lock()
        self._waiting = 0
        self._sent_at = float("-inf")

    def add(self, count: int) -> None:
        """So many more photos have been dealt with."""
        with self._lock:
            self._waiting += count
            if time.monotonic() - self._sent_at >= _PAUSE_S:
                self._send_waiting()

    def flush(self) -> None:
        """Send what waits."""
        with self._lock:
            self._send_waiting()

    def _send_waiting(self) -> None:
        if self._waiting:
            self._send({PHOTOS_DONE: self._waiting})
            self._waiting = 0
            self._sent_at = time.monotonic()
