"""Which servers are asked for which windows."""

import asyncio
import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from api.fleet.plan import CurrentIndex, Plan, plan_query
from api.fleet.planner import Planner
from api.fleet.servers import ServerPool
from photosearch.windows import Span, Window
from tests.api.memory import MemoryServer, StillDiscovery, StillRepository

MONTH = Window.parse("monthly/2026-10")
DAYS = [Window.parse(f"daily/2026-11-0{day}") for day in (1, 2)]
HOURS = DAYS[0].children()
SPAN = Span(MONTH.start, DAYS[1].end)
READY_AT = datetime(2026, 11, 3, tzinfo=UTC)


def plan(*servers: MemoryServer, current: dict[Window, CurrentIndex] | None = None) -> Plan:
    return plan_query([server.as_server() for server in servers], SPAN, current or {})


def asked(made: Plan) -> dict[str, list[str]]:
    return {call.servers[0].name: [one.window.key for one in call.windows] for call in made.calls}


def test_each_window_is_asked_of_one_server_and_each_server_once() -> None:
    made = plan(
        MemoryServer("month", (MONTH,), []),
        MemoryServer("days", tuple(DAYS), []),
        MemoryServer("hours", tuple(HOURS), []),
    )

    assert asked(made) == {"month": [MONTH.key], "days": [day.key for day in DAYS]}
    assert made.gaps == ()
    assert made.gap_time == timedelta()


def test_few_servers_are_asked_where_windows_overlap() -> None:
    made = plan(
        MemoryServer("one", (MONTH,), []),
        MemoryServer("two", (DAYS[0],), []),
        MemoryServer("all", (MONTH, *DAYS), []),
    )

    assert asked(made) == {"all": [MONTH.key, DAYS[0].key, DAYS[1].key]}


def test_replicas_are_those_that_hold_the_same_versions() -> None:
    made = plan(
        MemoryServer("a", tuple(DAYS), []),
        MemoryServer("b", tuple(DAYS), []),
        MemoryServer("older", tuple(DAYS), [], version="v0", ready_at=READY_AT - timedelta(days=9)),
        MemoryServer("half", (DAYS[0],), []),
        current={day: CurrentIndex("v1", stale=False) for day in DAYS},
    )

    (call,) = made.calls
    assert {server.name for server in call.servers} == {"a", "b"}


def test_the_version_that_head_names_answers_before_a_newer_server_of_another() -> None:
    made = plan(
        MemoryServer("rolled back to", (MONTH,), [], version="v1"),
        MemoryServer("newer", (MONTH,), [], version="v2", ready_at=READY_AT),
        current={MONTH: CurrentIndex("v1", stale=False)},
    )

    assert list(asked(made)) == ["rolled back to"]


def test_a_stale_day_gives_way_to_its_hours_only_if_they_fill_it() -> None:
    stale = {DAYS[0]: CurrentIndex("v1", stale=True)}
    day = MemoryServer("day", (DAYS[0],), [])

    with_all = plan(day, MemoryServer("hours", tuple(HOURS), []), current=stale)
    with_some = plan(day, MemoryServer("hours", tuple(HOURS[:-1]), []), current=stale)

    assert asked(with_all) == {"hours": [hour.key for hour in HOURS]}
    assert asked(with_some) == {"day": [DAYS[0].key]}
    assert next(iter(with_some.windows.values())).stale is True


def test_a_day_served_in_an_older_version_counts_as_stale() -> None:
    moved = {DAYS[0]: CurrentIndex("v2", stale=False)}

    made = plan(
        MemoryServer("day", (DAYS[0],), [], version="v1"),
        MemoryServer("hours", tuple(HOURS), []),
        current=moved,
    )

    assert asked(made) == {"hours": [hour.key for hour in HOURS]}


def test_a_stale_month_gives_way_to_days_and_hours_together() -> None:
    days = MONTH.children()
    stale = {MONTH: CurrentIndex("v1", stale=True), days[4]: CurrentIndex("v1", stale=True)}

    made = plan(
        MemoryServer("month", (MONTH,), []),
        MemoryServer("days", tuple(days), []),
        MemoryServer("hours", tuple(days[4].children()), []),
        current=stale,
    )

    assert asked(made)["days"] == [day.key for day in days if day is not days[4]]
    assert asked(made)["hours"] == [hour.key for hour in days[4].children()]
    assert "month" not in asked(made)


WINDOWS = [MONTH, *DAYS, *HOURS]


@given(
    st.lists(st.lists(st.sampled_from(WINDOWS), unique=True, min_size=1), max_size=5),
    st.dictionaries(
        st.sampled_from(WINDOWS),
        st.builds(CurrentIndex, st.sampled_from(["v1", "v2"]), st.booleans()),
    ),
)
@settings(max_examples=100, deadline=None)
def test_staleness_never_makes_a_gap(
    held: list[list[Window]], current: dict[Window, CurrentIndex]
) -> None:
    servers = [MemoryServer(f"s{n}", tuple(windows), []) for n, windows in enumerate(held)]

    with_staleness = plan(*servers, current=current)
    without = plan(*servers)

    assert with_staleness.gap_time == without.gap_time
    spans = [one.window.span for one in with_staleness.windows.values()]
    assert all(one.end <= other.start for one, other in itertools.pairwise(spans))


def test_the_span_follows_the_clock_also_back_from_a_time_that_was_wrong() -> None:
    clock = [datetime(2026, 11, 3, 2, 0, 1, tzinfo=UTC)]
    discovery = StillDiscovery([])
    pool = ServerPool(discovery.connect)
    planner = Planner(discovery, StillRepository(), pool, MONTH.start, lambda: clock[0])

    ends = []
    for moment in (clock[0], clock[0] - timedelta(seconds=2), datetime(2030, 1, 1, tzinfo=UTC)):
        clock[0] = moment
        ends.append(planner.span.end)
    clock[0] = datetime(2026, 11, 3, 3, 5, tzinfo=UTC)
    ends.append(planner.span.end)

    two, three = (datetime(2026, 11, 3, hour, tzinfo=UTC) for hour in (2, 3))
    assert ends == [two, two, datetime(2030, 1, 1, tzinfo=UTC), three]


AHEAD = Window.parse("monthly/2026-11")


def test_a_window_that_is_not_over_gives_way_to_finer_ones_that_are() -> None:
    made = plan(
        MemoryServer("month", (MONTH,), []),
        MemoryServer("days", tuple(DAYS), []),
        MemoryServer("ahead", (AHEAD,), []),
    )

    assert asked(made) == {"month": [MONTH.key], "days": [day.key for day in DAYS]}
    assert made.gaps == ()


def test_a_window_that_is_not_over_answers_where_nothing_finer_does_and_counts_as_stale() -> None:
    made = plan(
        MemoryServer("ahead", (AHEAD,), []), current={AHEAD: CurrentIndex("v1", stale=False)}
    )

    assert asked(made) == {"ahead": [AHEAD.key]}
    assert made.windows[AHEAD.key].stale
    assert made.gaps == (MONTH.span,)


def test_what_ends_within_the_tolerance_of_clocks_is_over() -> None:
    hour = Window.parse("hourly/2026-11-03T00")
    servers = [MemoryServer("all", (MONTH, *DAYS, hour), []).as_server()]

    (told,) = plan_query(servers, SPAN, {}, over_at=hour.end).calls
    (early,) = plan_query(servers, SPAN, {}).calls

    assert [one.stale for one in told.windows] == [False] * 4
    assert [one.stale for one in early.windows] == [False] * 3 + [True]


moments = st.integers(-2000, 2000).map(lambda hours: SPAN.end + timedelta(hours=hours))


@given(moments)
def test_whatever_the_clock_says_what_is_served_is_searched(now: datetime) -> None:
    servers = [
        MemoryServer("month", (MONTH,), []),
        MemoryServer("days", tuple(DAYS), []),
        MemoryServer("hours", (Window.parse("hourly/2026-11-03T00"),), []),
    ]
    fleet = StillDiscovery(servers)
    pool = ServerPool(fleet.connect)
    planner = Planner(fleet, StillRepository(), pool, MONTH.start, now=lambda: now)

    made = asyncio.run(planner.plan("f" * 8))

    assert asked(made) == {one.name: [w.key for w in one.windows] for one in servers}
    assert all(gap.end <= max(now, SPAN.end) for gap in made.gaps)
