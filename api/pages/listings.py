"""A listing as the API shows it: what the catalogue says, and where its photos are."""

from urllib.parse import quote

from api.problems.problems import ApiProblem
from photosearch.catalogue.listing import Listing
from photosearch.rest.listings import ListingAnswer, ListingPhoto


def listing_of(listing: Listing, root_path: str) -> ListingAnswer:
    """A listing as the catalogue has it."""
    return ListingAnswer(
        listing_id=listing.listing_id,
        title=listing.title,
        category=listing.category,
        price=listing.price,
        status=listing.status,
        listed_at=listing.listed_at,
        photos=[
            ListingPhoto(photo_id=one, photo_url=photo_url(one, root_path))
            for one in listing.photo_ids
        ],
    )


def photo_url(photo_id: str, root_path: str) -> str:
    """The path that serves the photo; ids may hold slashes."""
    return f"{root_path}/v1/photos/{quote(photo_id, safe='/')}"


def no_such_listing(listing_id: str) -> ApiProblem:
    """404: the catalogue has no such listing."""
    return ApiProblem(
        404,
        "unknown-listing",
        "the catalogue has no such listing",
        found=repr(listing_id),
        remedy="check the id; it may have been deleted",
    )
