"""When to try again what keeps failing.

Each failure doubles the pause up to a limit. A process that ran long enough before it died is
not failing repeatedly; whoever counts says so with :meth:`Backoff.succeeded`.
"""

from dataclasses import dataclass


@dataclass
class Backoff:
    """Pauses of ``first_s``, twice that, and so on up to ``most_s``; times are monotonic."""

    first_s: float = 1.0
    most_s: float = 60.0
    failures: int = 0
    retry_at: float = 0.0

    def failed(self, now: float) -> float:
        """Count a failure; returns the seconds until the next try."""
        pause: float = min(self.first_s * 2.0 ** min(self.failures, 30), self.most_s)
        self.failures += 1
        self.retry_at = now + pause
        return pause

    def succeeded(self) -> None:
        """Forget the failures."""
        self.failures = 0
        self.retry_at = 0.0

    def is_due(self, now: float) -> bool:
        """Whether the pause is over."""
        return now >= self.retry_at
