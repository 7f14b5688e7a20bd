"""Windows of listing time, and the arithmetic between their granularities.

A window is a half-open stretch of UTC time, aligned to its hour, day or month. Because the
three granularities nest without remainder, two windows are either disjoint or one holds the
other; everything that composes windows (gluing, covers, retirement) rests on that.

Standard library only: every part of the system imports this module, the lightest too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property, lru_cache, total_ordering

from photosearch.errors import PhotosearchError

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
#: Clocks of machines that keep time differ by less: a window that ends so soon is taken for over
#: when another machine says that it is.
CLOCK_TOLERANCE = timedelta(minutes=5)


class WindowError(PhotosearchError, ValueError):
    """A text or a time that names no window."""


class Granularity(StrEnum):
    HOURLY = "hourly"
    DAILY = "daily"
    MONTHLY = "monthly"

    @property
    def start_format(self) -> str:
        """How a window's start is written: ``2026-11-22T14``, ``2026-11-22``, ``2026-11``."""
        return _START_FORMATS[self]

    @property
    def finer(self) -> "Granularity | None":
        return _FINER[self]

    @property
    def coarser(self) -> "Granularity | None":
        return _COARSER[self]


_START_FORMATS = {
    Granularity.HOURLY: "%Y-%m-%dT%H",
    Granularity.DAILY: "%Y-%m-%d",
    Granularity.MONTHLY: "%Y-%m",
}
_START_LENGTHS = {Granularity.HOURLY: 13, Granularity.DAILY: 10, Granularity.MONTHLY: 7}
_FINER = {
    Granularity.HOURLY: None,
    Granularity.DAILY: Granularity.HOURLY,
    Granularity.MONTHLY: Granularity.DAILY,
}
_COARSER = {
    Granularity.HOURLY: Granularity.DAILY,
    Granularity.DAILY: Granularity.MONTHLY,
    Granularity.MONTHLY: None,
}


@dataclass(frozen=True, order=True)
class Span:
    """A half-open stretch of UTC time ``[start, end)``, not empty."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        _require_utc(self.start)
        _require_utc(self.end)
        if self.end <= self.start:
            raise WindowError(
                "a span needs its end after its start",
                found=f"{self.start.isoformat()} to {self.end.isoformat()}",
            )

    def contains(self, other: "Span") -> bool:
        return self.start <= other.start and other.end <= self.end


@total_ordering
@dataclass(frozen=True)
class Window:
    """One hour, day or month of UTC time; its key reads ``daily/2026-11-22``.

    Windows sort in time order; of two with one start the coarser comes first.
    """

    granularity: Granularity
    start: datetime

    def __post_init__(self) -> None:
        _require_utc(self.start)
        if _floor(self.granularity, self.start) != self.start:
            raise WindowError(
                f"a {self.granularity} window starts on its own boundary",
                found=self.start.isoformat(),
            )

    @classmethod
    def holding(cls, granularity: Granularity, moment: datetime) -> "Window":
        """The window of this granularity that holds ``moment`` (UTC)."""
        _require_utc(moment)
        return cls(granularity, _floor(granularity, moment))

    @classmethod
    def parse(cls, key: str) -> "Window":
        """Read a key such as ``hourly/2026-11-22T14``.

        Raises:
            WindowError: if the text is no such key.
        """
        return _parsed(key)

    @property
    def start_text(self) -> str:
        """The start as the granularity writes it, which is also the partition key."""
        return self.start.isoformat()[: _START_LENGTHS[self.granularity]]

    @cached_property
    def key(self) -> str:
        return f"{self.granularity}/{self.start_text}"

    @property
    def end(self) -> datetime:
        if self.granularity is Granularity.HOURLY:
            return self.start + HOUR
        if self.granularity is Granularity.DAILY:
            return self.start + DAY
        return _next_month(self.start)

    @property
    def span(self) -> Span:
        return Span(self.start, self.end)

    def is_closed(self, now: datetime) -> bool:
        """Whether the window is over, so that no listing of its time is still to come."""
        return self.end <= now

    def parent(self) -> "Window | None":
        """The next coarser window that holds this one; none for a month."""
        coarser = self.granularity.coarser
        return None if coarser is None else Window.holding(coarser, self.start)

    def children(self) -> list["Window"]:
        """The next finer windows that fill this one, in time order; none for an hour."""
        return list(_children(self))

    def __hash__(self) -> int:
        return hash(self.start)  # which a datetime remembers: windows are looked up all the time

    def __lt__(self, other: "Window") -> bool:
        return (self.start, -self.end.timestamp()) < (other.start, -other.end.timestamp())

    def __str__(self) -> str:
        return self.key


@lru_cache(maxsize=1 << 16)
def _parsed(key: str) -> Window:
    """Kept, because the documents of one installation name the same windows over and over."""
    name, _, start = key.partition("/")
    try:
        granularity = Granularity(name)
        first_day = "-01" if granularity is Granularity.MONTHLY else ""
        moment = datetime.fromisoformat(start + first_day).replace(tzinfo=UTC)
        window = Window(granularity, moment)
    except ValueError:
        window = None
    if window is None or window.key != key:
        raise WindowError(
            "a window is written hourly/2026-11-22T14, daily/2026-11-22 or monthly/2026-11",
            found=repr(key),
        )
    return window


def windows_within(span: Span, granularity: Granularity) -> Iterator[Window]:
    """Every window of ``granularity`` that lies wholly inside ``span``, in time order."""
    window = Window.holding(granularity, span.start)
    if window.start < span.start:
        window = Window(granularity, window.end)
    while window.end <= span.end:
        yield window
        window = Window(granularity, window.end)


def closed_windows(start: datetime, now: datetime, granularity: Granularity) -> list[Window]:
    """The windows from the timeline's start that are over at ``now``, in time order."""
    end = _floor(granularity, now)
    return list(_within(start, end, granularity)) if end > start else []


# The same ones are asked for again and again, and ten thousand take a tenth of a second to make.
@lru_cache(maxsize=32)
def _within(start: datetime, end: datetime, granularity: Granularity) -> tuple[Window, ...]:
    return tuple(windows_within(Span(start, end), granularity))


@lru_cache(maxsize=4096)
def _children(window: Window) -> tuple[Window, ...]:
    finer = window.granularity.finer
    return () if finer is None else tuple(windows_within(window.span, finer))


def require_month_aligned(start: datetime) -> datetime:
    """The timeline's start, which every granularity must share.

    Raises:
        WindowError: if ``start`` is not the first instant of a month in UTC.
    """
    _require_utc(start)
    if _floor(Granularity.MONTHLY, start) != start:
        raise WindowError(
            "the timeline starts with a month",
            found=start.isoformat(),
            remedy=f"use {_floor(Granularity.MONTHLY, start).isoformat()} (timeline_start)",
        )
    return start


def _require_utc(moment: datetime) -> None:
    if moment.utcoffset() != timedelta(0):
        raise WindowError("times are in UTC", found=moment.isoformat())


def _floor(granularity: Granularity, moment: datetime) -> datetime:
    hour = moment.replace(minute=0, second=0, microsecond=0)
    if granularity is Granularity.HOURLY:
        return hour
    day = hour.replace(hour=0)
    return day if granularity is Granularity.DAILY else day.replace(day=1)


def _next_month(start: datetime) -> datetime:
    year, month = divmod(start.year * 12 + start.month, 12)
    return start.replace(year=year, month=month + 1)
