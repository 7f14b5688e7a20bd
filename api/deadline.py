"""The time a query has, which its stages share.

One object travels with the query: each stage takes what is left, so a slow embedder shortens
the servers' time instead of the caller's patience.
"""

import time
from dataclasses import dataclass


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
