"""Why a listing or a photo is left out: every rule, its words, and the setting behind it.

A listing that no search finds must not look like one that is not there. Whoever leaves one out
names one of these reasons, and whoever counts or tells of it takes the words from here, so that
``init``, ``materialize``, ``explain``, ``search``, the page and the API never tell differently.
"""

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum

from photosearch.settings.settings import Settings


class Reason(StrEnum):
    """A rule that leaves something out. The values are the API's; none ever changes."""

    STATUS = "status"
    ERASED = "erased"
    GONE = "gone"
    NO_ID = "no_id"
    NO_TIME = "no_time"
    UNREADABLE_TIME = "unreadable_time"
    BEFORE_START = "before_start"
    FUTURE = "future"
    NO_PHOTO = "no_photo"
    PHOTO_WITHOUT_ID = "photo_without_id"


#: What to do about it, where something can be done.
_REMEDIES = {
    Reason.NO_ID: "give its row an id, or name another listing_id_column",
    Reason.NO_TIME: "give its row a time, or name another listing_time_column",
    Reason.UNREADABLE_TIME: "name a listing_time_column, or a view's, with times in ISO 8601",
    Reason.FUTURE: "correct its time, or this machine's clock",
    Reason.NO_PHOTO: "give it a row in photos_table with its id",
    Reason.PHOTO_WITHOUT_ID: "give its row an id, or name another photo_id_column",
}


def hidden_by_status(status: str | None, settings: Settings) -> str | None:
    """Why a listing of this status may not be shown; none if it may."""
    if status in settings.live_statuses:
        return None
    its = "it has no status" if status is None else f"its status is {status!r}"
    return f"{its}, live_status is {quoted(settings.live_statuses)}"


def misplaced(
    moment: datetime | None, value: object, start: datetime, now: datetime
) -> tuple[Reason, str] | None:
    """Why no window can hold a listing of this time; ``value`` is what the column has."""
    if moment is None:
        if value is None:
            return Reason.NO_TIME, "it has no time"
        return Reason.UNREADABLE_TIME, f"its time can't be read: {_shortened(value)}"
    if moment < start:
        return (
            Reason.BEFORE_START,
            f"it is from before the timeline's start, {start.isoformat()}",
        )
    if moment > now:
        return (
            Reason.FUTURE,
            f"it is from the future; now is {now.isoformat(timespec='seconds')}",
        )
    return None


def not_over(window: object, end: datetime) -> str:
    """That its hour is still going on."""
    return f"{window} is not over: found after {end:%Y-%m-%d %H:%M} UTC"


def no_id() -> str:
    return "it has no id that can be named"


def no_photo() -> str:
    return "it has no photo"


def was_erased(finished_at: datetime | None = None) -> str:
    return "it was erased" + (f" {finished_at:%Y-%m-%d %H:%M} UTC" if finished_at else "")


def gone() -> str:
    return "it is no longer in the catalogue, or has no time there"


def remedy_for(reason: Reason) -> str | None:
    """What to do about it; none where nothing is wrong."""
    return _REMEDIES.get(reason)


def quoted(statuses: Collection[str]) -> str:
    """Statuses in a sentence: ``'live'``, ``'active' or 'new'``."""
    return " or ".join(map(repr, sorted(statuses)))


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
