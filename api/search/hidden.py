"""Listings that a search found and does not show, counted by the rule that hides them.

An index is immutable and listings sell every second, so some are always left out. When all
are, the caller has to be told: a shop whose live listings are called otherwise would see an
empty page and nothing wrong.
"""

from collections import Counter
from collections.abc import Mapping

from photosearch.catalogue.catalogue import Catalogue
from photosearch.catalogue.left_out import Reason, gone, hidden_by_status, was_erased
from photosearch.catalogue.listing import Listing
from photosearch.rest.search import HiddenListings
from photosearch.settings.settings import Settings


def hidden_listings(
    known: Mapping[str, Listing | None], catalogue: Catalogue, settings: Settings
) -> list[HiddenListings]:
    """What is hidden of the listings that were looked up, by ids, most first."""
    reasons = (_why_hidden(key, one, catalogue, settings) for key, one in known.items())
    counts = Counter(reason for reason in reasons if reason is not None)
    return [
        HiddenListings(reason=reason, listings=count, why=why)
        for (reason, why), count in counts.most_common()
    ]


def _why_hidden(
    listing_id: str, listing: Listing | None, catalogue: Catalogue, settings: Settings
) -> tuple[Reason, str] | None:
    if listing is not None:
        why = hidden_by_status(listing.status, settings)
        return None if why is None else (Reason.STATUS, why)
    if catalogue.is_erased(listing_id):
        return Reason.ERASED, was_erased()
    return Reason.GONE, gone()
