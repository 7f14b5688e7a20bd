"""Waiting for what comes about a moment after what a test did.

A server writes its log line after the answer's last byte, the kernel shows a command line after
the call that started it: who looks at once passes on one machine and fails on the next.
"""

import time
from collections.abc import Callable


def until(condition: Callable[[], object], within_s: float = 120) -> None:
    """Return once it is so; the limit is for what hangs, and no measure of pace."""
    limit = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.02)
