"""How a database keeps the time of a listing, and how to ask it for a stretch of time.

PostgreSQL has two timestamp types, with a zone and without; the second is read as UTC.
SQLite has none: other people's files hold ISO text with and without ``T``, ``Z`` or an
offset, or seconds or milliseconds since 1970. A function call on the column would read them
all but use no index, so SQLite is asked for a superset that any spelling sorts into (a day
of margin covers every offset) and the rows are read exactly here. In the tables that
photosearch makes itself, a constraint holds the text to one spelling, and the stretch is exact.

What :func:`read_time` reads, :func:`within` finds, and nothing else is a time: of text that is
what begins with its date, ``2026-11-29`` or ``20261129``, so that it sorts by it.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

import sqlalchemy as sa

SPELLING_CONSTRAINT = "photosearch_time_spelling"
# How SQLAlchemy writes a DateTime to SQLite.
SPELLING_PATTERN = (
    "[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9] [0-2][0-9]:[0-5][0-9]:[0-5][0-9]."
    "[0-9][0-9][0-9][0-9][0-9][0-9]"
)

_POSTGRESQL_SPELLING = "YYYY-MM-DD HH24:MI:SS.US"

# Seconds since 1970 reach this in the year 5138; larger numbers are milliseconds.
_FIRST_MILLISECONDS = 1e11
# A fraction that is read as the next microsecond may be of the second before.
_ROUNDING_S = 1.0

_BEFORE_TEXT = " \t\r\n\v\f"
_HIGHEST = "\U0010ffff"


class TimeKeeping(StrEnum):
    """What a time column holds."""

    AWARE = "timestamp with time zone"
    NAIVE = "timestamp without time zone, read as UTC"
    DATE = "date"
    NUMBER = "number"
    ANY = "SQLite text or number"
    SPELLED = "SQLite text in one spelling"


def within(
    column: sa.ColumnElement[object], keeping: TimeKeeping, start: datetime, end: datetime
) -> sa.ColumnElement[bool]:
    """A condition that every row with its time in ``[start, end)`` meets.

    Others may meet it too: read the rows' times and look again. It is exact for columns
    whose times :func:`spelled_by` can write.
    """
    match keeping:
        case TimeKeeping.AWARE:
            return sa.and_(column >= start, column < end)
        case TimeKeeping.NAIVE:
            naive = (start.replace(tzinfo=None), end.replace(tzinfo=None))
            return sa.and_(column >= naive[0], column < naive[1])
        case TimeKeeping.SPELLED:
            return sa.and_(column >= spelled(start), column < spelled(end))
        case TimeKeeping.DATE:
            return sa.and_(column >= start.date(), column <= end.date())
        case TimeKeeping.NUMBER:
            return sa.or_(*_as_numbers(column, start, end))
        case TimeKeeping.ANY:
            return sa.or_(*_as_texts(column, start, end), *_as_numbers(column, start, end))


def spelled_by(
    column: sa.ColumnElement[object], keeping: TimeKeeping
) -> sa.ColumnElement[object] | None:
    """The column's times as :func:`spelled`, written by the database itself, which is
    several times as fast as to read and write them here; none if it can't."""
    match keeping:
        case TimeKeeping.SPELLED:
            return column
        case TimeKeeping.AWARE:
            return sa.func.to_char(sa.func.timezone("UTC", column), _POSTGRESQL_SPELLING)
        case TimeKeeping.NAIVE:
            return sa.func.to_char(column, _POSTGRESQL_SPELLING)
        case _:
            return None


def spelled(moment: datetime) -> str:
    """A time as photosearch's own SQLite tables keep it: ``2026-11-22 14:05:00.000000``."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def read_time(value: object) -> datetime | None:
    """A time as any column may give it, in UTC; none if it is no time at all."""
    try:
        if isinstance(value, str):
            text = value.strip(_BEFORE_TEXT)
            # It reads weeks too, which no order of text holds beside months.
            return None if "W" in text[:6] else _in_utc(datetime.fromisoformat(text))
        if isinstance(value, datetime):
            return _in_utc(value)
        if isinstance(value, date):
            return datetime(value.year, value.month, value.day, tzinfo=UTC)
        if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
            number = float(value)
            milliseconds = abs(number) >= _FIRST_MILLISECONDS
            return datetime.fromtimestamp(number / 1e3 if milliseconds else number, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _as_numbers(
    column: sa.ColumnElement[object], start: datetime, end: datetime
) -> list[sa.ColumnElement[bool]]:
    first, last = start.timestamp() - _ROUNDING_S, end.timestamp()
    return [
        sa.and_(column >= first * unit, column < last * unit)
        for unit in (1.0, 1e3)  # seconds, milliseconds
    ]


def _as_texts(
    column: sa.ColumnElement[object], start: datetime, end: datetime
) -> list[sa.ColumnElement[bool]]:
    """Stretches of an index of text, each between texts that are no numbers: SQLite would
    compare the column's as numbers with one that is."""
    first, last = (day.isoformat() for day in _a_day_around(start, end))
    basic = first.replace("-", "")
    before = f"{basic[:-1]}{chr(ord(basic[-1]) - 1)}"
    stretches = [
        (first, f"{last}{_HIGHEST}"),
        (f"{before}{_HIGHEST}", f"{last.replace('-', '')}{_HIGHEST}"),
        ("", "!"),  # with a blank before it
    ]
    return [sa.and_(column >= low, column < high) for low, high in stretches]


def _a_day_around(start: datetime, end: datetime) -> tuple[date, date]:
    """The first and the last date that a time between the two may have, whatever its offset."""
    try:
        first = (start - timedelta(days=1)).date()
    except OverflowError:
        first = date.min
    try:
        last = (end + timedelta(days=1)).date()
    except OverflowError:
        last = date.max
    return first, last
