"""How a process without an address shows that it is not stuck.

It writes a byte a second into a pipe that its supervisor reads. A pipe and no file, because a
full disk, a clock that is set and a folder of another user must not look like death. The byte
comes from a thread, which tells of a process that is stopped or whose interpreter is held up;
if the work itself reports its progress, the thread falls silent as soon as that stands still.
"""

import os
import threading
from contextlib import suppress

from photosearch.processes.liveness import Silence

#: Set in the environment of a process that is to beat: the number of its end of the pipe.
HEARTBEAT = "PHOTOSEARCH_HEARTBEAT"
BEAT_EVERY_S = 1.0
#: Work that stands still so long is stuck. A bucket that does not answer is given up after three
#: minutes, and a look at the repository may meet that more than once.
STUCK_S = 900.0


class Heartbeat:
    """Beats from :meth:`start` on, if a supervisor listens."""

    def __init__(self, stuck_s: float = STUCK_S) -> None:
        """``stuck_s``: seconds without :meth:`progress`, once there was one, that end it."""
        self._pipe = os.environ.pop(HEARTBEAT, None)  # not for the processes that this one starts
        self._stuck_s = stuck_s
        self._silence: Silence | None = None

    def start(self) -> None:
        """Beat until the process ends."""
        if self._pipe is not None:
            pipe = int(self._pipe)
            os.set_inheritable(pipe, False)
            threading.Thread(target=self._beat, args=[pipe], name="heartbeat", daemon=True).start()

    def progress(self) -> None:
        """Tell that the work has come one step further."""
        self._silence = Silence(self._stuck_s)

    def _beat(self, pipe: int) -> None:
        pause = threading.Event()
        while True:
            silence = self._silence
            if silence is None or not silence.lasts_too_long():
                with suppress(OSError):  # full, or nobody listens any more
                    os.write(pipe, b".")
            pause.wait(BEAT_EVERY_S)
