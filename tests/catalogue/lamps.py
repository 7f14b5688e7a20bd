"""Listings for the tests of the catalogue: lamps, listed around two o'clock."""

from datetime import datetime

from photosearch.catalogue.catalogue import Catalogue
from photosearch.catalogue.listing import Listing, Photo
from photosearch.windows import Window

HOUR_14 = Window.parse("hourly/2026-11-22T14")
TWO = HOUR_14.start


def lamp(name: str, listed_at: datetime, photos: int = 1) -> tuple[Listing, list[Photo]]:
    """A live listing and its photos."""
    ids = tuple(f"{name}-{place}" for place in range(photos))
    listing = Listing(name, f"Lamp {name}", 12.5, "lamps", "live", listed_at, ids)
    return listing, [Photo(key, name, f"{name}/{key}.jpg", listed_at) for key in ids]


def put(catalogue: Catalogue, *lamps: tuple[Listing, list[Photo]]) -> None:
    """Write lamps into the catalogue's own tables."""
    catalogue.write([one for one, _ in lamps], [photo for _, photos in lamps for photo in photos])
