"""SIGTERM and its like: as an event to wait for, or to look at between two pieces of work.

Python's handlers can't set an event. They run in the main thread between any two of its steps, also
within a handler, and an Event's lock is not reentrant: of two signals at once the second waits
for ever for what the first has locked. Two at once are common: the kernel tells a child of its
parent's end once for each thread of the parent. And a handler waits until the main thread
takes a step: a signal that comes as it goes to sleep is not noticed before the next one.

So the C part of Python, which notices at once, writes into a pipe, and a thread sets the event.
"""

import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

#: Signals that come within this time are one.
BURST_S = 1.0
_STOPS = (signal.SIGTERM, signal.SIGINT)


def stop_on_signals(
    *further: signal.Signals, again: threading.Event | None = None
) -> threading.Event:
    """An event that SIGTERM, SIGINT and ``further`` signals set from now on.

    A ``further`` one that is ignored stays so: that is how nohup keeps SIGHUP away. ``again`` is
    set by a signal that comes ``BURST_S`` or more after the first.
    """
    stop = threading.Event()
    reader, writer = os.pipe()
    os.set_blocking(writer, False)

    def wait() -> None:
        os.read(reader, 1)
        stop.set()
        begun = time.monotonic()
        while again is not None and not again.is_set():
            os.read(reader, 1)
            if time.monotonic() >= begun + BURST_S:
                again.set()

    threading.Thread(target=wait, name="stop", daemon=True).start()
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    heeded = [one for one in further if signal.getsignal(one) is not signal.SIG_IGN]
    for number in (*_STOPS, *heeded):
        signal.signal(number, lambda *_: None)  # without a handler nothing would be written
    return stop


@contextmanager
def stop_signals_noticed() -> Iterator[Callable[[], bool]]:
    """Tells whether SIGTERM or SIGINT came since, whoever has a handler for them, or drops them.

    Always False in threads other than the main one, where signals are none of their business.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    came = bytearray()

    def noticed() -> bool:
        with suppress(BlockingIOError):
            came.extend(os.read(reader, select.PIPE_BUF))
        return any(number in came for number in _STOPS)

    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield noticed
    finally:
        signal.set_wakeup_fd(before)
        os.close(writer)
        os.close(reader)
