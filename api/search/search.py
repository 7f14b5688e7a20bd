"""From a query to the listings of an answer.

The stages share one deadline: understand the query (decode, embed), talk to the index
servers, look the listings up; and again, deeper, until the page is full. A query that would
rather wait than be answered in part goes on asking until no window is missing.
"""

import time
from dataclasses import dataclass

from api.deadline import Deadline
from api.fleet.planner import Planner
from api.fleet.servers import ServerPool
from api.off_loop import IN_PLACE_ROWS, off_loop
from api.query.query import Query
from api.query.understand import Asked, Understanding
from api.search.answer import coverage_of, partial_problem, result_of
from api.search.compose import Conversation
from api.search.hidden import hidden_listings
from api.search.paging import Paging, ResultPage
from photosearch.rest.search import OnPartial, SearchAnswer
from photosearch.settings.settings import Settings

WAIT_STEP_S = 0.25
WAIT_SHARE = 0.9  # of the deadline: what waits for windows leaves time to answer


@dataclass
class ListingSearcher:
    """Answers queries; one object for the API's life."""

    settings: Settings
    understanding: Understanding
    planner: Planner
    pool: ServerPool
    paging: Paging

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
        k = self.paging.size(request.k, asked)
        conversation = Conversation(
            self.pool,
            lambda failed: self.planner.plan(asked.question.fingerprint, failed),
            asked.question,
            deadline,
        )
        page = await self.paging.page(conversation, asked, request.min_score, k)
        on_partial = request.on_partial or self.settings.on_partial
        if on_partial == "wait":
            page = await self._waited(page, conversation, asked, request.min_score, k)
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
        self.paging.live.close()

    async def _waited(
        self,
        page: ResultPage,
        conversation: Conversation,
        asked: Asked,
        min_score: float | None,
        k: int,
    ) -> ResultPage:
        """The page once nothing is missing, or as it is when the time is up."""
        deadline = conversation.deadline
        while page.composition.gaps and deadline.left_s > deadline.total_s * (1 - WAIT_SHARE):
            await self.planner.changed(min(WAIT_STEP_S, deadline.left_s))
            conversation.forgive()
            page = await self.paging.page(conversation, asked, min_score, k)
        return page

    def _answer(
        self, page: ResultPage, asked: Asked, k: int, on_partial: OnPartial
    ) -> SearchAnswer:
        """What was found, and what was searched; the times are set when all is done."""
        composition, fingerprint = page.composition, asked.question.fingerprint
        hidden = hidden_listings(page.known, self.paging.live.catalogue, self.settings)
        now = self.planner.now()
        coverage = coverage_of(composition, fingerprint, now, page.truncated, hidden)
        if not composition.answers or (on_partial != "degrade" and not coverage.complete):
            raise partial_problem(coverage, on_partial, self.settings.deadline_s)
        root_path = self.settings.root_path
        return SearchAnswer(
            results=[result_of(hit, listing, root_path) for hit, listing in page.found[:k]],
            coverage=coverage,
            timings_ms={},
            cursor=self.paging.next_cursor(page, asked, k),
        )
