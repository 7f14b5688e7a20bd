"""What the catalogue says about a listing and its photos.

A photo's time is its listing's: windows are stretches of listing time. Status, title and
price are not part of the digest, because they change nothing in an index; a listing that
sells or is renamed makes no window stale.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from photosearch.catalogue.times import spelled


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo of one listing; ``path`` counts from the image store, ``listed_at`` is UTC.

    ``version`` is another one when the bytes are; empty if the catalogue does not say.
    """

    photo_id: str
    listing_id: str
    path: str
    listed_at: datetime
    version: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """One item for sale, its photos in the seller's order; ``listed_at`` is UTC."""

    listing_id: str
    title: str | None
    price: float | None
    category: str | None
    status: str | None
    listed_at: datetime
    photo_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Misplaced:
    """A listing that no window can hold, and why; ``listed_at`` is none when unreadable."""

    listing_id: str
    listed_at: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class CatalogueDigest:
    """How many photos an hour has, and the SHA-256 over them (hex)."""

    photos: int
    digest: str


@dataclass(frozen=True, slots=True)
class CatalogueSize:
    """How much the catalogue holds, and what in it belongs to nothing."""

    listings: int
    photos: int  # those with a listing
    listings_without_photos: int
    photos_without_listing: int


def catalogue_digest(photos: Sequence[Photo]) -> str:
    """SHA-256 (hex) over photos, whatever their order."""
    return digest_of_lines(
        photo_line(
            spelled(photo.listed_at), photo.photo_id, photo.listing_id, photo.path, photo.version
        )
        for photo in photos
    )


def photo_line(
    listed_at: str, photo_id: object, listing_id: object, path: object, version: str = ""
) -> str:
    """One photo as it goes into the digest; sorts by time, then by photo.

    NUL ends each field: neither a path nor PostgreSQL's text can hold one, so that no two
    photos share a line. ``listed_at`` is a time as :func:`spelled`. Without a version the
    line ends with the path.
    """
    line = f"{listed_at}\0{photo_id}\0{listing_id}\0{path or ''}\0"
    return f"{line}{version}\0" if version else line


def digest_of_lines(lines: Iterable[str]) -> str:
    """SHA-256 (hex) over :func:`photo_line` lines, whatever their order."""
    return hashlib.sha256("\n".join(sorted(lines)).encode("utf-8", "surrogatepass")).hexdigest()
