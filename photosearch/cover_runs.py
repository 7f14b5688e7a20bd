"""The cover of an answer as a person reads it: neighbours of one kind as one line.

Hours that a pack holds beside one another differ in nothing that a reader asks about, and
a shop of two months has 1,500 of them. So what touches in time and agrees in granularity,
server and freshness is one run; a gap or a change ends it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from photosearch.windows import Granularity, Window

UNITS = {Granularity.HOURLY: "hour", Granularity.DAILY: "day", Granularity.MONTHLY: "month"}


@dataclass(frozen=True)
class CoverRun:
    """Windows that touch: how many, from when to when (ISO 8601), with how many photos."""

    granularity: str
    served_by: str
    stale: bool
    start: str
    end: str
    windows: int
    rows: int
    versions: tuple[str, ...]

    @property
    def name(self) -> str:
        """Of a single window its key, as commands take it; else how many there are."""
        if self.windows > 1:
            return self.counted
        start = datetime.fromisoformat(self.start)
        return Window(Granularity(self.granularity), start).key

    @property
    def counted(self) -> str:
        """``24 hours`` or ``1 month``."""
        unit = UNITS[Granularity(self.granularity)]
        return f"{self.windows:,} {unit}{'' if self.windows == 1 else 's'}"


def cover_runs(cover: Iterable[Mapping[str, Any]], *, fold: bool = True) -> list[CoverRun]:
    """The runs of a cover in time order; without ``fold`` each window is a run of its own.

    ``cover`` is what ``/v1/windows`` answers under that name.
    """
    windows = sorted(cover, key=lambda window: str(window["start"]))
    groups: list[list[Mapping[str, Any]]] = [[window] for window in windows[:1]]
    for before, window in pairwise(windows):
        if fold and before["end"] == window["start"] and _kind(before) == _kind(window):
            groups[-1].append(window)
        else:
            groups.append([window])
    return [_run(group) for group in groups]


def _kind(window: Mapping[str, Any]) -> tuple[str, str, bool]:
    return window["granularity"], window["served_by"], window["stale"]


def _run(windows: list[Mapping[str, Any]]) -> CoverRun:
    granularity, served_by, stale = _kind(windows[0])
    return CoverRun(
        granularity,
        served_by,
        stale,
        windows[0]["start"],
        windows[-1]["end"],
        len(windows),
        sum(window["rows"] for window in windows),
        tuple(dict.fromkeys(window["version"] for window in windows)),
    )
