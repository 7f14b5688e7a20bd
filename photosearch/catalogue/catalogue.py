"""The catalogue: which photos belong to which listing, and when each was listed.

It asks the database for little and sorts in Python: PostgreSQL orders text by its locale and
SQLite by code points, and a window's rows, their digest and a sample have to be the same
whichever holds the catalogue. Only times are compared by the database, for its index.

What was erased is hidden from every answer, also while a shop's own database still has it.
"""

import hashlib
import heapq
import threading
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, Self, TypeVar

import sqlalchemy as sa

from photosearch.catalogue.connection import make_engine, reading, stream
from photosearch.catalogue.listing import (
    CatalogueDigest,
    Listing,
    Misplaced,
    Photo,
    digest_of_lines,
    photo_line,
)
from photosearch.catalogue.rows import erase_rows, write_rows
from photosearch.catalogue.schema import CatalogueError, Schema, read_schema
from photosearch.catalogue.times import read_time, spelled, spelled_by, within
from photosearch.closing import Closing
from photosearch.repository.erasures import ErasedListings, NothingErased, is_erased
from photosearch.repository.storage import open_storage
from photosearch.settings import Settings
from photosearch.windows import Granularity, Span, Window

__all__ = ["Catalogue", "CatalogueError", "CatalogueSize"]


class OfListing(Protocol):
    """Whatever belongs to a listing."""

    @property
    def listing_id(self) -> str: ...


Pictured = TypeVar("Pictured", bound=OfListing)

# SQLite binds at most 32,766 values a statement, PostgreSQL 65,535.
_IDS_A_QUERY = 10_000
_ERASURES_FOR_S = 2.0
_LONG_SPAN = timedelta(days=62)
_HOUR_OF_A_LINE = len("2026-11-22 14")

_PhotoRow = tuple[str, str, str, datetime, str]  # the members of a Photo


@dataclass(frozen=True)
class CatalogueSize:
    """How much the catalogue holds, and what in it belongs to nothing."""

    listings: int
    photos: int  # those with a listing
    listings_without_photos: int
    photos_without_listing: int


class Catalogue(Closing):
    """The listings and photos of one database; safe to share between threads.

    Every method raises CatalogueError if the database can't be reached or is not laid out
    as the settings say. A photo whose listing is missing is in no answer but ``size()``.
    """

    def __init__(
        self,
        engine: sa.Engine,
        settings: Settings,
        erased: ErasedListings | NothingErased | None = None,
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._erased = erased or ErasedListings(open_storage(settings.repository_url, settings))
        self._schema: Schema | None = None
        self._listings_by_id: sa.Select[Any]
        self._lock = threading.Lock()

    @classmethod
    def open(cls, settings: Settings, *, with_erased: bool = False) -> Self:
        """The catalogue of these settings; nothing is connected before it is used.

        ``with_erased`` shows what was erased, as an erasure has to see it.
        """
        engine = make_engine(settings.catalogue_url, settings.base_dir)
        return cls(engine, settings, NothingErased() if with_erased else None)

    @property
    def shown_url(self) -> str:
        """The database's URL without its password."""
        return self._engine.url.render_as_string(hide_password=True)

    def connect(self) -> None:
        """Connect, to see whether the database is there, whatever tables it has."""
        with reading(self._engine):
            sa.inspect(self._engine).get_table_names()

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    # Windows

    def photos_in(self, window: Window) -> list[Photo]:
        """The photos listed in a window, of any status, by (listed_at, photo_id)."""
        photos = [Photo(*row) for row in self._photos(window.span)]
        return sorted(photos, key=lambda photo: (photo.listed_at, photo.photo_id))

    def hour_digests(self, span: Span) -> dict[Window, CatalogueDigest]:
        """The digest of every hour in ``span`` that has photos, by one streamed query.

        Equal to :func:`catalogue_digest` of each hour's ``photos_in``. An hour that
        ``span`` cuts is counted as far as it lies inside.
        """
        hours: defaultdict[str, list[str]] = defaultdict(list)
        for line in self._lines(span):
            hours[line[:_HOUR_OF_A_LINE]].append(line)
        return {
            _hour(text): CatalogueDigest(len(lines), digest_of_lines(lines))
            for text, lines in sorted(hours.items())
        }

    def outside(self, start: datetime, now: datetime) -> list[Misplaced]:
        """Listings that no window holds: before ``start``, after ``now``, or without a time."""
        found = []
        for listing_id, moment, value in self._times():
            reason = _misplacement(moment, value, start, now)
            if reason is not None:
                found.append(Misplaced(listing_id, moment, reason))
        return sorted(found, key=lambda misplaced: misplaced.listing_id)

    def time_range(self) -> tuple[datetime, datetime] | None:
        """The oldest and the newest listing's time; none of an empty catalogue.

        Times that can't be read are left out.
        """
        moments = [moment for _, moment, _ in self._times() if moment is not None]
        return (min(moments), max(moments)) if moments else None

    def listing_times(self) -> dict[str, datetime | None]:
        """When each listing was listed; none where that can't be read."""
        return {listing_id: moment for listing_id, moment, _ in self._times()}

    # Photos and listings

    def photo_versions(self) -> dict[str, str]:
        """The version of every photo with a listing; empty where the catalogue says none."""
        return {row[0]: row[4] for row in self._photos(None)}

    def photo(self, photo_id: str) -> Photo | None:
        """One photo; none if there is none, or its listing is missing or has no time."""
        schema = self._read_schema()
        query = self._select_photos(schema).where(schema.photo_id.is_given)
        rows = self._read_photos(query.params(schema.photo_id.given([photo_id])), _ERASURES_FOR_S)
        return next((Photo(*row) for row in rows), None)

    def listings(self, ids: Collection[str], *, with_photos: bool = True) -> dict[str, Listing]:
        """The listings with these ids, with their photos in order; unknown ids are left out.

        Without photos (``photo_ids`` is empty) it is one statement instead of two, which is
        what a search can spare: it knows the photo that it found.
        """
        erased = self._erased.known(_ERASURES_FOR_S)
        wanted = [listing_id for listing_id in ids if not is_erased(listing_id, erased)]
        found = {}
        schema, query = self._read_schema(), self._listings_by_id
        with reading(self._engine) as connection:
            for first in range(0, len(wanted), _IDS_A_QUERY):
                part = wanted[first : first + _IDS_A_QUERY]
                photo_ids = _photo_ids(connection, schema, part) if with_photos else {}
                for row in connection.execute(query, schema.listing_id.given(part)):
                    listing_id, title, price, category, status, value = row
                    moment = read_time(value)
                    if moment is None:
                        continue
                    found[str(listing_id)] = Listing(
                        str(listing_id),
                        _text(title),
                        None if price is None else float(price),
                        _text(category),
                        self._settings.live_status if schema.status is None else str(status),
                        moment,
                        tuple(photo_ids.get(str(listing_id), ())),
                    )
        return found

    def is_erased(self, listing_id: str) -> bool:
        """Whether the listing was erased, and so is hidden whatever the database has."""
        return is_erased(listing_id, self._erased.known())

    def without_erased(self, photos: Iterable[Pictured]) -> list[Pictured]:
        """Those of ``photos`` whose listings have not been erased by now."""
        erased = self._erased.known()
        return [photo for photo in photos if not is_erased(photo.listing_id, erased)]

    def photo_count(self) -> int:
        """How many photos belong to a listing."""
        schema = self._read_schema()
        query = sa.select(sa.func.count()).select_from(_joined(schema))
        with reading(self._engine) as connection:
            return int(connection.execute(query).scalar_one())

    def size(self) -> CatalogueSize:
        """How many listings and photos there are, and how many belong to nothing."""
        schema = self._read_schema()
        listing, owner = schema.listing_id.column, schema.photo_listing.column
        pictured = sa.exists().where(owner == listing)
        listings = sa.select(sa.func.count()).select_from(schema.listings)
        photos = sa.select(sa.func.count()).select_from(schema.photos)
        with reading(self._engine) as connection:
            paired = self.photo_count()
            return CatalogueSize(
                listings=int(connection.execute(listings).scalar_one()),
                photos=paired,
                listings_without_photos=int(
                    connection.execute(listings.where(~pictured)).scalar_one()
                ),
                photos_without_listing=int(connection.execute(photos).scalar_one()) - paired,
            )

    def sample_photos(self, count: int, before: datetime | None = None) -> list[Photo]:
        """``count`` photos spread over the catalogue, listed before ``before`` if given.

        Chosen by the hash of their ids, in that order: the same on every database, and a
        smaller sample is the beginning of a larger one.
        """
        span = None if before is None else Span(datetime(1, 1, 2, tzinfo=UTC), before)
        chosen = heapq.nsmallest(count, self._photos(span), key=lambda row: _spread(row[0]))
        return [Photo(*row) for row in chosen]

    # Writing, to the tables that photosearch makes itself

    def create_tables(self) -> None:
        """Make the two tables, if they are not there, and what an earlier release left out."""
        write_rows(self._engine, self._settings)
        with self._lock:
            self._schema = None

    def write(self, listings: Iterable[Listing], photos: Iterable[Photo]) -> None:
        """Add listings and photos, or change those that are there; in one transaction.

        A listing's ``photo_ids`` give its photos' order.
        """
        write_rows(self._engine, self._settings, listings, photos)

    def replace(
        self, listings: Iterable[Listing], photos: Iterable[Photo], gone: Collection[str]
    ) -> None:
        """:meth:`write`, and in the same transaction remove the listings ``gone`` and their
        photos."""
        write_rows(self._engine, self._settings, listings, photos, gone)

    def erase(self, listing_id: str) -> None:
        """Remove a listing and its photos, and every byte of them from the database's files."""
        erase_rows(self._engine, self._settings, listing_id)

    # Reading

    def _read_schema(self) -> Schema:
        with self._lock:
            if self._schema is None:
                with reading(self._engine):
                    self._schema = read_schema(self._engine, self._settings)
                self._listings_by_id = self._select_listings(self._schema)
            return self._schema

    def _times(self) -> Iterator[tuple[str, datetime | None, object]]:
        schema = self._read_schema()
        query = sa.select(schema.listing_id.column, self._readable_time(schema))
        erased = self._erased.known()
        with reading(self._engine) as connection:
            for listing_id, value in stream(connection, query):
                if is_erased(str(listing_id), erased):
                    continue
                yield str(listing_id), read_time(value), value

    def _photos(self, span: Span | None) -> Iterator[_PhotoRow]:
        schema = self._read_schema()
        query = self._select_photos(schema)
        if span is None:
            yield from self._read_photos(query)
            return
        condition = within(schema.listed_at, schema.time_keeping, span.start, span.end)
        for row in self._read_photos(query.where(condition)):
            if span.start <= row[3] < span.end:
                yield row

    def _lines(self, span: Span) -> Iterator[str]:
        """The digest's line of every photo in ``span``, in no order."""
        schema = self._read_schema()
        time = spelled_by(schema.listed_at, schema.time_keeping)
        if time is None:
            for photo_id, listing_id, path, moment, version in self._photos(span):
                yield photo_line(spelled(moment), photo_id, listing_id, path, version)
            return
        column = schema.listed_at
        if self._engine.dialect.name == "sqlite" and span.end - span.start > _LONG_SPAN:
            # By its index of times SQLite would jump about in both tables; read from end to
            # end they take a third of the time (measured, 300,000 photos). A function hides
            # the column from the index.
            column = sa.func.coalesce(column, "")
        condition = within(column, schema.time_keeping, span.start, span.end)
        query = self._select_photos(schema, time).where(condition)
        erased = self._erased.known()
        with reading(self._engine) as connection:
            for photo_id, listing_id, path, text, *more in stream(connection, query):
                if is_erased(str(listing_id), erased):
                    continue
                yield photo_line(text, photo_id, listing_id, path, _version(*more))

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

    def _read_photos(self, query: sa.Select[Any], erased_for_s: float = 0.0) -> Iterator[_PhotoRow]:
        erased = self._erased.known(erased_for_s)
        with reading(self._engine) as connection:
            for photo_id, listing_id, path, value, *more in stream(connection, query):
                moment = read_time(value)
                if moment is not None and not is_erased(str(listing_id), erased):
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


def _hour(text: str) -> Window:
    start = datetime.fromisoformat(f"{text}:00").replace(tzinfo=UTC)
    return Window(Granularity.HOURLY, start)


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


def _misplacement(
    moment: datetime | None, value: object, start: datetime, now: datetime
) -> str | None:
    if moment is None:
        return "it has no time" if value is None else f"its time can't be read: {value!r}"
    if moment < start:
        return f"it is from before the timeline's start, {start.isoformat()}"
    if moment > now:
        return f"it is from the future; now is {now.isoformat(timespec='seconds')}"
    return None


def _spread(photo_id: str) -> bytes:
    return hashlib.blake2b(photo_id.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _version(value: object = None) -> str:
    if isinstance(value, datetime):  # PostgreSQL gives it in the zone of the connection
        moment = read_time(value)
        return "" if moment is None else spelled(moment)
    return _text(value) or ""


def _text(value: object) -> str | None:
    return None if value is None else str(value)
