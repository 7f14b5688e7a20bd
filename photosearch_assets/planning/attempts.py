"""How often a sensor has asked for the same thing, and when it may ask again.

Kept in the sensor's cursor. A run key de-duplicates for ever, so each try has a number.
"""

import json
from collections.abc import Mapping

from pydantic import BaseModel

from photosearch.backoff import pause_s


class Attempt(BaseModel):
    """How often something was asked for; ``since`` and ``at``: the first and last time, in
    seconds since 1970."""

    count: int = 0
    since: int = 0
    at: int = 0

    def may_repeat(self, now: int, first_pause_s: float, longest_pause_s: float) -> bool:
        """Whether the pause is over, which doubles with each try.

        A last try in the future is one of a clock that was ahead, and says nothing.
        """
        pause = pause_s(self.count, first_pause_s, longest_pause_s)
        return self.count == 0 or not 0 <= now - self.at < pause

    def again(self, now: int) -> "Attempt":
        """One try more."""
        return Attempt(count=self.count + 1, since=self.since or now, at=now)


def read_attempts(cursor: str | None) -> dict[str, Attempt]:
    """The attempts that a cursor holds; none if another release wrote it."""
    try:
        found = json.loads(cursor or "{}")
        return {key: Attempt.model_validate(value) for key, value in found.items()}
    except (ValueError, AttributeError):
        return {}


def write_attempts(attempts: Mapping[str, Attempt]) -> str:
    """A cursor that holds them."""
    return json.dumps({key: attempt.model_dump() for key, attempt in attempts.items()})
