"""Who wants to hear how far a step has come, in this process.

A step runs deep inside Dagster, which has no way to tell a terminal of photos done. So the
one who watches says so here, and the in-process runner tells.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from photosearch_assets.steps.result import StepResult


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
