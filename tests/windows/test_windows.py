"""Windows: keys, nesting and the timeline's start."""

import itertools
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photosearch.windows import (
    Granularity,
    Span,
    Window,
    WindowError,
    closed_windows,
    require_month_aligned,
    windows_within,
)

moments = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
windows = st.builds(Window.holding, st.sampled_from(Granularity), moments)


@given(windows)
def test_a_key_reads_back_as_its_window(window: Window) -> None:
    assert Window.parse(window.key) == window


@pytest.mark.parametrize(
    ("key", "window"),
    [
        (
            "hourly/2026-11-22T14",
            Window(Granularity.HOURLY, datetime(2026, 11, 22, 14, tzinfo=UTC)),
        ),
        ("daily/2026-11-22", Window(Granularity.DAILY, datetime(2026, 11, 22, tzinfo=UTC))),
        ("monthly/2026-11", Window(Granularity.MONTHLY, datetime(2026, 11, 1, tzinfo=UTC))),
    ],
)
def test_keys_are_written_as_the_contract_says(key: str, window: Window) -> None:
    assert window.key == key
    assert Window.parse(key) == window
    assert key.endswith(window.start_text)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "hourly",
        "hourly/",
        "weekly/2026-11-22",
        "hourly/2026-11-22",
        "daily/2026-11-22T14",
        "daily/2026-11-31",
        "monthly/2026-13",
        "monthly/2026-1",
        "daily/2026-1-1",
        "hourly/2026-11-22T24",
        " daily/2026-11-22",
        "daily/2026-11-22\n",
        "HOURLY/2026-11-22T14",
    ],
)
def test_a_text_that_is_no_key_is_refused_and_shown_how_to_write_one(key: str) -> None:
    with pytest.raises(WindowError, match="hourly/2026-11-22T14") as refusal:
        Window.parse(key)

    assert refusal.value.found == repr(key)


@given(st.text(max_size=30))
def test_any_text_is_a_key_or_a_clear_error(text: str) -> None:
    try:
        window = Window.parse(text)
    except WindowError:
        return
    assert window.key == text


@given(windows)
def test_the_children_fill_their_parent_without_remainder(window: Window) -> None:
    children = window.children()

    if window.granularity is Granularity.HOURLY:
        assert children == []
    else:
        assert children[0].start == window.start
        assert children[-1].end == window.end
        assert all(before.end == after.start for before, after in itertools.pairwise(children))
        assert all(child.parent() == window for child in children)


@given(windows)
def test_a_parent_is_the_one_coarser_window_around_its_child(window: Window) -> None:
    parent = window.parent()

    if window.granularity is Granularity.MONTHLY:
        assert parent is None
    else:
        assert parent is not None
        assert parent.span.contains(window.span)
        assert window in parent.children()


@given(windows, windows)
def test_two_windows_are_disjoint_or_one_holds_the_other(one: Window, other: Window) -> None:
    disjoint = one.end <= other.start or other.end <= one.start

    assert disjoint or one.span.contains(other.span) or other.span.contains(one.span)


@given(st.sampled_from(Granularity), moments)
def test_a_moment_lies_in_the_window_that_holds_it(
    granularity: Granularity, moment: datetime
) -> None:
    window = Window.holding(granularity, moment)

    assert window.start <= moment < window.end


@given(st.lists(windows))
def test_windows_sort_by_time_and_the_coarser_before_the_finer(some: list[Window]) -> None:
    ordered = sorted(some)

    for before, after in itertools.pairwise(ordered):
        assert before.start < after.start or (
            before.start == after.start and before.end >= after.end
        )


@given(st.sampled_from(Granularity), moments, st.timedeltas(timedelta(seconds=1), timedelta(95)))
def test_the_windows_within_a_span_are_all_that_fit_wholly(
    granularity: Granularity, start: datetime, length: timedelta
) -> None:
    span = Span(start, start + length)

    found = list(windows_within(span, granularity))

    expected = []
    window = Window.holding(granularity, span.start)
    while window.start < span.end:
        if span.contains(window.span):
            expected.append(window)
        window = Window.holding(granularity, window.end)
    assert found == expected


def test_a_day_has_24_hours_and_a_february_of_a_leap_year_29_days() -> None:
    assert len(Window.parse("daily/2026-03-29").children()) == 24  # a clock change elsewhere
    assert len(Window.parse("monthly/2028-02").children()) == 29
    assert len(Window.parse("monthly/2026-02").children()) == 28


def test_december_is_followed_by_january() -> None:
    assert Window.parse("monthly/2026-12").end == datetime(2027, 1, 1, tzinfo=UTC)


@given(moments, moments)
def test_closed_windows_are_over_and_the_next_one_is_not(start: datetime, now: datetime) -> None:
    start = Window.holding(Granularity.MONTHLY, start).start
    now = min(now, start + timedelta(days=80))

    closed = closed_windows(start, now, Granularity.DAILY)

    assert all(window.is_closed(now) and window.start >= start for window in closed)
    following = closed[-1].end if closed else start
    assert not Window(Granularity.DAILY, following).is_closed(now)


def test_a_window_closes_at_its_end_and_not_before() -> None:
    window = Window.parse("hourly/2026-11-22T14")

    assert not window.is_closed(window.end - timedelta(microseconds=1))
    assert window.is_closed(window.end)


@given(moments)
def test_a_timeline_starts_with_a_month_or_is_refused_with_the_month_to_use(
    start: datetime,
) -> None:
    month = Window.holding(Granularity.MONTHLY, start).start
    if start == month:
        assert require_month_aligned(start) == start
        return

    with pytest.raises(WindowError, match="starts with a month") as refusal:
        require_month_aligned(start)

    assert refusal.value.found == start.isoformat()
    assert month.isoformat() in (refusal.value.remedy or "")
    assert "timeline_start" in (refusal.value.remedy or "")


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 11, 1),  # noqa: DTZ001
        datetime(2026, 11, 1, tzinfo=timezone(timedelta(hours=1))),
    ],
)
def test_times_that_are_not_utc_are_refused(moment: datetime) -> None:
    for use in (
        lambda: Window(Granularity.MONTHLY, moment),
        lambda: Window.holding(Granularity.HOURLY, moment),
        lambda: Span(moment, moment + timedelta(hours=1)),
        lambda: require_month_aligned(moment),
    ):
        with pytest.raises(WindowError, match="UTC"):
            use()


@given(windows.filter(lambda window: window.granularity is not Granularity.HOURLY))
def test_a_window_off_its_boundary_is_refused(window: Window) -> None:
    with pytest.raises(WindowError, match="boundary"):
        Window(window.granularity, window.start + timedelta(hours=1))


@given(moments, st.timedeltas(timedelta(0), timedelta(days=400)))
def test_a_span_without_length_is_refused(start: datetime, back: timedelta) -> None:
    with pytest.raises(WindowError, match="end after its start"):
        Span(start, start - back)
