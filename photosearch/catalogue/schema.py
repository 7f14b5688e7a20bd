"""The two tables of the catalogue: other people's, under the names that settings give, or ours.

Names are checked once, when the catalogue is first used, against what the database has; a
wrong one is answered with what was found and the setting to correct. Columns are then read
without SQLAlchemy's types, because SQLite's files hold times and ids in many spellings.
"""

import uuid
from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from photosearch.catalogue.times import (
    SPELLING_CONSTRAINT,
    SPELLING_PATTERN,
    TimeKeeping,
)
from photosearch.errors import PhotosearchError
from photosearch.settings import Settings

_IDS = "ids"
#: Of an integer column of eight bytes.
_MOST_INTEGER = 2**63 - 1


class CatalogueError(PhotosearchError):
    """A catalogue that can't be read, or is not laid out as the settings say."""


@dataclass(frozen=True)
class KeyColumn:
    """A column of ids, which are text to us and may be numbers or UUIDs to the database."""

    column: sa.ColumnElement[object]
    python_type: type

    @property
    def is_given(self) -> sa.ColumnElement[bool]:
        """A condition that rows with one of the ids :meth:`given` to the statement meet.

        The statement can be kept: to make one anew costs more than SQLite takes to answer it.
        """
        return self.column.in_(sa.bindparam(_IDS, expanding=True))

    def given(self, ids: Collection[str]) -> dict[str, list[object]]:
        """The parameters of a statement with that condition."""
        return {_IDS: [key for key in map(self._bound, ids) if key is not None]}

    def _bound(self, text: str) -> object:
        """The key as the column has it; None for what a driver refuses: no such row can be."""
        if not _may_be_stored(text):
            return None
        if self.python_type is str:
            return text
        try:
            value = self.python_type(text)
        except ValueError:
            return None
        if isinstance(value, int) and abs(value) > _MOST_INTEGER:
            return None
        return value if str(value) == text else None


def _may_be_stored(text: str) -> bool:
    """Whether a database can hold it: what was typed may be no UTF-8, or have a NUL in it."""
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@dataclass(frozen=True)
class Schema:
    """The validated tables and columns; optional columns are none when there are none."""

    listings: sa.TableClause
    photos: sa.TableClause
    listing_id: KeyColumn
    title: sa.ColumnElement[object] | None
    price: sa.ColumnElement[object] | None
    category: sa.ColumnElement[object] | None
    status: sa.ColumnElement[object] | None
    listed_at: sa.ColumnElement[object]
    time_keeping: TimeKeeping
    photo_id: KeyColumn
    photo_listing: KeyColumn
    path: sa.ColumnElement[object]
    position: sa.ColumnElement[object] | None
    version: sa.ColumnElement[object] | None


def read_schema(engine: sa.Engine, settings: Settings) -> Schema:
    """Find the tables and columns that the settings name.

    Raises:
        CatalogueError: if one is missing; it names what there is and the setting.
    """
    inspector = sa.inspect(engine)
    listings = _Found(inspector, settings, "listings_table")
    photos = _Found(inspector, settings, "photos_table")
    return Schema(
        listings=listings.table,
        photos=photos.table,
        listing_id=listings.key("listing_id_column"),
        title=listings.optional("listing_title_column"),
        price=listings.optional("listing_price_column"),
        category=listings.optional("listing_category_column"),
        status=listings.optional("listing_status_column"),
        listed_at=listings.column("listing_time_column"),
        time_keeping=listings.time_keeping("listing_time_column"),
        photo_id=photos.key("photo_id_column"),
        photo_listing=photos.key("photo_listing_column"),
        path=photos.column("photo_path_column"),
        position=photos.if_there("photo_position_column"),
        version=photos.if_there("photo_version_column"),
    )


class _Found:
    """One table as the database describes it."""

    def __init__(self, inspector: sa.Inspector, settings: Settings, setting: str) -> None:
        self._inspector, self._settings, self._setting = inspector, settings, setting
        name: str = getattr(settings, setting)
        self.schema, self.name = _split(name)
        if not inspector.has_table(self.name, schema=self.schema):
            there = inspector.get_table_names(self.schema) + inspector.get_view_names(self.schema)
            raise CatalogueError(
                f"the catalogue has no table {name!r}",
                found=", ".join(sorted(there)) or "no tables at all",
                remedy=_remedy(settings, setting),
            )
        columns = inspector.get_columns(self.name, schema=self.schema)
        self.types = {column["name"]: column["type"] for column in columns}
        self.table = sa.table(
            self.name, *(sa.column(name) for name in self.types), schema=self.schema
        )

    def column(self, setting: str) -> sa.ColumnElement[object]:
        name: str = getattr(self._settings, setting)
        if name not in self.types:
            raise CatalogueError(
                f"table {self.name!r} of the catalogue has no column {name!r}",
                found=", ".join(self.types),
                remedy=_remedy(self._settings, setting),
            )
        return self.table.c[name]

    def if_there(self, setting: str) -> sa.ColumnElement[object] | None:
        return self.table.c.get(getattr(self._settings, setting))

    def optional(self, setting: str) -> sa.ColumnElement[object] | None:
        if not getattr(self._settings, setting):
            return None
        try:
            return self.column(setting)
        except CatalogueError as error:
            remedy = f'{_remedy(self._settings, setting)}, or to "" if there is none'
            raise CatalogueError(error.what, found=error.found, remedy=remedy) from None

    def key(self, setting: str) -> KeyColumn:
        column = self.column(setting)
        kind = self.types[column.key or ""]
        if isinstance(kind, sa.Integer):
            return KeyColumn(column, int)
        if isinstance(kind, sa.Uuid):
            return KeyColumn(column, uuid.UUID)
        return KeyColumn(column, str)

    def time_keeping(self, setting: str) -> TimeKeeping:
        kind = self.types[getattr(self._settings, setting)]
        if self._inspector.engine.dialect.name == "sqlite":
            checks = self._inspector.get_check_constraints(self.name, schema=self.schema)
            spelled = any(check["name"] == SPELLING_CONSTRAINT for check in checks)
            return TimeKeeping.SPELLED if spelled else TimeKeeping.ANY
        if isinstance(kind, sa.DateTime):
            return TimeKeeping.AWARE if kind.timezone else TimeKeeping.NAIVE
        if isinstance(kind, sa.Date):
            return TimeKeeping.DATE
        if isinstance(kind, sa.Integer | sa.Numeric):
            return TimeKeeping.NUMBER
        raise CatalogueError(
            f"column {getattr(self._settings, setting)!r} of table {self.name!r} holds no time",
            found=str(kind),
            remedy=f"name a timestamp column, or a view with one, in {setting}",
        )


def own_tables(settings: Settings, dialect: str) -> tuple[sa.Table, sa.Table]:
    """The tables ``(listings, photos)`` that photosearch makes itself."""
    metadata = sa.MetaData()
    schema, name = _split(settings.listings_table)
    time = settings.listing_time_column
    listings = sa.Table(
        name,
        metadata,
        sa.Column(settings.listing_id_column, sa.Text, primary_key=True),
        sa.Column(settings.listing_title_column, sa.Text),
        sa.Column(settings.listing_price_column, sa.Float),
        sa.Column(settings.listing_category_column, sa.Text),
        sa.Column(
            settings.listing_status_column,
            sa.Text,
            nullable=False,
            server_default=settings.live_status,
        ),
        sa.Column(time, sa.DateTime(timezone=True), nullable=False, index=True),
        schema=schema,
    )
    if dialect == "sqlite":
        listings.append_constraint(
            sa.CheckConstraint(
                sa.column(time).op("GLOB")(sa.literal_column(f"'{SPELLING_PATTERN}'")),
                name=SPELLING_CONSTRAINT,
            )
        )
    schema, name = _split(settings.photos_table)
    photos = sa.Table(
        name,
        metadata,
        sa.Column(settings.photo_id_column, sa.Text, primary_key=True),
        sa.Column(settings.photo_listing_column, sa.Text, nullable=False, index=True),
        sa.Column(settings.photo_path_column, sa.Text, nullable=False),
        sa.Column(settings.photo_position_column, sa.Integer, nullable=False, server_default="0"),
        sa.Column(settings.photo_version_column, sa.Text, nullable=False, server_default=""),
        schema=schema,
    )
    return listings, photos


def _split(name: str) -> tuple[str | None, str]:
    schema, _, table = name.rpartition(".")
    return schema or None, table


def _remedy(settings: Settings, setting: str) -> str:
    return f"set {setting} in {settings.file} to the right name"
