"""When to try again what keeps failing.

Each failure doubles the pause up to a limit. What worked long enough before it failed is not
failing repeatedly; whoever counts says so with :meth:`Backoff.succeeded`.
"""

import math
from dataclasses import dataclass

_DOUBLED_AT_MOST = 30


def pause_s(failures: int, first_s: float, most_s: float = math.inf) -> float:
    """The pause after so many failures in a row: ``first_s``, twice that, up to ``most_s``."""
    if failures <= 0:
        return 0.0
    return min(first_s * 2.0 ** min(failures - 1, _DOUBLED_AT_MOST), most_s)


@dataclass
class Backoff:
    """Failures in a row, and the pause that follows the last; times are monotonic."""

    first_s: float = 1.0
    most_s: float = 60.0
    failures: int = 0
    retry_at: float = 0.0

    def failed(self, now: float) -> float:
        """Count a failure; returns the seconds until the next try."""
        self.failures += 1
        pause = pause_s(self.failures, self.first_s, self.most_s)
        self.retry_at = now + pause
        return pause

    def succeeded(self) -> None:
        """Forget the failures."""
        self.failures = 0
        self.retry_at = 0.0

    def is_due(self, now: float) -> bool:
        """Whether the pause is over."""
        return now >= self.retry_at
