"""Which windows answer a query.

A month replaces its days and a day its hours as soon as it is ready, because one large
index is cheaper to search than many small ones. Until then the finer windows answer, so
a slow or failed roll-up costs latency and never results.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from photosearch.windows import Span, Window


@dataclass(frozen=True)
class Cover:
    """Disjoint windows in time order, and the stretches that none of them fills."""

    windows: tuple[Window, ...]
    gaps: tuple[Span, ...]

    @property
    def is_complete(self) -> bool:
        return not self.gaps


def cover(ready: Collection[Window], span: Span) -> Cover:
    """Choose the coarsest disjoint windows inside ``span``.

    Returns the windows in time order and every gap that no ready window fills.

    Windows nest, and sort by time with the coarser first. So one pass is enough: the first
    window at or after the end of the last choice is the coarsest that can follow it.
    """
    chosen: list[Window] = []
    gaps: list[Span] = []
    reached = span.start
    for window in sorted(window for window in ready if span.contains(window.span)):
        if window.start < reached:
            continue
        if window.start > reached:
            gaps.append(Span(reached, window.start))
        chosen.append(window)
        reached = window.end
    if reached < span.end:
        gaps.append(Span(reached, span.end))
    return Cover(tuple(chosen), tuple(gaps))


def closed_gaps(gaps: Iterable[Span], until: datetime) -> tuple[Span, ...]:
    """The part of ``gaps`` before ``until``: what is not over yet can't be missing."""
    return tuple(Span(gap.start, min(gap.end, until)) for gap in gaps if gap.start < until)
