"""Standard output that may vanish or fail at any instant without harm to who prints.

Whoever watches over others must not end because a full disk takes no line of its own. A terminal
that was closed and a pipe whose reader is gone are another thing: then nobody is there any more
who could stop it, and it is told so.
"""

import errno
import os
import select
import sys
import threading
from contextlib import suppress
from typing import Any, TextIO

_GONE = (errno.EIO, errno.EPIPE, errno.ENXIO)


class CarefulOutput:
    """A text file over standard output; ``gone`` is set when its reader is."""

    def __init__(self, gone: threading.Event, output: TextIO | None = None) -> None:
        self._output = sys.stdout if output is None else output
        self._gone = gone
        self._hangup = select.poll()
        with suppress(OSError, ValueError):  # it has no descriptor
            self._hangup.register(self._output.fileno(), 0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._output, name)

    def write(self, text: str) -> int:
        """Write, or drop what can't be written."""
        try:
            return self._output.write(text)
        except OSError as error:
            self._note(error)
            return len(text)

    def flush(self) -> None:
        """Flush, or drop what can't be written."""
        try:
            self._output.flush()
        except OSError as error:
            self._note(error)

    def look(self) -> None:
        """Set ``gone`` if the terminal was closed or the pipe's reader ended."""
        events = [event for _, event in self._hangup.poll(0)]
        if any(event & (select.POLLHUP | select.POLLERR) for event in events):
            self._forsake()

    def _note(self, error: OSError) -> None:
        if error.errno in _GONE:
            self._forsake()

    def _forsake(self) -> None:
        """Lead what is still to be written to nowhere, also what Python flushes at its end."""
        self._gone.set()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._output.fileno())
        os.close(nowhere)
        self._hangup = select.poll()
