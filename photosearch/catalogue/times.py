"""How a database keeps the time of a listing, and how to ask it for a stretch of time.

PostgreSQL has two timestamp types, with a zone and without; the second is read as UTC.
SQLite has none: other people's files hold ISO text with and without ``T``, ``Z`` or an
offset, or seconds or milliseconds since 1970. A function call on the column would read them
all but use no index, so SQLite is asked for a superset that any spelling sorts into (a day
of margin covers every offset) and the rows are read exactly here. In the tables that
photosearch makes itself, a constraint holds the text to one spelling, and the stretch is exact.
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
    seconds = sa.and_(column >= start.timestamp(), column < end.timestamp())
    milliseconds = sa.and_(column >= start.timestamp() * 1e3, column < end.timestamp() * 1e3)
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
            return sa.or_(seconds, milliseconds)
        case TimeKeeping.ANY:
            first, last = _a_day_around(start, end)
            text = sa.and_(column >= first, column < last)
            return sa.or_(text, seconds, milliseconds)


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
            return _in_utc(datetime.fromisoformat(value.strip()))
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


def _a_day_around(start: datetime, end: datetime) -> tuple[str, str]:
    try:
        return (start - timedelta(days=1)).date().isoformat(), (
            end + timedelta(days=2)
        ).date().isoformat()
    except OverflowError:
        return "0000", "9999-12-32"
