"""What is missing or out of date, found by looking at the stores as they are.

Level-triggered: nothing here remembers an event. The digest of what a window would be made
from today is compared with what its current version was made from, so a late listing, a new
quantiser, a failed run and a lost event all look alike and are all found.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from photosearch.repository.addresses import Kind
from photosearch.windows import Granularity, Window, closed_windows
from photosearch_assets.steps import (
    build_embedder,
    embed_photos,
    encode_hours,
    fetch_images,
    glue,
    train_quantiser,
)
from photosearch_assets.steps.context import StepContext


@dataclass(frozen=True)
class ClosedWindows:
    """The closed windows of a moment, by granularity, in time order."""

    hours: Sequence[Window]
    days: Sequence[Window]
    months: Sequence[Window]

    @classmethod
    def until(cls, start: datetime, now: datetime) -> "ClosedWindows":
        return cls(
            closed_windows(start, now, Granularity.HOURLY),
            closed_windows(start, now, Granularity.DAILY),
            closed_windows(start, now, Granularity.MONTHLY),
        )

    def within(self, chosen: Collection[Window]) -> "ClosedWindows":
        """Only ``chosen`` windows, and the finer ones that they are made from."""
        wanted = set(chosen)
        months = [month for month in self.months if month in wanted]
        days = [day for day in self.days if day in wanted or day.parent() in months]
        hours = [
            hour
            for hour in self.hours
            if hour in wanted
            or hour.parent() in wanted
            or Window.holding(Granularity.MONTHLY, hour.start) in months
        ]
        return ClosedWindows(hours, days, months)


@dataclass(frozen=True)
class DueWork:
    """What to make. A window is in the list of every step that it needs."""

    embedder: bool = False
    images: list[Window] = field(default_factory=list)
    embeddings: list[Window] = field(default_factory=list)
    quantiser: bool = False
    hours: list[Window] = field(default_factory=list)
    days: list[Window] = field(default_factory=list)
    months: list[Window] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not (
            self.embedder
            or self.quantiser
            or self.images
            or self.embeddings
            or self.hours
            or self.days
            or self.months
        )


def find_due(context: StepContext, timeline: ClosedWindows) -> DueWork:
    """What of ``timeline`` is missing or out of date, with all that follows from it.

    With a quantiser that is due: what is due under the present one. Once it is trained, all is.
    """
    images = fetch_images.due(timeline.hours, context)
    if not build_embedder.is_current(context):
        return DueWork(
            embedder=True,
            images=images,
            embeddings=list(timeline.hours),
            quantiser=False,
            hours=list(timeline.hours),
            days=list(timeline.days),
            months=list(timeline.months),
        )
    embeddings = _with(images, embed_photos.due(timeline.hours, context), timeline.hours)
    quantiser = train_quantiser.verdict(context).is_due
    pinned = context.shelf(Kind.INDEX).pinned
    free_hours = [hour for hour in timeline.hours if hour not in pinned]
    hours = _with(embeddings, encode_hours.due(timeline.hours, context), free_hours)
    free_days = glue.without_pinned(timeline.days, context)
    free_months = glue.without_pinned(timeline.months, context)
    days = _with(_parents(hours), glue.due(timeline.days, context), free_days)
    months = _with(_parents(days), glue.due(timeline.months, context), free_months)
    return DueWork(False, images, embeddings, quantiser, hours, days, months)


def _parents(windows: Collection[Window]) -> set[Window]:
    return {parent for window in windows if (parent := window.parent()) is not None}


def _with(
    first: Collection[Window], second: Collection[Window], among: Sequence[Window]
) -> list[Window]:
    wanted = {*first, *second}
    return [window for window in among if window in wanted]
