"""Which windows travel together: properties of the packing policy."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from index_grpc.serving.packing import PackPlan, Policy, choose_windows, plan_packs
from photosearch.cover import cover
from photosearch.windows import Granularity, Span, Window

NOW = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
START = datetime(2026, 9, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Index:
    version: str = "v1"
    size_bytes: int = 100
    quantiser: str | None = "q1"
    stale: bool = False


@st.composite
def closed_windows(draw: st.DrawFn) -> Window:
    """Clustered in time, so that coarse windows meet their finer ones."""
    granularity = draw(st.sampled_from(list(Granularity)))
    days = draw(st.sampled_from([0, 1, 29, 30, 31, 60, 61, 80, 82]))
    moment = START + timedelta(days=days, hours=draw(st.integers(0, 23)))
    window = Window.holding(granularity, moment)
    return window if window.is_closed(NOW) else Window.parse("monthly/2026-09")


indexes = st.builds(
    Index,
    size_bytes=st.integers(0, 400),
    quantiser=st.sampled_from([None, "q1", "q2"]),
    stale=st.booleans(),
)
Ready = dict[Window, Index]
ready_sets = st.dictionaries(closed_windows(), indexes, max_size=40)


def keys(plan: list[PackPlan], tier: str | None = None) -> list[list[str]]:
    return [[w.key for w, _ in p.windows] for p in plan if tier in (None, p.tier)]


def planned(
    ready: Ready, policy: Policy = "tiers", pack_bytes: int = 10_000, small_pack_bytes: int = 0
) -> list[PackPlan]:
    return plan_packs(ready, NOW, policy, pack_bytes=pack_bytes, small_pack_bytes=small_pack_bytes)


@given(ready_sets, st.sampled_from(["tiers", "each"]), st.integers(1, 1000), st.integers(0, 1000))
def test_each_chosen_window_is_in_exactly_one_pack(
    ready: Ready, policy: Policy, pack_bytes: int, small_pack_bytes: int
) -> None:
    plan = planned(ready, policy, pack_bytes, small_pack_bytes)

    packed = [window for pack in plan for window, _ in pack.windows]
    assert sorted(packed) == choose_windows(ready, NOW)
    assert len(set(packed)) == len(packed)


@given(ready_sets, st.sampled_from(["tiers", "each"]), st.integers(1, 1000), st.integers(0, 1000))
def test_a_pack_never_mixes_quantisers(
    ready: Ready, policy: Policy, pack_bytes: int, small_pack_bytes: int
) -> None:
    for pack in planned(ready, policy, pack_bytes, small_pack_bytes):
        assert {ready[window].quantiser for window, _ in pack.windows} == {pack.quantiser}
        assert all(ready[window].version == version for window, version in pack.windows)


@given(ready_sets)
def test_without_stale_windows_the_cover_is_what_answers(ready: Ready) -> None:
    fresh = {window: replace(index, stale=False) for window, index in ready.items()}

    chosen = choose_windows(fresh, NOW)

    if fresh:
        span = Span(min(w.start for w in fresh), max(w.end for w in fresh))
        assert chosen == list(cover(fresh, span).windows)
    else:
        assert chosen == []


@given(ready_sets)
def test_stale_windows_lose_no_time_that_some_ready_window_holds(ready: Ready) -> None:
    chosen = choose_windows(ready, NOW)

    for before, after in pairwise(chosen):
        assert before.end <= after.start
    if ready:
        span = Span(min(w.start for w in ready), max(w.end for w in ready))
        assert cover(chosen, span).gaps == cover(ready, span).gaps


@given(ready_sets, st.integers(1, 1000))
def test_packs_that_fill_are_within_their_size_or_hold_one_window_that_matters(
    ready: Ready, pack_bytes: int
) -> None:
    for pack in planned(ready, "tiers", pack_bytes):
        sizes = [ready[window].size_bytes for window, _ in pack.windows]
        if pack.tier in ("months", "stand-ins"):
            assert sum(sizes) <= pack_bytes or sum(size > 0 for size in sizes) == 1


@given(ready_sets, st.integers(1, 1000), st.integers(0, 1000))
def test_the_same_ready_windows_give_the_same_servings(
    ready: Ready, pack_bytes: int, small_pack_bytes: int
) -> None:
    def names(windows: dict[Window, Index]) -> list[str]:
        plan = planned(windows, "tiers", pack_bytes, small_pack_bytes)
        return [pack.serving("f").name for pack in plan]

    assert names(ready) == names(dict(reversed(ready.items())))


@given(st.integers(0, 13), st.integers(0, 21))
def test_a_new_hour_changes_only_the_pack_of_the_hours(hours: int, days: int) -> None:
    ready = {Window.parse(f"monthly/2026-{month:02}"): Index() for month in (9, 10)}
    ready |= {Window.parse(f"daily/2026-11-{day + 1:02}"): Index() for day in range(days)}
    ready |= {Window.parse(f"hourly/2026-11-23T{hour:02}"): Index() for hour in range(hours)}
    new = Window.parse(f"hourly/2026-11-23T{hours:02}")

    before = planned(ready, "tiers", 150)
    after = planned({**ready, new: Index()}, "tiers", 150)

    assert [p for p in before if p.tier != "hours"] == [p for p in after if p.tier != "hours"]
    assert keys(after, "hours")[0][-1] == new.key


def test_a_new_month_joins_the_last_pack_or_opens_another() -> None:
    ready = {Window.parse(f"monthly/2026-{month:02}"): Index(size_bytes=40) for month in (6, 7, 8)}

    def plan(month: int) -> list[list[str]]:
        new = {Window.parse(f"monthly/2026-{month:02}"): Index(size_bytes=40)}
        return keys(planned({**ready, **new}, "tiers", 100))

    assert plan(9) == [
        ["monthly/2026-06", "monthly/2026-07"],
        ["monthly/2026-08", "monthly/2026-09"],
    ]
    assert plan(10)[0] == plan(9)[0]


def test_tiers_are_months_days_of_this_month_hours_of_today_and_stand_ins() -> None:
    names = ["monthly/2026-09", "daily/2026-10-05", "daily/2026-11-20", "hourly/2026-11-22T23"]
    names += ["hourly/2026-11-23T00", "hourly/2026-11-23T13"]

    plan = planned({Window.parse(name): Index() for name in names}, "tiers")

    assert {pack.tier: [w.key for w, _ in pack.windows] for pack in plan} == {
        "months": names[:1],
        "stand-ins": [names[1], names[3]],
        "days": [names[2]],
        "hours": names[4:],
    }


@given(ready_sets, st.integers(0, 1000))
def test_two_packs_are_left_apart_only_if_they_are_too_large_together(
    ready: Ready, small_pack_bytes: int
) -> None:
    plan = planned(ready, "tiers", 1000, small_pack_bytes)

    for quantiser in {pack.quantiser for pack in plan}:
        sizes = sorted(
            sum(ready[window].size_bytes for window, _ in pack.windows)
            for pack in plan
            if pack.quantiser == quantiser
        )
        assert len(sizes) == 1 or sum(sizes[:2]) > small_pack_bytes
        joined = [pack for pack in plan if (pack.quantiser, pack.tier) == (quantiser, "small")]
        for pack in joined:
            assert sum(ready[window].size_bytes for window, _ in pack.windows) <= small_pack_bytes


def test_todays_hours_travel_with_the_days_while_both_are_small() -> None:
    months = {Window.parse(f"monthly/2026-{month:02}"): Index(size_bytes=900) for month in (9, 10)}
    names = ["daily/2026-11-20", "daily/2026-11-21", "hourly/2026-11-22T23", "hourly/2026-11-23T00"]

    plan = planned(
        {**months, **{Window.parse(name): Index() for name in names}}, "tiers", 2000, 400
    )

    assert keys(plan) == [["monthly/2026-09", "monthly/2026-10"], names]


def test_the_hours_answer_for_a_stale_day() -> None:
    day = Window.parse("daily/2026-11-22")
    ready = {day: Index(stale=True), **{hour: Index() for hour in day.children()}}

    assert choose_windows(ready, NOW) == day.children()


def test_a_stale_day_answers_when_one_of_its_hours_is_missing() -> None:
    day = Window.parse("daily/2026-11-22")
    ready = {day: Index(stale=True), **{hour: Index() for hour in day.children()[1:]}}

    assert choose_windows(ready, NOW) == [day]


def test_a_stale_month_does_not_answer_when_a_stale_day_fills_the_gap() -> None:
    month = Window.parse("monthly/2026-10")
    ready = {month: Index(stale=True), **{day: Index() for day in month.children()}}
    ready[month.children()[4]] = Index(stale=True)

    assert choose_windows(ready, NOW) == month.children()


@given(ready_sets, st.integers(-40, 100), st.integers(0, 23))
def test_no_clock_hides_what_is_over(ready: Ready, days: int, hour: int) -> None:
    # Made by machines whose clocks said NOW; asked by one whose clock says another time.
    now = START + timedelta(days=days, hours=hour, minutes=30)
    over = {window for window in ready if window.is_closed(now)}

    chosen = choose_windows(ready, now)

    assert all(window.start < now for window in chosen)
    if over:
        span = Span(min(w.start for w in over), max(w.end for w in over))
        for gap in cover([*chosen, *over], span).gaps:
            assert gap in cover(over, span).gaps
        filled = [w for w in chosen if w.start < span.end]
        reach = Span(min(w.start for w in ready), max(w.end for w in ready))
        lost = [g for g in cover(filled, reach).gaps if g.start < span.end]
        assert all(not (w.start < g.end and g.start < w.end) for w in over for g in lost)


def test_a_month_that_a_clock_made_ahead_of_its_time_leaves_its_days_and_hours_alone() -> None:
    month = Window.parse("monthly/2026-11")
    ready: Ready = {month: Index()}
    ready |= {day: Index() for day in month.children()}
    ready |= {hour: Index() for hour in Window.parse("daily/2026-11-23").children()}

    chosen = choose_windows(ready, NOW)

    assert [window.key for window in chosen] == [
        *(f"daily/2026-11-{day:02}" for day in range(1, 23)),
        *(f"hourly/2026-11-23T{hour:02}" for hour in range(14)),
    ]
    assert choose_windows(ready, month.end) == [month]


def test_a_month_ahead_of_its_time_answers_where_nothing_finer_does() -> None:
    month = Window.parse("monthly/2026-11")
    ahead = Window.parse("hourly/2026-11-23T14")

    assert choose_windows({month: Index(), ahead: Index()}, NOW) == [ahead, month][1:]
    assert choose_windows({Window.parse("monthly/2026-12"): Index()}, NOW) == []


def test_each_index_has_its_own_server_under_each() -> None:
    names = ["daily/2026-11-21", "daily/2026-11-22", "hourly/2026-11-23T00"]

    plan = planned({Window.parse(name): Index() for name in names}, "each", 10_000)

    assert keys(plan) == [[name] for name in names]


def test_nothing_ready_is_no_pack() -> None:
    assert planned({}, "tiers", 1) == []
