"""When a Serving may end: pure rules."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from controller.retirement import answered_spans, unanswered
from photosearch.cover import cover
from photosearch.windows import Granularity, Window

START = datetime(2026, 10, 30, tzinfo=UTC)
windows = st.builds(
    Window.holding,
    st.sampled_from(list(Granularity)),
    st.integers(0, 100).map(lambda hours: START + timedelta(hours=hours)),
)
window_sets = st.sets(windows, max_size=30)
DAY = Window.parse("daily/2026-11-22")


@given(window_sets, window_sets)
def test_a_window_is_answered_when_others_fill_its_time(
    held: set[Window], answering: set[Window]
) -> None:
    lost = unanswered(held, answering, None)

    for window in held:
        finer = cover({w for w in answering if window.span.contains(w.span)}, window.span)
        coarser = any(w.span.contains(window.span) for w in answering)
        assert (window in lost) == (not coarser and not finer.is_complete)


@given(window_sets)
def test_answered_time_is_disjoint_and_holds_every_window(answering: set[Window]) -> None:
    spans = answered_spans(answering)

    assert all(a.end < b.start for a, b in pairwise(spans))
    assert all(any(span.contains(w.span) for span in spans) for w in answering)


@given(window_sets, window_sets, window_sets)
def test_only_time_that_is_wanted_no_more_may_be_lost(
    held: set[Window], answering: set[Window], wanted: set[Window]
) -> None:
    lost = unanswered(held, answering, wanted)

    for window in unanswered(held, answering, None):
        touched = any(w.start < window.end and window.start < w.end for w in wanted)
        assert (window in lost) == touched


def test_a_day_is_answered_by_all_its_hours_or_its_month_but_not_by_some_hours() -> None:
    assert unanswered([DAY], DAY.children(), None) == []
    assert unanswered([DAY], [Window.parse("monthly/2026-11")], None) == []
    assert unanswered([DAY], DAY.children()[1:], None) == [DAY]


def test_a_window_that_was_withdrawn_from_the_repository_may_go() -> None:
    assert unanswered([DAY], [], []) == []
    assert unanswered([DAY], [], [Window.parse("hourly/2026-11-22T23")]) == [DAY]
    assert unanswered([DAY], [], [Window.parse("hourly/2026-11-23T00")]) == []


def test_nobody_has_to_answer_for_time_that_is_still_to_come() -> None:
    noon = DAY.start + timedelta(hours=12)
    tomorrow = Window.parse("daily/2026-11-23")

    assert unanswered([DAY], DAY.children()[:12], None, noon) == []
    assert unanswered([DAY], DAY.children()[:11], None, noon) == [DAY]
    assert unanswered([tomorrow], [], None, noon) == []
