"""The two tables of the catalogue: other people's, under the names that settings give, or ours.

Names are checked once, when the catalogue is first used, against what the database has; a
wrong one is answered with what was found and the setting to correct. Columns are then read
without SQLAlchemy's types, because SQLite's files hold times and ids in many spellings.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import sqlalchemy as sa

from photosearch.catalogue.columns import (
    KeyColumn,
    ReadColumn,
    key_column,
    position_column,
    price_column,
    text_column,
    undomained,
    version_column,
)
from photosearch.catalogue.times import (
    SPELLING_CONSTRAINT,
    SPELLING_PATTERN,
    TimeKeeping,
)
from photosearch.errors import PhotosearchError
from photosearch.settings.settings import Settings

Made = TypeVar("Made")
_PHOTOS = "photosearch_photos"


class CatalogueError(PhotosearchError):
    """A catalogue that can't be read, or is not laid out as the settings say."""


@dataclass(frozen=True)
class Schema:
    """The validated tables and columns; optional columns are none when there are none."""

    listings: sa.FromClause
    photos: sa.FromClause
    listing_id: KeyColumn
    title: ReadColumn | None
    price: ReadColumn | None
    category: ReadColumn | None
    status: ReadColumn | None
    listed_at: sa.ColumnElement[object]
    time_keeping: TimeKeeping
    photo_id: KeyColumn
    photo_listing: KeyColumn
    path: ReadColumn
    position: ReadColumn | None
    version: sa.ColumnElement[object] | None
    version_keeping: TimeKeeping | None
    listing_ids_are_unique: bool
    photo_ids_are_unique: bool


def read_schema(engine: sa.Engine, settings: Settings) -> Schema:
    """Find the tables and columns that the settings name.

    Raises:
        CatalogueError: if one is missing; it names what there is and the setting.
    """
    inspector = sa.inspect(engine)
    listings = _Found(inspector, settings, "listings_table")
    photos = _Found(inspector, settings, "photos_table")
    if (photos.schema, photos.name) == (listings.schema, listings.name):
        # Of a shop whose listings have one photo each, in a column; its rows are joined with
        # themselves under another name.
        photos.table = photos.table.alias(_PHOTOS)
    return Schema(
        listings=listings.table,
        photos=photos.table,
        listing_id=listings.key("listing_id_column"),
        title=listings.optional("listing_title_column", text_column),
        price=listings.optional("listing_price_column", price_column),
        category=listings.optional("listing_category_column", text_column),
        status=listings.optional("listing_status_column", text_column),
        listed_at=listings.column("listing_time_column"),
        time_keeping=listings.time_keeping("listing_time_column"),
        photo_id=photos.key("photo_id_column"),
        photo_listing=photos.key("photo_listing_column"),
        path=photos.made("photo_path_column", text_column),
        position=photos.if_there("photo_position_column", position_column),
        version=photos.if_there("photo_version_column", version_column),
        version_keeping=photos.timestamps("photo_version_column"),
        listing_ids_are_unique=listings.is_unique("listing_id_column"),
        photo_ids_are_unique=photos.is_unique("photo_id_column"),
    )


class _Found:
    """One table as the database describes it."""

    def __init__(self, inspector: sa.Inspector, settings: Settings, setting: str) -> None:
        self._inspector, self._settings = inspector, settings
        self.dialect = inspector.engine.dialect.name
        name: str = getattr(settings, setting)
        self.schema, self.name = _split(name)
        if not inspector.has_table(self.name, schema=self.schema):
            there = inspector.get_table_names(self.schema) + inspector.get_view_names(self.schema)
            raise CatalogueError(
                f"the catalogue has no table {name!r}",
                found=", ".join(sorted(there)) or "no tables at all",
                remedy=_remedy(settings, setting),
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", sa.exc.SAWarning)  # of a type that it does not know
            columns = inspector.get_columns(self.name, schema=self.schema)
        self.types = {column["name"]: column["type"] for column in columns}
        self.table: sa.FromClause = sa.table(
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

    def made(self, setting: str, make: Callable[..., Made]) -> Made:
        """The column that a setting names, as ``make`` would have it read."""
        column = self.column(setting)
        return make(column, self.types[column.key or ""], self.dialect)

    def if_there(self, setting: str, make: Callable[..., Made]) -> Made | None:
        return self.made(setting, make) if getattr(self._settings, setting) in self.types else None

    def optional(self, setting: str, make: Callable[..., Made]) -> Made | None:
        if not getattr(self._settings, setting):
            return None
        try:
            return self.made(setting, make)
        except CatalogueError as error:
            remedy = f'{_remedy(self._settings, setting)}, or to "" if there is none'
            raise CatalogueError(error.what, found=error.found, remedy=remedy) from None

    def key(self, setting: str) -> KeyColumn:
        return self.made(setting, key_column)

    def is_unique(self, setting: str) -> bool:
        """Whether the database itself sees to it that no value of a column repeats."""
        name = getattr(self._settings, setting)
        inspect, where = self._inspector, {"schema": self.schema}
        if inspect.get_pk_constraint(self.name, **where)["constrained_columns"] == [name]:
            return True
        promised = [
            one["column_names"] for one in inspect.get_unique_constraints(self.name, **where)
        ] + [
            index["column_names"]
            for index in inspect.get_indexes(self.name, **where)
            if index["unique"] and not _is_partial(index)
        ]
        return [name] in promised

    def timestamps(self, setting: str) -> TimeKeeping | None:
        """How a column keeps times, if that is what PostgreSQL says it holds."""
        kind = undomained(self.types.get(getattr(self._settings, setting), sa.types.NullType()))
        if self.dialect == "sqlite" or not isinstance(kind, sa.DateTime):
            return None
        return TimeKeeping.AWARE if kind.timezone else TimeKeeping.NAIVE

    def time_keeping(self, setting: str) -> TimeKeeping:
        kind = undomained(self.types[getattr(self._settings, setting)])
        if self.dialect == "sqlite":
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
            server_default=settings.live_statuses[0],
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


def _is_partial(index: sa.engine.interfaces.ReflectedIndex) -> bool:
    return any(option.endswith("_where") for option in index.get("dialect_options", {}))


def _split(name: str) -> tuple[str | None, str]:
    schema, _, table = name.rpartition(".")
    return schema or None, table


def _remedy(settings: Settings, setting: str) -> str:
    return f"set {setting} in {settings.file} to the right name"
