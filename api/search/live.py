"""Which of the listings that were found may be shown now.

An index is immutable and listings sell every second, so those that are sold or gone are left
out here, at merge. Candidates are looked up by parts, as many at once as are likely to hold
what is wanted, with one SQL statement each.
"""

import asyncio
import functools
import math
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from api.deadline import Deadline
from api.search.compose import Hit
from photosearch.catalogue.catalogue import Catalogue
from photosearch.catalogue.listing import Listing

_SLACK = 1.25  # rows for each listing wanted: further photos, and listings that sold
_SLACK_ROWS = 6


def rows_for(listings: int) -> int:
    """How many rows are likely to hold so many live listings."""
    return math.ceil(listings * _SLACK) + _SLACK_ROWS


@dataclass
class LiveListings:
    """Looks candidates up in the catalogue, in threads of its own."""

    catalogue: Catalogue
    statuses: Collection[str]
    _lookups: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(2, thread_name_prefix="catalogue")
    )

    async def first(
        self,
        candidates: Sequence[Hit],
        wanted: int,
        known: dict[str, Listing | None],
        deadline: Deadline,
    ) -> list[tuple[Hit, Listing]]:
        """The first ``wanted`` of ``candidates`` that may be shown; ``known`` is filled.

        Raises:
            ApiProblem: if the catalogue does not answer before the deadline.
        """
        found: list[tuple[Hit, Listing]] = []
        step = rows_for(wanted)
        for start in range(0, len(candidates), step):
            part = candidates[start : start + step]
            unknown = [hit.listing_id for hit in part if hit.listing_id not in known]
            if unknown:
                listings = await self._looked_up(unknown, deadline)
                known.update({one: listings.get(one) for one in unknown})
            for hit in part:
                listing = known[hit.listing_id]
                if listing is not None and listing.status in self.statuses:
                    found.append((hit, listing))
            if len(found) >= wanted:
                break
        return found[:wanted]

    async def _looked_up(self, ids: Sequence[str], deadline: Deadline) -> dict[str, Listing]:
        work = asyncio.get_running_loop().run_in_executor(
            self._lookups, functools.partial(self.catalogue.listings, ids, with_photos=False)
        )
        try:
            return await asyncio.wait_for(work, max(deadline.left_s, 0.001))
        except TimeoutError:
            raise deadline.missed(
                "the catalogue did not answer in time",
                "try again; if it goes on, see what keeps the catalogue's database",
            ) from None

    def close(self) -> None:
        self._lookups.shutdown(wait=False, cancel_futures=True)
