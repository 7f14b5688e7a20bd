"""SIGTERM and its like as an event to wait for.

Python's handlers can't set one. They run in the main thread between any two of its steps, also
within a handler, and an Event's lock is not reentrant: of two signals at once the second waits
for ever for what the first has locked. Two at once are common: the kernel tells a child of its
parent's end once for each thread of the parent. And a handler waits until the main thread
takes a step: a signal that comes as it goes to sleep is not noticed before the next one.

So the C part of Python, which notices at once, writes into a pipe, and a thread sets the event.
"""

import os
import signal
import threading


def stop_on_signals(*further: signal.Signals) -> threading.Event:
    """An event that SIGTERM, SIGINT and ``further`` signals set from now on."""
    stop = threading.Event()
    reader, writer = os.pipe()
    os.set_blocking(writer, False)

    def wait() -> None:
        os.read(reader, 1)
        stop.set()

    threading.Thread(target=wait, name="stop", daemon=True).start()
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT, *further):
        signal.signal(number, lambda *_: None)  # without a handler nothing would be written
    return stop
