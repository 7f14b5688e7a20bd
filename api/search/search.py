"""From a query to the listings of an answer.

The stages share one deadline: understand the query (decode, embed), talk to the index
servers, look the listings up, all at once, with one SQL statement. Listings that are sold or
gone are left out here, at merge, because an index is immutable and listings sell every
second; the conversation then fetches deeper until k listings are left or none remain.
"""

import asyncio
import functools
import math
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from api.deadline import Deadline
from api.fleet.planner import Planner
from api.fleet.servers import ServerPool
from api.off_loop import IN_PLACE_ROWS, off_loop
from api.problems.problems import ApiProblem
from api.query.cursor import Position, mark_of, write_cursor
from api.query.query import Query
from api.query.understand import Asked, Understanding
from api.search.answer import coverage_of, partial_problem, result_of
from api.search.compose import Composition, Conversation, Hit
from api.search.hidden import hidden_listings
from photosearch.catalogue.catalogue import Catalogue
from photosearch.catalogue.listing import Listing
from photosearch.rest.search import OnPartial, SearchAnswer, SearchRequest
from photosearch.settings.settings import Settings

SLACK = 1.25  # rows fetched for each listing wanted: further photos, and listings that sold
SLACK_ROWS = 6
DEEPER = 4  # how much more is fetched when that was not enough
WAIT_STEP_S = 0.25
WAIT_SHARE = 0.9  # of the deadline: what waits for windows leaves time to answer


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


@dataclass
class ListingSearcher:
    """Answers queries; one object for the API's life."""

    settings: Settings
    understanding: Understanding
    planner: Planner
    pool: ServerPool
    catalogue: Catalogue
    max_fetch: int
    _lookups: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(2, thread_name_prefix="catalogue")
    )

    async def answer(self, query: Query) -> SearchAnswer:
        """Answer one query.

        Raises:
            PhotosearchError: if the query can't be answered, or only in part when the caller
                wants it whole.
        """
        start = time.perf_counter()
        deadline = Deadline.after(self.settings.deadline_s)
        asked = await self.understanding.of(query, deadline)
        request = query.request
        k = self._page_size(request.k, len(asked.answered))
        conversation = Conversation(
            self.pool,
            lambda failed: self.planner.plan(asked.question.fingerprint, failed),
            asked.question,
            deadline,
        )
        page = await self._page(conversation, asked, request, k)
        on_partial = request.on_partial or self.settings.on_partial
        if on_partial == "wait":
            page = await self._waited(page, conversation, asked, request, k)
        rows = len(page.known) + len(page.composition.answers)
        answer = await off_loop(
            lambda: self._answer(page, asked, k, on_partial), if_long=rows > IN_PLACE_ROWS
        )
        took_s = time.perf_counter() - start + (query.download_s or 0.0)
        timings = {
            **({} if query.download_s is None else {"download": query.download_s * 1e3}),
            **asked.timings_ms,
            "search": page.search_s * 1e3,
            "catalogue": page.catalogue_s * 1e3,
            "total": took_s * 1e3,
        }
        answer.timings_ms = {stage: round(taken, 2) for stage, taken in timings.items()}
        return answer

    def close(self) -> None:
        self._lookups.shutdown(wait=False, cancel_futures=True)

    async def _page(
        self, conversation: Conversation, asked: Asked, request: SearchRequest, k: int
    ) -> ResultPage:
        wanted = k + 1
        answered = asked.answered
        fetch = min(self.max_fetch, math.ceil((len(answered) + wanted) * SLACK) + SLACK_ROWS)
        above = math.inf
        known: dict[str, Listing | None] = {}
        search_s = catalogue_s = 0.0
        while True:
            began = time.perf_counter()
            composition = await conversation.gather(fetch, above)
            searched = time.perf_counter()
            candidates = await off_loop(
                functools.partial(_candidates, composition, asked, request),
                if_long=fetch > IN_PLACE_ROWS,
            )
            found = await self._live(candidates, wanted, known, conversation.deadline)
            search_s += searched - began
            catalogue_s += time.perf_counter() - searched
            certain_from = found[k - 1][0].score if len(found) == wanted else -math.inf
            if request.min_score is not None:
                certain_from = max(certain_from, request.min_score)
            is_certain = composition.floor <= certain_from
            if is_certain or fetch >= self.max_fetch or conversation.deadline.left_s <= 0:
                truncated = not is_certain and len(found) < wanted
                return ResultPage(found, composition, truncated, known, search_s, catalogue_s)
            fetch = min(self.max_fetch, fetch * DEEPER)
            above = certain_from

    async def _waited(
        self,
        page: ResultPage,
        conversation: Conversation,
        asked: Asked,
        request: SearchRequest,
        k: int,
    ) -> ResultPage:
        """The page once nothing is missing, or as it is when the time is up."""
        deadline = conversation.deadline
        while page.composition.gaps and deadline.left_s > deadline.total_s * (1 - WAIT_SHARE):
            await self.planner.changed(min(WAIT_STEP_S, deadline.left_s))
            conversation.forgive()
            page = await self._page(conversation, asked, request, k)
        return page

    async def _live(
        self,
        candidates: Sequence[Hit],
        wanted: int,
        known: dict[str, Listing | None],
        deadline: Deadline,
    ) -> list[tuple[Hit, Listing]]:
        """The first ``wanted`` of ``candidates`` that may be shown; ``known`` is filled."""
        found: list[tuple[Hit, Listing]] = []
        step = math.ceil(wanted * SLACK) + SLACK_ROWS
        for start in range(0, len(candidates), step):
            part = candidates[start : start + step]
            unknown = [hit.listing_id for hit in part if hit.listing_id not in known]
            if unknown:
                listings = await self._looked_up(unknown, deadline)
                known.update({one: listings.get(one) for one in unknown})
            for hit in part:
                listing = known[hit.listing_id]
                if listing is not None and listing.status in self.settings.live_statuses:
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

    def _page_size(self, k: int, answered: int) -> int:
        left = self.settings.max_k - answered
        if left <= 0:
            raise ApiProblem(
                422,
                "too-deep",
                "these results have no further page",
                found=f"{answered} listings were answered",
                limit=f"{self.settings.max_k} (max_k)",
                remedy="search with another photo, or with a min_score",
            )
        return min(k, left)

    def _answer(
        self, page: ResultPage, asked: Asked, k: int, on_partial: OnPartial
    ) -> SearchAnswer:
        """What was found, and what was searched; the times are set when all is done."""
        composition, fingerprint = page.composition, asked.question.fingerprint
        hidden = hidden_listings(page.known, self.catalogue, self.settings)
        now = self.planner.now()
        coverage = coverage_of(composition, fingerprint, now, page.truncated, hidden)
        if not composition.answers or (on_partial != "degrade" and not coverage.complete):
            raise partial_problem(coverage, on_partial, self.settings.deadline_s)
        root_path = self.settings.root_path
        return SearchAnswer(
            results=[result_of(hit, listing, root_path) for hit, listing in page.found[:k]],
            coverage=coverage,
            timings_ms={},
            cursor=self._next(page, asked, k),
        )

    def _next(self, page: ResultPage, asked: Asked, k: int) -> str | None:
        answered = asked.answered | {mark_of(hit.listing_id) for hit, _ in page.found[:k]}
        if len(page.found) <= k or len(answered) >= self.settings.max_k:
            return None
        position = Position(
            asked.digest, asked.question.fingerprint, answered, left_out=asked.left_out
        )
        return write_cursor(position, asked.question.vector)


def _candidates(composition: Composition, asked: Asked, request: SearchRequest) -> list[Hit]:
    """The listings that were found and may be answered, best first."""
    return [
        hit
        for hit in composition.listings()
        if hit.listing_id != asked.left_out
        and (request.min_score is None or hit.score >= request.min_score)
        and (not asked.answered or mark_of(hit.listing_id) not in asked.answered)
    ]
