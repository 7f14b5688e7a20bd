"""The listings that the page offers to try a search with.

Choosing them reads the id of every photo, three seconds at 300,000 of them, so a choice is
kept for a hundred times as long as it took: however large the catalogue and however many
ask, choosing takes at most a hundredth of the time. What the choice names is looked up at
every request, so that a listing that was sold is left out at once.
"""

import asyncio
import time
from collections.abc import Callable, Collection

from photosearch.catalogue.catalogue import Catalogue
from photosearch.catalogue.listing import Listing

MOST = 100
_KEPT_TIMES_ITS_COST = 100
_LEAST_KEPT_S = 1.0
# A listing may be drawn twice by its photos, or be sold: some more are drawn.
_SPARE_FACTOR, _SPARE = 2, 8


class SampleListings:
    """A sample of live listings, spread over the catalogue; for one event loop."""

    def __init__(
        self,
        catalogue: Catalogue,
        live_statuses: Collection[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._catalogue = catalogue
        self._live_statuses = live_statuses
        self._clock = clock
        self._lock = asyncio.Lock()
        self._owners: list[str] = []  # of the chosen photos, in the sample's order
        self._kept_until = float("-inf")

    async def listings(self, count: int) -> list[Listing]:
        """At most ``count`` (up to ``MOST``) live listings, the same ones every time.

        A smaller answer is the beginning of a larger one.

        Raises:
            CatalogueError: if the catalogue can't be read.
        """
        async with self._lock:  # many who come at once wait for one choice
            if self._clock() >= self._kept_until:
                await asyncio.to_thread(self._choose)
            owners = self._owners[: _drawn(count)]
        ids = list(dict.fromkeys(owners))
        found = await asyncio.to_thread(self._catalogue.listings, ids)
        live = [found[one] for one in ids if one in found and self._is_live(found[one])]
        return live[:count]

    def _choose(self) -> None:
        before = self._clock()
        photos = self._catalogue.sample_photos(_drawn(MOST))
        self._owners = [photo.listing_id for photo in photos]
        now = self._clock()
        self._kept_until = now + max(_LEAST_KEPT_S, _KEPT_TIMES_ITS_COST * (now - before))

    def _is_live(self, listing: Listing) -> bool:
        return listing.status in self._live_statuses


def _drawn(count: int) -> int:
    return count * _SPARE_FACTOR + _SPARE
