"""When a Serving may end: once every window it holds is answered by others.

Pure functions over windows. A window is answered when what is Ready and wanted fills its
time without a gap, be it a newer version, a coarser window or all of its finer ones.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterable
from datetime import datetime

from photosearch.windows import Span, Window


def answered_spans(windows: Iterable[Window]) -> list[Span]:
    """The time that these windows fill together, as disjoint spans that don't touch."""
    spans: list[Span] = []
    for window in sorted(windows):
        if spans and window.start <= spans[-1].end:
            spans[-1] = Span(spans[-1].start, max(spans[-1].end, window.end))
        else:
            spans.append(window.span)
    return spans


def unanswered(
    held: Iterable[Window],
    answering: Iterable[Window],
    still_wanted: Collection[Window] | None,
    until: datetime | None = None,
) -> list[Window]:
    """The windows of ``held`` that would be lost if their server ended now.

    ``still_wanted`` are the windows that the repository names as current, served or not: a
    window whose time none of them touches was withdrawn on purpose and may go. None means
    that nothing can be said about that, so every window must be answered. Nobody has to answer
    for time from ``until`` on: only a clock that was ahead made windows of it.
    """
    spans = answered_spans(answering)
    current = None if still_wanted is None else answered_spans(still_wanted)
    return [
        window
        for window in held
        if not _fills(spans, window, until) and (current is None or _touches(current, window))
    ]


def _fills(spans: list[Span], window: Window, until: datetime | None) -> bool:
    end = window.end if until is None else min(window.end, until)
    before = _at(spans, window)
    return end <= window.start or (before is not None and end <= before.end)


def _touches(spans: list[Span], window: Window) -> bool:
    index = bisect_right(spans, window.end, key=lambda span: span.start)
    return any(
        span.start < window.end and window.start < span.end
        for span in spans[max(0, index - 2) : index]
    )


def _at(spans: list[Span], window: Window) -> Span | None:
    index = bisect_right(spans, window.start, key=lambda span: span.start)
    return spans[index - 1] if index else None
