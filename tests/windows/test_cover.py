"""The cover, against an oracle that tries every set of windows."""

from datetime import UTC, datetime, timedelta
from itertools import combinations, pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st

from photosearch.cover import cover
from photosearch.windows import HOUR, Granularity, Span, Window, windows_within

START = datetime(2026, 10, 28, tzinfo=UTC)
REACH = Span(START, datetime(2026, 12, 3, tzinfo=UTC))
MONTHS = [Window.parse("monthly/2026-11")]
DAYS = list(windows_within(REACH, Granularity.DAILY))
HOURS = list(windows_within(REACH, Granularity.HOURLY))

# Days and hours around one edge between two months, so that nesting happens often.
near = [*MONTHS, *DAYS[2:6], *HOURS[3 * 24 : 4 * 24 + 6]]
ready_sets = st.sets(
    st.one_of(st.sampled_from(MONTHS), st.sampled_from(DAYS), st.sampled_from(HOURS))
)
minutes = st.integers(0, int((REACH.end - START) / timedelta(minutes=1)))


@st.composite
def spans(draw: st.DrawFn) -> Span:
    """Any span inside the reach, half of them unaligned to the minute."""
    aligned = draw(st.booleans())
    first, second = sorted(draw(st.lists(minutes, min_size=2, max_size=2, unique=True)))
    start, end = START + timedelta(minutes=first), START + timedelta(minutes=second)
    if aligned:
        start = Window.holding(Granularity.HOURLY, start).start
        end = max(Window.holding(Granularity.HOURLY, end).start, start + HOUR)
    return Span(start, end)


@given(ready_sets, spans())
def test_the_windows_are_ready_disjoint_inside_the_span_and_in_time_order(
    ready: set[Window], span: Span
) -> None:
    chosen = cover(ready, span).windows

    assert set(chosen) <= ready
    assert all(span.contains(window.span) for window in chosen)
    assert all(before.end <= after.start for before, after in pairwise(chosen))


@given(ready_sets, spans())
def test_the_gaps_are_exactly_the_time_that_no_ready_window_can_fill(
    ready: set[Window], span: Span
) -> None:
    answer = cover(ready, span)

    assert list(answer.gaps) == _uncovered(
        span, [window.span for window in ready if span.contains(window.span)]
    )
    assert answer.is_complete == (not answer.gaps)


@given(ready_sets, spans())
def test_windows_and_gaps_together_are_the_span_without_overlap(
    ready: set[Window], span: Span
) -> None:
    answer = cover(ready, span)

    pieces = sorted([*(window.span for window in answer.windows), *answer.gaps])

    assert pieces[0].start == span.start
    assert pieces[-1].end == span.end
    assert all(a.end == b.start for a, b in pairwise(pieces))


@given(ready_sets, spans())
def test_no_finer_window_is_chosen_where_a_coarser_one_is_ready(
    ready: set[Window], span: Span
) -> None:
    for window in cover(ready, span).windows:
        around = window.parent()
        while around is not None:
            assert around not in ready or not span.contains(around.span)
            around = around.parent()


@settings(max_examples=60, deadline=None)
@given(st.sets(st.sampled_from(near), max_size=9), spans())
@example({*MONTHS, *DAYS[2:6]}, REACH)
@example({*DAYS[2:6], *HOURS[72:78]}, Span(START + timedelta(minutes=30), REACH.end))
def test_no_set_of_windows_covers_more_nor_as_much_with_fewer(
    ready: set[Window], span: Span
) -> None:
    answer = cover(ready, span)

    most, fewest = _best_by_trying_all(ready, span)

    assert _length(answer.windows) == most
    assert len(answer.windows) == fewest


@given(ready_sets, spans(), st.sampled_from([*MONTHS, *DAYS, *HOURS]))
def test_one_more_ready_window_never_covers_less(
    ready: set[Window], span: Span, more: Window
) -> None:
    before, after = cover(ready, span), cover({*ready, more}, span)

    assert _length(after.windows) >= _length(before.windows)


@given(spans())
def test_nothing_ready_is_one_gap(span: Span) -> None:
    answer = cover([], span)

    assert answer.windows == ()
    assert answer.gaps == (span,)


def test_a_month_answers_for_its_days_and_its_days_when_it_fails() -> None:
    month = MONTHS[0]
    days = month.children()

    assert cover([month, *days], month.span).windows == (month,)
    assert cover(days, month.span).windows == tuple(days)


def test_a_window_that_sticks_out_of_the_span_leaves_its_finer_ones_to_answer() -> None:
    day = DAYS[0]
    span = Span(day.start + timedelta(minutes=30), day.end)

    answer = cover([day, *day.children()], span)

    assert answer.windows == tuple(day.children()[1:])
    assert answer.gaps == (Span(span.start, day.start + HOUR),)


def _best_by_trying_all(ready: set[Window], span: Span) -> tuple[timedelta, int]:
    """The most time that disjoint windows can cover, and with how few windows."""
    fitting = [window for window in ready if span.contains(window.span)]
    best = (timedelta(0), 0)
    for count in range(1, len(fitting) + 1):
        for some in combinations(sorted(fitting), count):
            if all(a.end <= b.start for a, b in pairwise(some)):
                best = max(best, (_length(some), -count))
    return best[0], -best[1]


def _length(windows: tuple[Window, ...]) -> timedelta:
    return sum((window.end - window.start for window in windows), timedelta(0))


def _uncovered(span: Span, taken: list[Span]) -> list[Span]:
    """Cut the span at every edge, drop the pieces that lie in a taken span, join the rest."""
    edges = sorted({span.start, span.end, *(e for t in taken for e in (t.start, t.end))})
    left: list[Span] = []
    for piece in (Span(start, end) for start, end in pairwise(edges)):
        if any(one.contains(piece) for one in taken):
            continue
        if left and left[-1].end == piece.start:
            left[-1] = Span(left[-1].start, piece.end)
        else:
            left.append(piece)
    return left
