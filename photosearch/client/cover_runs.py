"""The cover of an answer as a person reads it: neighbours of one kind as one line.

Hours that a pack holds beside one another differ in nothing that a reader asks about, and
a shop of two months has 1,500 of them. So what touches in time and agrees in granularity,
server and freshness is one run; a gap or a change ends it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from photosearch.rest.timeline import CoverWindow
from photosearch.terminal.wording import counted

_UNITS = {"hourly": "hour", "daily": "day", "monthly": "month"}


@dataclass(frozen=True)
class CoverRun:
    """Windows that touch: how many, from when to when, with how many photos."""

    first: CoverWindow
    end: datetime
    windows: int
    rows: int
    versions: tuple[str, ...]

    @property
    def start(self) -> datetime:
        return self.first.start

    @property
    def name(self) -> str:
        """Of a single window its key, as commands take it; else how many there are."""
        return self.counted if self.windows > 1 else self.first.window

    @property
    def counted(self) -> str:
        """``24 hours`` or ``1 month``."""
        granularity = self.first.granularity
        unit = _UNITS.get(granularity, f"{granularity} window")
        return counted(self.windows, unit)


def cover_runs(cover: Iterable[CoverWindow], *, fold: bool = True) -> list[CoverRun]:
    """The runs of a cover in time order; without ``fold`` each window is a run of its own."""
    windows = sorted(cover, key=lambda window: window.start)
    groups: list[list[CoverWindow]] = [[window] for window in windows[:1]]
    for before, window in pairwise(windows):
        if fold and before.end == window.start and _kind(before) == _kind(window):
            groups[-1].append(window)
        else:
            groups.append([window])
    return [_run(group) for group in groups]


def _kind(window: CoverWindow) -> tuple[str, str, bool]:
    return window.granularity, window.served_by, window.stale


def _run(windows: list[CoverWindow]) -> CoverRun:
    return CoverRun(
        windows[0],
        windows[-1].end,
        len(windows),
        sum(window.rows for window in windows),
        tuple(dict.fromkeys(window.version for window in windows)),
    )
