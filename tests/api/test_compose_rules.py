"""No listing twice, none lost silently: whatever the fleet looks like and whoever fails."""

import asyncio
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, cast

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.deadline import Deadline
from api.fleet.planner import Planner
from api.fleet.servers import Question, ServerPool
from api.query.cursor import mark_of
from api.query.understand import Asked
from api.search.compose import Composition, Conversation
from api.search.live import LiveListings
from api.search.paging import Paging, ResultPage
from index_grpc.wire.index_pb2 import SearchResponse
from photosearch.catalogue.listing import Listing
from photosearch.settings.settings import Settings
from photosearch.windows import Granularity, Span, Window, windows_within
from tests.api.memory import (
    FINGERPRINT,
    MemoryServer,
    Row,
    StillDiscovery,
    StillRepository,
    best_of,
    overlaps,
    rows_in,
)

START = datetime(2026, 10, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 2, 3, 20, tzinfo=UTC)
SPAN = Span(START, datetime(2026, 11, 2, 3, tzinfo=UTC))
MONTH = Window.parse("monthly/2026-10")
DAY = Window.parse("daily/2026-11-01")
HOURS = [*DAY.children(), *(Window.parse(f"hourly/2026-11-02T0{hour}") for hour in range(3))]
OCTOBER_DAYS = list(windows_within(MONTH.span, Granularity.DAILY))
WINDOWS = [MONTH, DAY, *HOURS, *OCTOBER_DAYS]
QUESTION = Question(np.full(4, 0.5, np.float32), FINGERPRINT)

scores = st.integers(-50, 50).map(lambda number: number / 50)


@st.composite
def shops(draw: st.DrawFn) -> list[Row]:
    """Up to thirty photos of up to twenty listings, each listing at one moment."""
    hours = draw(st.lists(st.integers(0, 31 * 24 + 26), min_size=1, max_size=20))
    rows = []
    for number, hour in enumerate(hours):
        moment = START + timedelta(hours=hour, minutes=number)
        rows += [
            Row(f"p{number:02}-{photo}", f"listing {number:02}", moment, draw(scores))
            for photo in range(draw(st.integers(1, 2)))
        ]
    return rows


@st.composite
def fleets(draw: st.DrawFn, rows: list[Row], *, failing: bool) -> list[MemoryServer]:
    """Up to six servers that hold anything disjoint, together or apart, and may fail."""
    servers = []
    for number in range(draw(st.integers(0, 6))):
        wanted = draw(st.lists(st.sampled_from(WINDOWS), min_size=1, max_size=30, unique=True))
        if draw(st.booleans()):
            wanted += draw(st.sampled_from([HOURS, OCTOBER_DAYS, [MONTH, DAY]]))
        held: list[Window] = []
        for window in wanted:
            if not overlaps(window, [one.span for one in held]):
                held.append(window)
        fails: frozenset[int] = frozenset()
        left_out: frozenset[Window] = frozenset()
        if failing:
            fails = draw(st.sampled_from([frozenset(), frozenset({-1}), frozenset({1})]))
            left_out = frozenset(draw(st.sets(st.sampled_from(held), max_size=2)))
        servers.append(MemoryServer(f"server-{number}", tuple(held), rows, fails, left_out))
    return servers


@st.composite
def cases(draw: st.DrawFn, *, failing: bool) -> tuple[list[Row], list[MemoryServer]]:
    rows = draw(shops())
    return rows, draw(fleets(rows, failing=failing))


def planner_of(servers: list[MemoryServer]) -> Planner:
    discovery = StillDiscovery(servers)
    pool = ServerPool(discovery.connect)
    return Planner(discovery, StillRepository(), pool, START, lambda: NOW)


def gather(servers: list[MemoryServer], k: int) -> Composition:
    planner = planner_of(servers)
    conversation = Conversation(
        planner.pool,
        lambda failed: planner.plan(FINGERPRINT, failed),
        QUESTION,
        Deadline.after(20),
    )
    return asyncio.run(conversation.gather(k))


def fills(composition: Composition) -> bool:
    """Whether windows and gaps are the span, without overlap."""
    parts = sorted([one.window.span for one in composition.answers] + list(composition.gaps))
    ends = [SPAN.start, *(part.end for part in parts)]
    return [part.start for part in parts] == ends[:-1] and ends[-1] == SPAN.end


@given(cases(failing=True), st.integers(1, 40))
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
def test_windows_and_gaps_fill_the_span_and_every_hit_is_of_a_window(
    case: tuple[list[Row], list[MemoryServer]], k: int
) -> None:
    _, servers = case

    composition = gather(servers, k)

    assert fills(composition)
    for answer in composition.answers:
        assert all(hit.window == answer.window.key for hit in answer.hits)


@given(cases(failing=True))
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_gap_is_never_what_a_healthy_server_holds(
    case: tuple[list[Row], list[MemoryServer]],
) -> None:
    _, servers = case

    composition = gather(servers, 10)

    for server in servers:
        if server.never_fails:
            assert not [w for w in server.windows if overlaps(w, composition.gaps)]


@given(cases(failing=True))
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_failed_is_named_unless_it_was_never_asked(
    case: tuple[list[Row], list[MemoryServer]],
) -> None:
    _, servers = case

    composition = gather(servers, 10)

    named = {failure.served_by for failure in composition.failures}
    failed = {one.name for one in servers if one.calls and -1 in one.failing}
    assert failed <= named
    assert not named & {server.name for server in servers if server.never_fails}


@given(cases(failing=True))
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
def test_listings_above_the_floor_are_those_of_an_exact_search(
    case: tuple[list[Row], list[MemoryServer]],
) -> None:
    rows, servers = case

    composition = gather(servers, 3)

    covered = [row for one in composition.answers for row in rows_in(rows, one.window)]
    expected = [one for one in best_of(covered) if one[1] > composition.floor]
    found = [(hit.listing_id, hit.score) for hit in composition.listings()]
    assert [one for one in found if one[1] > composition.floor] == expected
    assert len({listing for listing, _ in found}) == len(found)


class MemoryCatalogue:
    """Listings of which some are sold and some are gone."""

    def __init__(self, rows: list[Row], sold: set[str], gone: set[str]) -> None:
        self._rows, self._sold, self._gone = rows, sold, gone
        self.lookups = 0

    def listings(self, ids: list[str], *, with_photos: bool = True) -> dict[str, Listing]:
        self.lookups += 1
        return {
            row.listing_id: Listing(
                row.listing_id,
                None,
                None,
                None,
                "sold" if row.listing_id in self._sold else "live",
                row.listed_at,
            )
            for row in self._rows
            if row.listing_id in ids and row.listing_id not in self._gone
        }


@given(cases(failing=False), st.integers(1, 8), st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_k_stays_k_when_listings_are_sold_or_gone(
    case: tuple[list[Row], list[MemoryServer]], k: int, data: st.DataObject
) -> None:
    rows, servers = case
    ids = sorted({row.listing_id for row in rows})
    sold = data.draw(st.sets(st.sampled_from(ids)))
    gone = data.draw(st.sets(st.sampled_from(ids)))

    with searching(rows, servers, sold, gone) as page_after:
        found = page_after(k, [])

    covered = [row for one in found.composition.answers for row in rows_in(rows, one.window)]
    expected = best_of(covered, sold | gone)
    assert [hit.score for hit, _ in found.found[:k]] == [score for _, score in expected[:k]]
    assert len(found.found) == len(expected[: k + 1])
    assert {hit.listing_id for hit, _ in found.found}.isdisjoint(sold | gone)
    assert len({hit.listing_id for hit, _ in found.found}) == len(found.found)


@given(st.lists(st.integers(0, 2), min_size=20, max_size=60), st.randoms(), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_pages_have_each_listing_once_also_where_many_look_the_same(
    alike: list[int], random: Random, k: int
) -> None:
    moments = [START + timedelta(minutes=number) for number in range(len(alike))]
    random.shuffle(moments)  # of listings with one score, a server finds the first listed
    rows = [
        Row(f"p{number:02}", f"listing {number:02}", moment, like / 2)
        for number, (moment, like) in enumerate(zip(moments, alike, strict=True))
    ]

    listed: list[tuple[str, float]] = []
    with searching(rows, [MemoryServer("month", (MONTH,), rows)]) as page_after:
        more = True
        while more:
            found = page_after(k, [listing_id for listing_id, _ in listed]).found
            listed += [(hit.listing_id, hit.score) for hit, _ in found[:k]]
            more = len(found) > k

    assert sorted(listed) == sorted(best_of(rows))
    assert [score for _, score in listed] == sorted((s for _, s in listed), reverse=True)


def test_a_listing_that_is_only_found_by_looking_deeper_comes_on_a_later_page() -> None:
    rows = [
        Row(f"p{n:02}", f"listing {n:02}", MONTH.start + timedelta(minutes=n), 1 - n / 100)
        for n in range(40)
    ]

    class Shallow(MemoryServer):
        """Finds the fourth row only among fifteen and more, as an approximate index may."""

        async def search(self, vector: Any, k: int, **asked: Any) -> SearchResponse:
            answer = await super().search(vector, k + 1, **asked)
            del answer.hits[3 if k < 15 else k]
            return answer

    with searching(rows, [Shallow("month", (MONTH,), rows)]) as page_after:
        pages: list[str] = []
        for _ in range(4):
            pages += [hit.listing_id for hit, _ in page_after(4, pages).found[:4]]

    assert "listing 03" not in pages[:4]
    assert sorted(pages) == [f"listing {n:02}" for n in range(16)]


@contextmanager
def searching(
    rows: list[Row],
    servers: list[MemoryServer],
    sold: Collection[str] = (),
    gone: Collection[str] = (),
) -> Iterator[Callable[[int, Collection[str]], ResultPage]]:
    """Finds the page of ``k`` listings that follows those with some ids."""
    planner = planner_of(servers)
    catalogue = MemoryCatalogue(rows, {*sold}, {*gone})
    live = LiveListings(cast(Any, catalogue), Settings().live_statuses)
    paging = Paging(live, max_k=1000, max_fetch=1000)

    async def page(k: int, before: Collection[str]) -> ResultPage:
        conversation = Conversation(
            planner.pool,
            lambda failed: planner.plan(FINGERPRINT, failed),
            QUESTION,
            Deadline.after(20),
        )
        asked = Asked(QUESTION, "q", answered=frozenset(map(mark_of, before)))
        return await paging.page(conversation, asked, None, k)

    yield lambda k, before: asyncio.run(page(k, before))
    live.close()


def test_a_server_that_fails_when_asked_for_more_keeps_what_it_answered_before() -> None:
    rows = [
        Row(f"p{n:02}", f"listing {n:02}", DAY.start + timedelta(minutes=n), n / 50)
        for n in range(20)
    ]
    planner = planner_of([MemoryServer("day", (DAY,), rows, failing=frozenset({2}))])
    conversation = Conversation(
        planner.pool,
        lambda failed: planner.plan(FINGERPRINT, failed),
        QUESTION,
        Deadline.after(20),
    )

    async def ask_twice() -> Composition:
        await conversation.gather(3)
        return await conversation.gather(12, above=-1)

    composition = asyncio.run(ask_twice())

    assert [answer.window for answer in composition.answers] == [DAY]
    assert len(composition.listings()) == 3
    assert [one.reason for one in composition.failures] == ["it does not answer"]


def test_a_server_that_fails_again_while_a_query_waits_is_told_once() -> None:
    planner = planner_of([MemoryServer("day", (DAY,), [], failing=frozenset({-1}))])
    conversation = Conversation(
        planner.pool,
        lambda failed: planner.plan(FINGERPRINT, failed),
        QUESTION,
        Deadline.after(20),
    )

    async def ask_thrice() -> Composition:
        for _ in range(2):
            await conversation.gather(3)
            conversation.forgive()
        return await conversation.gather(3)

    composition = asyncio.run(ask_thrice())

    assert [(one.window, one.served_by) for one in composition.failures] == [(DAY.key, "day")]
