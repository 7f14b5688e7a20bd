"""Columns of other people's types, as they are asked for and compared.

PostgreSQL is strict: what compares with no text (an enum, money, a range) is cast to what it
writes it as. SQLite is not: a column's type binds nobody, so an id that is a number to one row
may be text to the next, and each is asked for as both.
"""

import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from photosearch.catalogue.values import (
    bytes_of_id,
    is_id,
    read_json_text,
    read_position,
    read_price,
    read_text,
)

_IDS = "ids"
#: Of an integer column of eight bytes.
_MOST_INTEGER = 2**63 - 1


@dataclass(frozen=True)
class ReadColumn:
    """A column, and how its values become ours."""

    column: sa.ColumnElement[Any]
    read: Callable[[Any], Any]


@dataclass(frozen=True)
class KeyColumn:
    """A column of ids, which are text to us and may be numbers, UUIDs or bytes to the database.

    ``column`` is what is read and asked for, ``joined`` what is compared with the same ids in
    another table, if that is of the same ``family``.
    """

    column: sa.ColumnElement[Any]
    joined: sa.ColumnElement[Any]
    family: str
    kind: sa.types.TypeEngine[Any]
    spellings: Callable[[str], Iterable[object]]

    @property
    def is_given(self) -> sa.ColumnElement[bool]:
        """A condition that rows with one of the ids :meth:`given` to the statement meet.

        Others may meet it too. The statement can be kept: to make one anew costs more than SQLite
        takes to answer it.
        """
        return self.column.in_(sa.bindparam(_IDS, expanding=True, type_=self.kind))

    def given(self, ids: Collection[str]) -> Mapping[str, list[object]]:
        """The parameters of a statement with that condition."""
        return {_IDS: [key for text in ids if is_id(text) for key in self.spellings(text)]}

    def equals(self, other: "KeyColumn") -> sa.ColumnElement[bool]:
        """A condition that rows with one id in both columns meet."""
        if self.family and self.family == other.family:
            return self.joined == other.joined
        return sa.cast(self.joined, sa.Text) == sa.cast(other.joined, sa.Text)


def key_column(
    column: sa.ColumnElement[Any], kind: sa.types.TypeEngine[Any], dialect: str
) -> KeyColumn:
    """The column of ids that the database says is of this kind."""
    if dialect == "sqlite":
        return KeyColumn(column, column, dialect, sa.types.NullType(), _sqlite_spellings(kind))
    kind = undomained(kind)
    if isinstance(kind, sa.Integer):
        return KeyColumn(column, column, "number", sa.BigInteger(), _integers)
    if isinstance(kind, sa.Uuid):
        return KeyColumn(column, column, "uuid", sa.Uuid(), _uuids)
    if isinstance(kind, sa.LargeBinary):
        return KeyColumn(column, column, "bytes", sa.LargeBinary(), _binaries)
    if isinstance(kind, sa.Numeric) and not isinstance(kind, sa.Float):
        return KeyColumn(column, column, "number", sa.Numeric(), _decimals)
    if _is_plain_text(kind):
        return KeyColumn(column, column, "text", sa.Text(), _texts)
    family = "text" if isinstance(kind, sa.CHAR) else ""
    return KeyColumn(sa.cast(column, sa.Text), column, family, sa.Text(), _texts)


def text_column(
    column: sa.ColumnElement[Any], kind: sa.types.TypeEngine[Any], dialect: str
) -> ReadColumn:
    """The column of texts that the database says is of this kind."""
    kind = undomained(kind)
    read = read_json_text if isinstance(kind, sa.JSON) else read_text
    if dialect == "sqlite" or _is_plain_text(kind):
        return ReadColumn(column, read)
    if isinstance(kind, sa.Integer | sa.LargeBinary):
        return ReadColumn(column, read)
    if isinstance(kind, sa.ARRAY) and _is_plain_text(kind.item_type):
        return ReadColumn(column, read)
    return ReadColumn(sa.cast(column, sa.Text), read)


def price_column(
    column: sa.ColumnElement[Any], kind: sa.types.TypeEngine[Any], dialect: str
) -> ReadColumn:
    """The column of prices that the database says is of this kind."""
    return _number_column(column, kind, dialect, read_price)


def position_column(
    column: sa.ColumnElement[Any], kind: sa.types.TypeEngine[Any], dialect: str
) -> ReadColumn:
    """The column of places that the database says is of this kind."""
    return _number_column(column, kind, dialect, read_position)


def version_column(
    column: sa.ColumnElement[Any], kind: sa.types.TypeEngine[Any], dialect: str
) -> sa.ColumnElement[Any]:
    """The column of versions, without what a driver can't read; times are left as they are."""
    kind = undomained(kind)
    plain = (sa.Integer, sa.Numeric, sa.Uuid, sa.LargeBinary, sa.Boolean, sa.DateTime)
    if dialect == "sqlite" or _is_plain_text(kind) or isinstance(kind, plain):
        return column
    return sa.cast(column, sa.Text)


def _number_column(
    column: sa.ColumnElement[Any],
    kind: sa.types.TypeEngine[Any],
    dialect: str,
    read: Callable[[object], float | None],
) -> ReadColumn:
    kind = undomained(kind)
    if isinstance(kind, postgresql.MONEY):  # written with a currency, by the server's locale
        return ReadColumn(sa.cast(column, sa.Numeric), read)
    if isinstance(kind, sa.Numeric):
        return ReadColumn(column, read)
    text = text_column(column, kind, dialect)
    if text.read is read_json_text:
        return ReadColumn(text.column, lambda value: read(read_json_text(value)))
    return ReadColumn(text.column, read)


def undomained(kind: sa.types.TypeEngine[Any]) -> sa.types.TypeEngine[Any]:
    """What a type is that a database gave another name and a check."""
    while isinstance(kind, postgresql.DOMAIN):
        kind = kind.data_type
    return kind


def _is_plain_text(kind: sa.types.TypeEngine[Any]) -> bool:
    """Whether drivers give it as it is: no enum, and not filled up with blanks."""
    return isinstance(kind, sa.String) and not isinstance(kind, sa.Enum | sa.CHAR)


def _sqlite_spellings(kind: sa.types.TypeEngine[Any]) -> Callable[[str], Iterable[object]]:
    """SQLite turns what is asked for into a column's number or text, if it has such a type."""
    if isinstance(kind, sa.Integer):
        return _sqlite_integers
    if isinstance(kind, sa.String):
        return _sqlite_texts
    return _sqlite_any


def _sqlite_integers(text: str) -> Iterable[object]:
    return _integers(text) or (*_sqlite_texts(text), *_floats(text))


def _sqlite_texts(text: str) -> Iterable[object]:
    content = bytes_of_id(text) if text[0] == "\\" else None
    return (text,) if content is None else (text, content)


def _sqlite_any(text: str) -> Iterable[object]:
    number = _integers(text) or _floats(text)
    return (*_sqlite_texts(text), *number)


def _texts(text: str) -> Iterable[object]:
    return (text,)


def _integers(text: str) -> tuple[int, ...]:
    """The integer that is written so; none is, if the driver would refuse it."""
    try:
        value = int(text)
    except ValueError:
        return ()
    return (value,) if abs(value) <= _MOST_INTEGER and str(value) == text else ()


def _floats(text: str) -> tuple[float, ...]:
    try:
        value = float(text)
    except ValueError:
        return ()
    return (value,) if str(value) == text else ()


def _decimals(text: str) -> Iterable[object]:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return ()
    return (value,) if value.is_finite() and str(value) == text else ()


def _uuids(text: str) -> Iterable[object]:
    try:
        value = uuid.UUID(text)
    except ValueError:
        return ()
    return (value,) if str(value) == text else ()


def _binaries(text: str) -> Iterable[object]:
    content = bytes_of_id(text)
    return () if content is None else (content,)
