"""Listings as they cross the REST border: one by its id, and some to try a search with."""

from datetime import datetime

from pydantic import BaseModel


class ListingPhoto(BaseModel):
    photo_id: str
    photo_url: str


class ListingAnswer(BaseModel):
    """A listing as the catalogue has it."""

    listing_id: str
    title: str | None
    category: str | None
    price: float | None
    status: str | None
    listed_at: datetime
    photos: list[ListingPhoto]


class Samples(BaseModel):
    """Some listings to try a search with."""

    listings: list[ListingAnswer]
