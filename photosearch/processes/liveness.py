"""When silence is taken for death.

Only the seconds in which the listener itself ran are counted. A laptop that slept, a virtual
machine that was suspended, a terminal that was stopped: all clocks may have gone on, and still
nobody has been silent, because nobody could have spoken.
"""

import time

#: Between two looks the listener was not held up, if they are no further apart.
_LOOKS_APART_S = 1.0


class Silence:
    """How long nothing was heard, in seconds of the listener's own; 0 as a limit is for ever."""

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self.seconds = 0.0
        self._looked_at: float | None = None

    def lasts_too_long(self) -> bool:
        """Look at the clock; whether the limit is passed. To be called every second or so."""
        now = time.monotonic()
        if self._looked_at is not None:
            self.seconds += min(now - self._looked_at, _LOOKS_APART_S)
        self._looked_at = now
        return 0 < self.limit_s < self.seconds

    def broken(self) -> None:
        """Something was heard."""
        self.seconds = 0.0
