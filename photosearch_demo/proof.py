"""The proof: hard query pictures of known listings, asked over REST.

Which listing each picture shows is known, so the share of answers whose first listing is that
one, recall@1, is measured and not believed.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from photosearch.client.client import Client
from photosearch.client.errors import ApiRefused, ClientError
from photosearch.rest.search import Result
from photosearch.rest.timeline import Gap, Timeline
from photosearch_demo.draw.photograph import cut_out
from photosearch_demo.folder import DemoError
from photosearch_demo.queries import QUERY_SIDE, as_jpeg, render_query
from photosearch_demo.shop import DrawnListing

RECALL_FLOOR = 0.95
QUERIES = 200
# A window becomes ready in the repository first and in an index server a moment later.
_POLL_S = 0.5
_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Answer:
    """What the API said to one query picture."""

    wanted: DrawnListing
    picture: bytes
    results: list[Result]
    is_complete: bool
    seconds: float

    @property
    def is_right(self) -> bool:
        return bool(self.results) and self.results[0].listing_id == self.wanted.listing_id


@dataclass(frozen=True)
class Proof:
    """All answers, and what follows from them."""

    answers: list[Answer]

    @property
    def recall(self) -> float:
        """Share of answers whose first listing is the one that the picture shows."""
        return sum(answer.is_right for answer in self.answers) / len(self.answers)

    @property
    def is_complete(self) -> bool:
        """Whether every answer came from all windows of the timeline."""
        return all(answer.is_complete for answer in self.answers)

    @property
    def holds(self) -> bool:
        return self.is_complete and self.recall >= RECALL_FLOOR

    @property
    def median_ms(self) -> float:
        return 1000 * float(np.median([answer.seconds for answer in self.answers]))


def query_pictures(
    shop: Sequence[DrawnListing], count: int, seed: int
) -> Iterator[tuple[DrawnListing, bytes]]:
    """``count`` hard pictures (JPEG) of listings chosen over the whole shop."""
    rng = np.random.default_rng(seed)
    for index in rng.choice(len(shop), min(count, len(shop)), replace=False):
        entry = shop[int(index)]
        picture = render_query(cut_out(entry.kind, entry.seed, QUERY_SIDE), rng)
        yield entry, as_jpeg(picture)


def prove(
    address: str,
    shop: Sequence[DrawnListing],
    count: int = QUERIES,
    *,
    seed: int = 7,
    on_progress: Callable[[int], None] | None = None,
) -> Proof:
    """Ask the API at ``address`` with ``count`` pictures.

    Raises:
        DemoError: if it answers with an error.
    """
    answers = []
    with Client(address, _TIMEOUT_S) as client:
        for entry, picture in query_pictures(shop, count, seed):
            before = time.perf_counter()
            try:
                received = client.search_photo(picture, "query.jpg")
            except ApiRefused as error:
                raise DemoError(
                    "the API refused a query picture",
                    found=f"{error.problem.status} {error}",
                    remedy="look into the logs folder",
                ) from error
            except ClientError as error:
                raise DemoError(
                    "the API does not answer", found=error.found, remedy="look into the logs folder"
                ) from error
            seconds = time.perf_counter() - before
            coverage = received.answer.coverage
            complete = coverage.complete and not coverage.failed
            answers.append(Answer(entry, picture, received.answer.results, complete, seconds))
            if on_progress is not None:
                on_progress(len(answers))
    return Proof(answers)


def wait_complete(address: str, timeout_s: float, on_state: Callable[[Timeline], None]) -> Timeline:
    """Wait until every closed window is answered for; the API's timeline.

    ``on_state`` gets each answer of ``/v1/windows`` on the way.

    Raises:
        DemoError: if that does not come about within ``timeout_s``.
    """
    limit = time.monotonic() + timeout_s
    gaps: list[Gap] | None = None
    with Client(address, _TIMEOUT_S) as client:
        while time.monotonic() < limit:
            with suppress(ClientError):  # it may be starting again
                timeline = client.windows().answer
                gaps = timeline.gaps
                on_state(timeline)
                if timeline.complete:
                    return timeline
            time.sleep(_POLL_S)
    raise DemoError(
        "not every window is served",
        found=f"{len(gaps)} gaps, the first from {gaps[0].start} to {gaps[0].end}"
        if gaps
        else "no answer from the API",
        limit=f"{timeout_s:.0f} s",
        remedy="look into the logs folder",
    )
