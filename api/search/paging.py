"""One page of a query's listings, and the cursor that leads to the next.

Rows are fetched for a little more than the page holds. When sold listings, further photos of
one listing or those of the pages before thin them out, the conversation fetches deeper, until
the page is full, nothing remains, or ``max_fetch`` is reached.
"""

import functools
import math
import time
from dataclasses import dataclass

from api.off_loop import IN_PLACE_ROWS, off_loop
from api.problems.problems import ApiProblem
from api.query.cursor import Position, mark_of, write_cursor
from api.query.understand import Asked
from api.search.compose import Composition, Conversation, Hit
from api.search.live import LiveListings, rows_for
from photosearch.catalogue.listing import Listing

_DEEPER = 4  # how much more is fetched when that was not enough


@dataclass
class ResultPage:
    """The live listings of one page, one more if another page follows."""

    found: list[tuple[Hit, Listing]]
    composition: Composition
    truncated: bool
    #: All that was looked up by its id, with what may not be shown; none for what is not there.
    known: dict[str, Listing | None]
    search_s: float = 0.0
    catalogue_s: float = 0.0


@dataclass(frozen=True)
class Paging:
    """Pages of at most ``max_k`` listings in all, of at most ``max_fetch`` rows each."""

    live: LiveListings
    max_k: int
    max_fetch: int

    def size(self, k: int, asked: Asked) -> int:
        """How many of the ``k`` listings that are wanted the page may hold.

        Raises:
            ApiProblem: 422 if the pages before have had them all.
        """
        answered = len(asked.answered)
        left = self.max_k - answered
        if left <= 0:
            raise ApiProblem(
                422,
                "too-deep",
                "these results have no further page",
                found=f"{answered} listings were answered",
                limit=f"{self.max_k} (max_k)",
                remedy="search with another photo, or with a min_score",
            )
        return min(k, left)

    async def page(
        self, conversation: Conversation, asked: Asked, min_score: float | None, k: int
    ) -> ResultPage:
        """The page of ``k`` listings that follows those that were answered."""
        wanted = k + 1
        fetch = min(self.max_fetch, rows_for(len(asked.answered) + wanted))
        above = math.inf
        known: dict[str, Listing | None] = {}
        search_s = catalogue_s = 0.0
        while True:
            began = time.perf_counter()
            composition = await conversation.gather(fetch, above)
            searched = time.perf_counter()
            candidates = await off_loop(
                functools.partial(_candidates, composition, asked, min_score),
                if_long=fetch > IN_PLACE_ROWS,
            )
            found = await self.live.first(candidates, wanted, known, conversation.deadline)
            search_s += searched - began
            catalogue_s += time.perf_counter() - searched
            certain_from = found[k - 1][0].score if len(found) == wanted else -math.inf
            if min_score is not None:
                certain_from = max(certain_from, min_score)
            is_certain = composition.floor <= certain_from
            if is_certain or fetch >= self.max_fetch or conversation.deadline.left_s <= 0:
                truncated = not is_certain and len(found) < wanted
                return ResultPage(found, composition, truncated, known, search_s, catalogue_s)
            fetch = min(self.max_fetch, fetch * _DEEPER)
            above = certain_from

    def next_cursor(self, page: ResultPage, asked: Asked, k: int) -> str | None:
        """Leads to what follows the page's ``k`` listings; none if nothing does."""
        answered = asked.answered | {mark_of(hit.listing_id) for hit, _ in page.found[:k]}
        if len(page.found) <= k or len(answered) >= self.max_k:
            return None
        position = Position(
            asked.digest, asked.question.fingerprint, answered, left_out=asked.left_out
        )
        return write_cursor(position, asked.question.vector)


def _candidates(composition: Composition, asked: Asked, min_score: float | None) -> list[Hit]:
    """The listings that were found and may be answered, best first."""
    return [
        hit
        for hit in composition.listings()
        if hit.listing_id != asked.left_out
        and (min_score is None or hit.score >= min_score)
        and (not asked.answered or mark_of(hit.listing_id) not in asked.answered)
    ]
