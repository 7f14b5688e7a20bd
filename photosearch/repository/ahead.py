"""Windows that were made before their time was over, because a machine's clock was ahead.

They wait until it is: packs and queries leave them out where finer windows are right. But
whoever looks should hear of it, because a clock that is wrong also says wrong what is over.
"""

from datetime import datetime

from photosearch.repository.addresses import Kind
from photosearch.repository.readiness import current_fingerprint
from photosearch.repository.repository import Repository
from photosearch.terminal.wording import counted
from photosearch.windows import CLOCK_TOLERANCE, Window


def made_ahead(repository: Repository, now: datetime) -> list[Window]:
    """The windows that have a current index though they are not over at ``now``, in time order."""
    fingerprint = current_fingerprint(repository)
    if fingerprint is None:
        return []
    heads = repository.heads(fingerprint, Kind.INDEX)
    return sorted(window for window in heads if not window.is_closed(now + CLOCK_TOLERANCE))


def told_ahead(repository: Repository, now: datetime) -> str | None:
    """The same for people; None if there is none."""
    windows = made_ahead(repository, now)
    if not windows:
        return None
    latest = max(windows, key=lambda window: window.end)
    return (
        f"{counted(len(windows), 'window')} made before their time was over, up to {latest}: a "
        f"clock was ahead, or this one, which says {now:%Y-%m-%d %H:%M} UTC, is behind; set it "
        "right; what they lack is made when they are over, and till then finer windows answer"
    )
