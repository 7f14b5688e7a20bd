"""What the catalogue's database is asked, and its rows as Python's values.

Whatever tables a shop has and however they keep time, an id is text, a time is in UTC or none,
a price is finite or none, and a version is text. A row without an id that can be named is in no
answer. Rows come as tuples in no order: a scan of a large catalogue spends more
on making objects than on reading.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from photosearch.catalogue.columns import ReadColumn
from photosearch.catalogue.connection import fetch, reading, stream
from photosearch.catalogue.listing import CatalogueSize, Listing, photo_line
from photosearch.catalogue.repeated import require_distinct_ids
from photosearch.catalogue.schema import Schema, read_schema
from photosearch.catalogue.times import TimeKeeping, read_time, spelled, spelled_by, within
from photosearch.catalogue.values import read_id, read_version
from photosearch.settings.settings import Settings
from photosearch.windows import Span

_LONG_SPAN = timedelta(days=62)
_YEARS = (datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC))

PhotoRow = tuple[str, str, str, datetime, str]  # the members of a Photo


class Queries:
    """The statements for one database's tables, which are looked at once, before the first.

    Safe to share between threads. Every method raises CatalogueError if the database can't be
    reached or is not laid out as the settings say.
    """

    def __init__(self, engine: sa.Engine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings
        self._schema: Schema | None = None
        self._listings_by_id: sa.Select[Any]
        self._lock = threading.Lock()

    def forget_schema(self) -> None:
        """Look at the tables anew before the next statement."""
        with self._lock:
            self._schema = None

    def times(self) -> Iterator[tuple[str, datetime | None, object]]:
        """Each listing's id and time, none if that can't be read, and what there is instead."""
        schema = self._read_schema()
        query = sa.select(
            schema.listing_id.column, self._readable_time(schema), self._odd_time(schema)
        )
        with reading(self._engine) as connection:
            for key, value, odd in stream(connection, query):
                listing_id = read_id(key)
                if listing_id is not None:
                    yield listing_id, read_time(value), value if odd is None else odd

    def survey_rows(
        self,
    ) -> Iterator[tuple[str | None, datetime | None, object, str | None, object]]:
        """Of each listing its id, its time and what there is instead, its status, and what
        there is in place of a price."""
        schema = self._read_schema()
        status, price = schema.status, schema.price
        read_price, read_status = _reader(price), _reader(status)
        query = sa.select(
            schema.listing_id.column,
            self._readable_time(schema),
            self._odd_time(schema),
            sa.literal_column("0") if status is None else status.column,
            sa.null() if price is None else price.column,
        )
        alive = self._settings.live_statuses[0]
        with reading(self._engine) as connection:
            for key, value, odd, state, amount in stream(connection, query):
                yield (
                    read_id(key),
                    read_time(value),
                    value if odd is None else odd,
                    alive if status is None else read_status(state),
                    amount if amount is not None and read_price(amount) is None else None,
                )

    def without_photos(self) -> Iterator[str]:
        """The listings that have no photo."""
        schema = self._read_schema()
        query = sa.select(schema.listing_id.column).where(~_has_photo(schema))
        with reading(self._engine) as connection:
            for (key,) in stream(connection, query):
                listing_id = read_id(key)
                if listing_id is not None:
                    yield listing_id

    def photos_without_id(self) -> int:
        """How many photos of a listing have no id that can be named."""
        schema = self._read_schema()
        query = sa.select(schema.photo_id.column).select_from(_joined(schema))
        with reading(self._engine) as connection:
            return sum(read_id(key) is None for (key,) in stream(connection, query))

    def photos(self, span: Span | None = None) -> Iterator[PhotoRow]:
        """The photos of all listings with a time, or of those in ``span``."""
        schema = self._read_schema()
        query = self._select_photos(schema)
        if span is None:
            yield from self._read_photos(query)
            return
        condition = within(schema.listed_at, schema.time_keeping, span.start, span.end)
        for row in self._read_photos(query.where(condition)):
            if span.start <= row[3] < span.end:
                yield row

    def photos_called(self, photo_id: str) -> list[PhotoRow]:
        """The rows with a photo's id, which several listings may have; none if its listing is
        missing or has no time."""
        schema = self._read_schema()
        query = self._select_photos(schema).where(schema.photo_id.is_given)
        found = self._read_photos(query.params(schema.photo_id.given([photo_id])))
        return [row for row in found if row[0] == photo_id]

    def lines(self, span: Span) -> Iterator[tuple[str, str]]:
        """The listing and the digest's line of every photo in ``span``."""
        schema = self._read_schema()
        read_path = schema.path.read
        time = spelled_by(schema.listed_at, schema.time_keeping)
        if time is None:
            for photo in self.photos(span):
                name, owner, path, moment, version = photo
                yield owner, photo_line(spelled(moment), name, owner, path, version)
            return
        column = schema.listed_at
        if self._engine.dialect.name == "sqlite" and span.end - span.start > _LONG_SPAN:
            # By its index of times SQLite would jump about in both tables; read from end to
            # end they take a third of the time (measured, 300,000 photos). A function hides
            # the column from the index.
            column = sa.func.coalesce(column, "")
        condition = within(column, schema.time_keeping, span.start, span.end)
        query = self._select_photos(schema, time).where(condition)
        with reading(self._engine) as connection:
            for key, listing, path, text, *more in stream(connection, query):
                photo_id, listing_id = read_id(key), read_id(listing)
                if photo_id is None or listing_id is None:
                    continue
                line = photo_line(text, photo_id, listing_id, read_path(path), read_version(*more))
                yield listing_id, line

    def listings(self, ids: Collection[str], *, with_photos: bool) -> list[Listing]:
        """The listings with these ids that have a time, and their photos' ids in order.

        Few enough ids for one statement, of which it takes two with photos.
        """
        schema, query = self._read_schema(), self._listings_by_id
        wanted = set(ids)
        with reading(self._engine) as connection:
            rows = fetch(connection, query, schema.listing_id.given(ids))
            photo_ids = _photo_ids(connection, schema, ids) if with_photos else {}
        read_title, read_category = _reader(schema.title), _reader(schema.category)
        read_price, read_status = _reader(schema.price), _reader(schema.status)
        found = []
        for key, title, price, category, status, value in rows:
            listing_id, moment = read_id(key), read_time(value)
            if listing_id not in wanted or moment is None:
                continue
            listing = Listing(
                listing_id,
                read_title(title),
                read_price(price),
                read_category(category),
                self._settings.live_statuses[0] if schema.status is None else read_status(status),
                moment,
                tuple(photo_ids.get(listing_id, ())),
            )
            found.append(listing)
        return found

    def require_distinct_ids(self) -> None:
        """Refuse ids of which the schema does not say that they are unique, and which are not."""
        require_distinct_ids(self._engine, self._read_schema(), self._settings)

    def photo_count(self) -> int:
        """How many photos belong to a listing."""
        schema = self._read_schema()
        return self._count(schema.photos, _has_listing(schema))

    def size(self) -> CatalogueSize:
        """How many listings and photos there are, and how many belong to nothing."""
        schema = self._read_schema()
        pictured = _has_photo(schema)
        return CatalogueSize(
            listings=self._count(schema.listings),
            photos=self._count(schema.photos, _has_listing(schema)),
            listings_without_photos=self._count(schema.listings, ~pictured),
            photos_without_listing=self._count(schema.photos, ~_has_listing(schema)),
        )

    def _count(self, table: sa.FromClause, *conditions: sa.ColumnElement[bool]) -> int:
        query = sa.select(sa.func.count()).select_from(table).where(*conditions)
        with reading(self._engine) as connection:
            return int(connection.execute(query).scalar_one())

    def _read_schema(self) -> Schema:
        with self._lock:
            if self._schema is None:
                with reading(self._engine):
                    self._schema = read_schema(self._engine, self._settings)
                # Made once: to a search SQLAlchemy's making of it costs more than the database.
                self._listings_by_id = self._select_listings(self._schema)
            return self._schema

    def _select_photos(
        self, schema: Schema, time: sa.ColumnElement[Any] | None = None
    ) -> sa.Select[Any]:
        return sa.select(
            schema.photo_id.column,
            schema.listing_id.column,
            schema.path.column,
            self._readable_time(schema) if time is None else time,
            *(() if schema.version is None else (self._readable_version(schema),)),
        ).select_from(_joined(schema))

    def _read_photos(self, query: sa.Select[Any]) -> Iterator[PhotoRow]:
        read_path = self._read_schema().path.read
        with reading(self._engine) as connection:
            for key, owner, path, value, *more in stream(connection, query):
                photo_id, listing_id, moment = read_id(key), read_id(owner), read_time(value)
                if photo_id is None or listing_id is None or moment is None:
                    continue
                yield photo_id, listing_id, read_path(path) or "", moment, read_version(*more)

    def _select_listings(self, schema: Schema) -> sa.Select[Any]:
        optional = (schema.title, schema.price, schema.category, schema.status)
        return sa.select(
            schema.listing_id.column,
            *(sa.null() if one is None else one.column for one in optional),
            self._readable_time(schema),
        ).where(schema.listing_id.is_given)

    def _readable_time(self, schema: Schema) -> sa.ColumnElement[Any]:
        if self._engine.dialect.name == "sqlite":
            return schema.listed_at
        return _within_years(schema.listed_at, schema.time_keeping)

    def _odd_time(self, schema: Schema) -> sa.ColumnElement[Any]:
        """What there is in place of a readable time, where that reads as none."""
        if self._engine.dialect.name == "sqlite":
            return sa.null()
        written = sa.cast(schema.listed_at, sa.Text)
        first, last = _YEARS
        is_readable = within(schema.listed_at, schema.time_keeping, first, last)
        return sa.case((is_readable, sa.null()), else_=written)

    def _readable_version(self, schema: Schema) -> sa.ColumnElement[Any]:
        assert schema.version is not None
        if schema.version_keeping is None:
            return schema.version
        return _within_years(schema.version, schema.version_keeping)


def _within_years(column: sa.ColumnElement[Any], keeping: TimeKeeping) -> sa.ColumnElement[Any]:
    """PostgreSQL's infinity and years beyond 9999 have no datetime: the driver would fail."""
    first, last = _YEARS
    return sa.case((within(column, keeping, first, last), column), else_=sa.null())


def _joined(schema: Schema) -> sa.Join:
    return sa.join(schema.photos, schema.listings, schema.photo_listing.equals(schema.listing_id))


def _has_photo(schema: Schema) -> sa.ColumnElement[bool]:
    owner = schema.photo_listing.equals(schema.listing_id)
    return sa.exists().where(owner).correlate(schema.listings)


def _has_listing(schema: Schema) -> sa.ColumnElement[bool]:
    """Not by a join, which counts a photo again with each row of its listing."""
    owner = schema.photo_listing.equals(schema.listing_id)
    return sa.exists().where(owner).correlate(schema.photos)


def _photo_ids(
    connection: sa.Connection, schema: Schema, listing_ids: Collection[str]
) -> dict[str, list[str]]:
    """The photos of listings, by the listings' own ids: a photo may spell them otherwise."""
    position = schema.position
    read_place = _reader(position)
    query = (
        sa.select(
            schema.listing_id.column,
            sa.null() if position is None else position.column,
            schema.photo_id.column,
        )
        .select_from(_joined(schema))
        .where(schema.listing_id.is_given)
    )
    ordered: defaultdict[str, set[tuple[float, str]]] = defaultdict(set)
    for owner, place, key in fetch(connection, query, schema.listing_id.given(listing_ids)):
        listing_id, photo_id = read_id(owner), read_id(key)
        if listing_id is not None and photo_id is not None:
            ordered[listing_id].add((read_place(place) or 0, photo_id))
    return {key: [photo_id for _, photo_id in sorted(ids)] for key, ids in ordered.items()}


def _reader(column: ReadColumn | None) -> Callable[[object], Any]:
    return _nothing if column is None else column.read


def _nothing(_value: object) -> None:
    return None
