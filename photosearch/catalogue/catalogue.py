"""The catalogue: which photos belong to which listing, and when each was listed.

It asks the database for little and sorts in Python: PostgreSQL orders text by its locale and
SQLite by code points, and a window's rows, their digest and a sample have to be the same
whichever holds the catalogue. Only times are compared by the database, for its index.

What was erased is hidden from every answer, also while a shop's own database still has it.
"""

import hashlib
import heapq
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Protocol, Self, TypeVar

import sqlalchemy as sa

from photosearch.catalogue.connection import engine_of, reading, sqlite_file
from photosearch.catalogue.file_mark import mark_of
from photosearch.catalogue.left_out import (
    Reason,
    hidden_by_status,
    misplaced,
    no_id,
    no_photo,
    was_erased,
)
from photosearch.catalogue.listing import (
    CatalogueDigest,
    CatalogueSize,
    Listing,
    Misplaced,
    Photo,
    digest_of_lines,
)
from photosearch.catalogue.queries import PhotoRow, Queries
from photosearch.catalogue.rows import erase_rows, write_rows
from photosearch.catalogue.schema import CatalogueError
from photosearch.catalogue.survey import Survey
from photosearch.catalogue.times import read_time
from photosearch.closing import Closing
from photosearch.files.state_folder import keep_to_owner
from photosearch.repository.erasures import ErasedListings, NothingErased, is_erased
from photosearch.repository.storage.opening import open_storage
from photosearch.settings.settings import Settings
from photosearch.terminal.masked import masked
from photosearch.windows import Granularity, Span, Window

__all__ = ["Catalogue", "CatalogueError"]


class OfListing(Protocol):
    """Whatever belongs to a listing."""

    @property
    def listing_id(self) -> str: ...


Pictured = TypeVar("Pictured", bound=OfListing)

# SQLite binds at most 32,766 values a statement, PostgreSQL 65,535.
_IDS_A_QUERY = 10_000
_ERASURES_FOR_S = 2.0
_HOUR_OF_A_LINE = len("2026-11-22 14")


class Catalogue(Closing):
    """The listings and photos of one database; safe to share between threads.

    Every method raises CatalogueError if the database can't be reached or is not laid out
    as the settings say. A photo whose listing is missing is in no answer but ``size()``.
    """

    def __init__(
        self,
        engine: sa.Engine,
        settings: Settings,
        erased: ErasedListings | NothingErased,
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._queries = Queries(engine, settings)
        self._erased = erased

    @classmethod
    def open(cls, settings: Settings, *, with_erased: bool = False) -> Self:
        """The catalogue of these settings; nothing is connected before it is used.

        ``with_erased`` shows what was erased, as an erasure has to see it.
        """
        engine = engine_of(settings)
        if with_erased:
            return cls(engine, settings, NothingErased())
        storage = open_storage(settings.repository_url, settings)
        return cls(engine, settings, ErasedListings(storage))

    @property
    def shown_url(self) -> str:
        """The database's URL without its password."""
        return masked(self._engine.url.render_as_string(hide_password=True))

    def connect(self) -> None:
        """Connect, to see whether the database is there, whatever tables it has."""
        with reading(self._engine):
            sa.inspect(self._engine).get_table_names()

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    # Windows

    def photos_in(self, window: Window) -> list[Photo]:
        """The photos listed in a window, of any status, by (listed_at, photo_id, listing_id).

        A row that a view tells twice is one.
        """
        photos = [Photo(*row) for row in {*self._photos(window.span)}]
        return sorted(photos, key=lambda one: (one.listed_at, one.photo_id, one.listing_id))

    def hour_digests(self, span: Span) -> dict[Window, CatalogueDigest]:
        """The digest of every hour in ``span`` that has photos, by one streamed query.

        Equal to :func:`catalogue_digest` of each hour's ``photos_in``. An hour that
        ``span`` cuts is counted as far as it lies inside.
        """
        erased = self._erased.known()
        hours: defaultdict[str, set[str]] = defaultdict(set)
        for listing_id, line in self._queries.lines(span):
            if not is_erased(listing_id, erased):
                hours[line[:_HOUR_OF_A_LINE]].add(line)
        return {
            hour: CatalogueDigest(len(lines), digest_of_lines(lines))
            for text, lines in sorted(hours.items())
            if (hour := _hour(text)) is not None
        }

    def mark(self) -> Hashable:
        """What is another one whenever :meth:`hour_digests` may be; None if nobody can tell.

        Only the file that photosearch made itself can: a shop's tables may be views of anything.
        """
        file = sqlite_file(self._engine) if self._settings.database_url is None else None
        mark = None if file is None else mark_of(file)
        return None if mark is None else (str(file), mark, self._erased.known())

    def outside(self, start: datetime, now: datetime) -> list[Misplaced]:
        """Listings that no window holds: before ``start``, after ``now``, or without a time."""
        found = []
        for listing_id, moment, value in self._times():
            reason = misplaced(moment, value, start, now)
            if reason is not None:
                found.append(Misplaced(listing_id, moment, reason[1]))
        return sorted(found, key=lambda misplaced: misplaced.listing_id)

    def survey(self, start: datetime, now: datetime) -> Survey:
        """How many listings a search can find, and which rules leave out the others."""
        survey, erased = Survey(now), self._erased.known()
        without_photos = set(self._queries.without_photos())
        for listing_id, moment, value, status, price in self._queries.survey_rows():
            survey.listings += 1
            if listing_id is None:
                survey.leave_out(Reason.NO_ID, None, no_id())
                continue
            if is_erased(listing_id, erased):
                survey.leave_out(Reason.ERASED, None, was_erased())
                continue
            survey.statuses[status] += 1
            if price is not None:
                survey.count_price(listing_id, price)
            if moment is not None:
                survey.count_time(moment)
            hidden = hidden_by_status(status, self._settings)
            reason = misplaced(moment, value, start, now)
            if hidden is not None:
                survey.leave_out(Reason.STATUS, listing_id, hidden)
            elif reason is not None:
                survey.leave_out(reason[0], listing_id, reason[1])
            elif listing_id in without_photos:
                survey.leave_out(Reason.NO_PHOTO, listing_id, no_photo())
            elif moment is not None:
                survey.place(moment)
        return survey

    def photos_without_id(self) -> int:
        """How many photos of a listing have no id that can be named."""
        return self._queries.photos_without_id()

    def is_erased(self, listing_id: str) -> bool:
        """Whether a listing was erased, as far as queries know by now."""
        return is_erased(listing_id, self._erased.known(_ERASURES_FOR_S))

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
        return {row[0]: row[4] for row in self._photos()}

    def photo(self, photo_id: str, listing_id: str | None = None) -> Photo | None:
        """One photo, of that listing if one is given, else of any that was not erased; none if
        there is none, or its listing is missing or has no time."""
        erased = self._erased.known(_ERASURES_FOR_S)
        rows = [
            row
            for row in self._queries.photos_called(photo_id)
            if not is_erased(row[1], erased) and listing_id in (None, row[1])
        ]
        return Photo(*min(rows)) if rows else None

    def listings(self, ids: Collection[str], *, with_photos: bool = True) -> dict[str, Listing]:
        """The listings with these ids, with their photos in order; unknown ids are left out.

        Without photos (``photo_ids`` is empty) it is one statement instead of two, which is
        what a search can spare: it knows the photo that it found.
        """
        erased = self._erased.known(_ERASURES_FOR_S)
        wanted = [listing_id for listing_id in ids if not is_erased(listing_id, erased)]
        found = {}
        for first in range(0, len(wanted), _IDS_A_QUERY):
            part = wanted[first : first + _IDS_A_QUERY]
            for listing in self._queries.listings(part, with_photos=with_photos):
                found[listing.listing_id] = listing
        return found

    def without_erased(self, photos: Iterable[Pictured]) -> list[Pictured]:
        """Those of ``photos`` whose listings have not been erased by now."""
        erased = self._erased.known()
        return [photo for photo in photos if not is_erased(photo.listing_id, erased)]

    def require_distinct_ids(self) -> None:
        """See that each id is of one listing, and of one photo however many listings have it.

        Raises:
            CatalogueError: if it is not; nothing that was made of such ids could be believed.
        """
        self._queries.require_distinct_ids()

    def photo_count(self) -> int:
        """How many photos belong to a listing."""
        return self._queries.photo_count()

    def size(self) -> CatalogueSize:
        """How many listings and photos there are, and how many belong to nothing."""
        return self._queries.size()

    def sample_photos(self, count: int, before: datetime | None = None) -> list[Photo]:
        """``count`` photos spread over the catalogue, listed before ``before`` if given.

        Chosen by the hash of their ids, in that order: the same on every database, and a
        smaller sample is the beginning of a larger one.
        """
        span = None if before is None else Span(datetime(1, 1, 2, tzinfo=UTC), before)
        chosen = heapq.nsmallest(
            count, self._photos(span), key=lambda row: (_spread(row[0]), row[1])
        )
        return [Photo(*row) for row in chosen]

    # Writing, to the tables that photosearch makes itself

    def create_tables(self) -> None:
        """Make the two tables, if they are not there, and what an earlier release left out."""
        if self._settings.database_url is None:  # the file lies in the state folder
            keep_to_owner(self._settings.state)
        write_rows(self._engine, self._settings)
        self._queries.forget_schema()

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

    # What is not erased

    def _times(self) -> Iterator[tuple[str, datetime | None, object]]:
        erased = self._erased.known()
        return (row for row in self._queries.times() if not is_erased(row[0], erased))

    def _photos(self, span: Span | None = None) -> Iterator[PhotoRow]:
        erased = self._erased.known()
        return (row for row in self._queries.photos(span) if not is_erased(row[1], erased))


def _hour(text: str) -> Window | None:
    """The hour of a line; none of a time that our own tables' spelling has and no calendar."""
    start = read_time(f"{text}:00")
    return None if start is None else Window(Granularity.HOURLY, start)


def _spread(photo_id: str) -> bytes:
    return hashlib.blake2b(photo_id.encode("utf-8", "surrogatepass"), digest_size=16).digest()
