"""What a step in a process of its own says while it works: photos done, and why it failed."""

import threading
import time
from collections.abc import Callable

PHOTOS_DONE = "photos_done"
"""The one member of a message that says how many more photos a process has dealt with."""

ERROR = "error"
"""The one member of a message that says why one of our own steps failed."""

_PAUSE_S = 0.3


class PhotoMessages:
    """Photos done, gathered into a few messages a second; safe to share between threads."""

    def __init__(self, send: Callable[[dict[str, int]], None]) -> None:
        self._send = send
        self._lock = threading.Lock()
        self._waiting = 0
        self._sent_at = float("-inf")

    def add(self, count: int) -> None:
        """So many more photos have been dealt with."""
        with self._lock:
            self._waiting += count
            if time.monotonic() - self._sent_at >= _PAUSE_S:
                self._send_waiting()

    def flush(self) -> None:
        """Send what waits."""
        with self._lock:
            self._send_waiting()

    def _send_waiting(self) -> None:
        if self._waiting:
            self._send({PHOTOS_DONE: self._waiting})
            self._waiting = 0
            self._sent_at = time.monotonic()
