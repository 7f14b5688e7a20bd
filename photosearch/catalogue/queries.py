"""What the catalogue's database is asked, and its rows as Python's values.

Whatever tables a shop has and however they keep time, an id is text, a time is in UTC or none,
and a version is text. Rows come as tuples in no order: a scan of a large catalogue spends more
on making objects than on reading.
"""

import threading
from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from photosearch.catalogue.connection import reading, stream
from photosearch.catalogue.listing import CatalogueSize, Listing, photo_line
from photosearch.catalogue.schema import Schema, read_schema
from photosearch.catalogue.times import read_time, spelled, spelled_by, within
from photosearch.settings import Settings
from photosearch.windows import Span

_LONG_SPAN = timedelta(days=62)

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
        query = sa.select(schema.listing_id.column, self._readable_time(schema))
        with reading(self._engine) as connection:
            for listing_id, value in stream(connection, query):
                yield str(listing_id), read_time(value), value

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

    def photo(self, photo_id: str) -> PhotoRow | None:
        """One photo; none if there is none, or its listing is missing or has no time."""
        schema = self._read_schema()
        query = self._select_photos(schema).where(schema.photo_id.is_given)
        return next(self._read_photos(query.params(schema.photo_id.given([photo_id]))), None)

    def lines(self, span: Span) -> Iterator[tuple[str, str]]:
        """The listing and the digest's line of every photo in ``span``."""
        schema = self._read_schema()
        time = spelled_by(schema.listed_at, schema.time_keeping)
        if time is None:
            for photo_id, listing_id, path, moment, version in self.photos(span):
                line = photo_line(spelled(moment), photo_id, listing_id, path, version)
                yield listing_id, line
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
            for photo_id, listing_id, path, text, *more in stream(connection, query):
                line = photo_line(text, photo_id, listing_id, path, _version(*more))
                yield str(listing_id), line

    def listings(self, ids: Collection[str], *, with_photos: bool) -> list[Listing]:
        """The listings with these ids that have a time, and their photos' ids in order.

        Few enough ids for one statement, of which it takes two with photos.
        """
        schema, query = self._read_schema(), self._listings_by_id
        found = []
        with reading(self._engine) as connection:
            photo_ids = _photo_ids(connection, schema, ids) if with_photos else {}
            for row in connection.execute(query, schema.listing_id.given(ids)):
                listing_id, title, price, category, status, value = row
                moment = read_time(value)
                if moment is None:
                    continue
                listing = Listing(
                    str(listing_id),
                    _text(title),
                    None if price is None else float(price),
                    _text(category),
                    self._settings.live_status if schema.status is None else str(status),
                    moment,
                    tuple(photo_ids.get(str(listing_id), ())),
                )
                found.append(listing)
        return found

    def photo_count(self) -> int:
        """How many photos belong to a listing."""
        query = sa.select(sa.func.count()).select_from(_joined(self._read_schema()))
        with reading(self._engine) as connection:
            return int(connection.execute(query).scalar_one())

    def size(self) -> CatalogueSize:
        """How many listings and photos there are, and how many belong to nothing."""
        schema = self._read_schema()
        listing, owner = schema.listing_id.column, schema.photo_listing.column
        pictured = sa.exists().where(owner == listing)
        listings = sa.select(sa.func.count()).select_from(schema.listings)
        photos = sa.select(sa.func.count()).select_from(schema.photos)
        paired = self.photo_count()
        with reading(self._engine) as connection:
            return CatalogueSize(
                listings=int(connection.execute(listings).scalar_one()),
                photos=paired,
                listings_without_photos=int(
                    connection.execute(listings.where(~pictured)).scalar_one()
                ),
                photos_without_listing=int(connection.execute(photos).scalar_one()) - paired,
            )

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
            schema.path,
            self._readable_time(schema) if time is None else time,
            *(() if schema.version is None else (schema.version,)),
        ).select_from(_joined(schema))

    def _read_photos(self, query: sa.Select[Any]) -> Iterator[PhotoRow]:
        with reading(self._engine) as connection:
            for photo_id, listing_id, path, value, *more in stream(connection, query):
                moment = read_time(value)
                if moment is not None:
                    yield (
                        str(photo_id),
                        str(listing_id),
                        _text(path) or "",
                        moment,
                        _version(*more),
                    )

    def _select_listings(self, schema: Schema) -> sa.Select[Any]:
        optional = (schema.title, schema.price, schema.category, schema.status)
        return sa.select(
            schema.listing_id.column,
            *(sa.null() if column is None else column for column in optional),
            self._readable_time(schema),
        ).where(schema.listing_id.is_given)

    def _readable_time(self, schema: Schema) -> sa.ColumnElement[Any]:
        if self._engine.dialect.name == "sqlite":
            return schema.listed_at
        # PostgreSQL's infinity and years beyond 9999 have no datetime: the driver would fail.
        first, last = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
        return sa.case(
            (within(schema.listed_at, schema.time_keeping, first, last), schema.listed_at),
            else_=sa.null(),
        )


def _joined(schema: Schema) -> sa.Join:
    condition = schema.photo_listing.column == schema.listing_id.column
    return sa.join(schema.photos, schema.listings, condition)


def _photo_ids(
    connection: sa.Connection, schema: Schema, listing_ids: Collection[str]
) -> dict[str, list[str]]:
    position = sa.null() if schema.position is None else schema.position
    query = sa.select(schema.photo_listing.column, position, schema.photo_id.column).where(
        schema.photo_listing.is_given
    )
    ordered: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
    for listing_id, place, photo_id in stream(
        connection, query.params(schema.photo_listing.given(listing_ids))
    ):
        ordered[str(listing_id)].append((place or 0, str(photo_id)))
    return {key: [photo_id for _, photo_id in sorted(ids)] for key, ids in ordered.items()}


def _version(value: object = None) -> str:
    if isinstance(value, datetime):  # PostgreSQL gives it in the zone of the connection
        moment = read_time(value)
        return "" if moment is None else spelled(moment)
    return _text(value) or ""


def _text(value: object) -> str | None:
    return None if value is None else str(value)
