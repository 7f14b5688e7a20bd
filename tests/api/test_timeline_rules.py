"""The timeline says of every window what is true of it, and costs what differs, not time."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.fleet.discovery import Fleet, ServedIndex, Server
from api.fleet.plan import CurrentIndex, plan_query
from api.fleet.planner import Planner
from api.fleet.repository_watch import CurrentIndexes
from api.fleet.servers import ServerPool
from api.pages.timeline import Facts, timeline_of
from api.pages.timeline_page import Page, TimelinePage, page_of
from photosearch.repository.readiness import ReadyIndex
from photosearch.rest.timeline import GranularityTimeline, Trouble
from photosearch.windows import Granularity, Span, Window, windows_within
from tests.api.memory import FINGERPRINT, StillDiscovery, StillRepository

START = datetime(2026, 1, 1, tzinfo=UTC)
SPAN = Span(START, datetime(2026, 3, 2, 5, tzinfo=UTC))
EVERY = {one: [*windows_within(SPAN, one)] for one in Granularity}
BEYOND = [Window.parse("hourly/2026-03-02T05"), Window.parse("hourly/2025-12-31T23")]


def facts_of(indexes: dict[Window, ReadyIndex], servers: list[Server], span: Span = SPAN) -> Facts:
    windows = {window: CurrentIndex(one.version, one.stale) for window, one in indexes.items()}
    plan = plan_query(servers, span, windows)
    current = CurrentIndexes(1, indexes, windows)
    return Facts(FINGERPRINT, plan, current, Fleet(1, tuple(servers)), frozenset())


def server(name: str, windows: list[Window]) -> Server:
    return Server(name, name, FINGERPRINT, dict.fromkeys(windows, ServedIndex("v1", 1)), START)


@st.composite
def shops(draw: st.DrawFn) -> Facts:
    """Some stretches of windows that are indexed, stale or only served, and some servers."""
    indexes: dict[Window, ReadyIndex] = {}
    servers = []
    for number in range(draw(st.integers(0, 6))):
        windows = EVERY[draw(st.sampled_from(Granularity))]
        first = draw(st.integers(0, len(windows) - 1))
        run = [*windows[first : first + draw(st.integers(1, 40))], *BEYOND]
        if draw(st.booleans()):
            version, stale = draw(st.sampled_from(["v1", "v2"])), draw(st.booleans())
            indexes |= dict.fromkeys(run, ReadyIndex(version, number, 1, None, stale))
        if draw(st.booleans()):
            servers.append(server(f"server-{number}", run))
    return facts_of(indexes, servers)


def walked(
    facts: Facts, granularity: Granularity
) -> Iterator[tuple[Window, str, str | None, bool, int]]:
    """What is true of each window, one by one."""
    answering = {
        one.window: call.servers[0].name for call in facts.plan.calls for one in call.windows
    }
    holding = {window: one.name for one in facts.fleet.servers for window in one.windows}
    closed = Span(facts.plan.span.start, facts.plan.closed_until)
    for window in windows_within(closed, granularity):
        index = facts.current.indexes.get(window)
        state = "missing" if index is None else "stale" if index.stale else "ready"
        served_by = answering.get(window, holding.get(window))
        yield window, state, served_by, window in answering, 0 if index is None else index.rows


@given(shops())
@settings(max_examples=150, deadline=None)
def test_the_runs_are_what_a_walk_over_every_window_finds(facts: Facts) -> None:
    timeline = timeline_of(facts, SPAN.end)

    for lane in timeline.timeline:
        every = [*walked(facts, Granularity(lane.granularity))]
        expected = [[*run] for _, run in groupby(every, key=lambda one: one[1:4])]
        assert [(run.start, run.end, run.windows) for run in lane.runs] == [
            (run[0][0].start, run[-1][0].end, len(run)) for run in expected
        ]
        for run, parts in zip(lane.runs, expected, strict=True):
            assert (run.state, run.served_by, run.in_cover) == parts[0][1:4]
            assert run.rows == (None if run.state == "missing" else sum(one[4] for one in parts))
        counts = Counter(one[1] for one in every)
        assert lane.windows == len(every)
        assert (lane.ready, lane.stale, lane.missing) == tuple(
            counts[one] for one in ("ready", "stale", "missing")
        )


def test_a_timeline_since_1970_is_as_much_work_as_one_of_a_month() -> None:
    hours = EVERY[Granularity.HOURLY][-48:]
    indexes = dict.fromkeys(hours, ReadyIndex("v1", 3, 1, None, False))
    servers = [server("one", hours)]

    def lanes(start: datetime) -> list[GranularityTimeline]:
        made = Counter[str]()
        facts = facts_of(indexes, servers, Span(start, SPAN.end))
        original = Window.__post_init__
        Window.__post_init__ = lambda self: (made.update(["window"]), original(self))[1]  # type: ignore[method-assign]
        try:
            timeline = timeline_of(facts, SPAN.end)
        finally:
            Window.__post_init__ = original  # type: ignore[method-assign]
        assert made["window"] < 10
        return timeline.timeline

    since_1970 = lanes(datetime(1970, 1, 1, tzinfo=UTC))
    since_february = lanes(datetime(2026, 2, 1, tzinfo=UTC))

    hourly = since_1970[-1]
    assert (hourly.windows, hourly.ready, hourly.missing) == (492_341, 48, 492_293)
    assert [run.windows for run in hourly.runs] == [492_293, 48]
    assert hourly.runs[1] == since_february[-1].runs[1]


def page_of_troubles(troubles: list[Trouble], now: list[datetime], made: list[int]) -> TimelinePage:
    """A page over two hours, whose troubles, clock and readings a test changes."""

    discovery = StillDiscovery([])
    pool = ServerPool(discovery.connect)
    planner = Planner(discovery, StillRepository(), pool, START, lambda: now[0])

    def read() -> list[Trouble]:
        made[0] += 1
        return list(troubles)

    return TimelinePage(lambda: (FINGERPRINT,), planner, read, lambda: now[0].timestamp())


def test_many_who_ask_are_answered_from_one_look() -> None:
    now, made = [SPAN.end + timedelta(minutes=5)], [0]

    async def ask() -> list[tuple[bytes, str]]:
        page = page_of_troubles([], now, made)
        return await asyncio.gather(*(page.now() for _ in range(50)))

    answers = asyncio.run(ask())

    assert made[0] <= 2  # the first, and one for all who came while it was read
    assert len(set(answers)) == 1


def test_the_clock_goes_on_and_the_tag_stays_until_something_changes() -> None:
    now, made = [SPAN.end + timedelta(minutes=5)], [0]
    troubles: list[Trouble] = []

    async def ask() -> list[tuple[bytes, str]]:
        page = page_of_troubles(troubles, now, made)
        answers = [await page.now()]
        now[0] += timedelta(minutes=1)
        answers.append(await page.now())
        retry_at = now[0] + timedelta(minutes=2)
        troubles.append(Trouble(what="w", reason="r", remedy="m", retry_at=retry_at))
        now[0] += timedelta(minutes=1)
        answers.append(await page.now())
        now[0] += timedelta(minutes=2)
        answers.append(await page.now())
        return answers

    first, later, troubled, due = asyncio.run(ask())

    assert b'"now":"2026-03-02T05:05:00Z"' in first[0]
    assert b'"now":"2026-03-02T05:06:00Z"' in later[0]
    assert first[1] == later[1]
    assert b'"what":"w"' in troubled[0]
    assert len({later[1], troubled[1], due[1]}) == 3  # a retry that is due reads otherwise


def test_the_page_is_worked_out_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    now, threads = [SPAN.end + timedelta(minutes=5)], []

    def noted(facts: Facts) -> Page:
        threads.append(threading.get_ident())
        return page_of(facts)

    monkeypatch.setattr("api.pages.timeline_page.page_of", noted)
    asyncio.run(page_of_troubles([], now, [0]).now())

    assert len(threads) == 1
    assert threads[0] != threading.get_ident()
