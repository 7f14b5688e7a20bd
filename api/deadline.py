"""The time a query has, which its stages share.

One object travels with the query: each stage takes what is left, so a slow embedder shortens
the servers' time instead of the caller's patience.
"""

import time
from dataclasses import dataclass

from api.problems.problems import ApiProblem


@dataclass(frozen=True)
class Deadline:
    """A moment on the monotonic clock."""

    at: float
    total_s: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        return cls(time.monotonic() + seconds, seconds)

    @property
    def left_s(self) -> float:
        """Seconds left; negative when it has passed."""
        return self.at - time.monotonic()

    def missed(self, what: str, remedy: str) -> ApiProblem:
        """The error of a stage that was not done in time: 504."""
        return ApiProblem(
            504,
            "deadline",
            what,
            limit=f"{self.total_s:g} s (deadline_s)",
            remedy=remedy,
            headers={"Retry-After": "1"},
        )
