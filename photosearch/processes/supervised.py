"""One process under the supervisor: start, readiness, silence, crash, restart, and giving up."""

import os
import time
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from photosearch.backoff import Backoff
from photosearch.logs.log_file import last_lines
from photosearch.processes.child import Child
from photosearch.processes.heartbeat import HEARTBEAT
from photosearch.processes.listener import Listener
from photosearch.processes.liveness import Silence
from photosearch.processes.log_writer import LogWriter
from photosearch.processes.spec import SUPERVISED, ProcessSpec
from photosearch.settings.settings import Settings

#: A process that ran this long did not crash at its start.
STEADY_S = 30.0
#: A start that takes longer hangs.
START_S = 900.0
#: Starts in a row that may fail before the first that succeeds, which with the pauses between
#: them takes a minute: what a process needs may come up later than the process.
FAILED_STARTS_AT_MOST = 7


class ProcessState(StrEnum):
    """Where a supervised process stands."""

    STARTING = "starting"
    READY = "ready"
    HUNG = "hung"  # told to end, to be started again
    CRASHED = "crashed"  # to be started again
    ENDED = "ended"  # for good


@dataclass
class SupervisedProcess:
    """A spec and what became of it. :meth:`watch` moves it on; nothing here waits long."""

    spec: ProcessSpec
    settings: Settings
    mark: str
    #: Seconds from SIGTERM to SIGKILL for one that hangs.
    grace_s: float
    logs: LogWriter
    state: ProcessState = ProcessState.ENDED
    restarts: int = 0
    #: How it ended last.
    last_exit: str | None = None
    #: Whether it ended for good because it can't be started.
    gave_up: bool = False
    #: Seconds from its start until it was ready.
    ready_after_s: float | None = None
    _child: Child | None = None
    _backoff: Backoff = field(default_factory=lambda: Backoff(first_s=0.5, most_s=30.0))
    _failed_starts: int = 0
    _was_ready: bool = False
    _listener: Listener | None = None
    _silence: Silence = field(default_factory=lambda: Silence(0))
    _hung: str | None = None

    @property
    def log(self) -> Path:
        """Where its output goes."""
        return self.settings.logs_dir / f"{self.spec.name}.log"

    @property
    def pid(self) -> int | None:
        return None if self._child is None else self._child.pid

    @property
    def url(self) -> str | None:
        """The address to tell a user."""
        if self.spec.url is not None or self.spec.ready_url is None:
            return self.spec.url
        parts = urlsplit(self.spec.ready_url)
        return f"{parts.scheme}://{parts.netloc}"

    def start(self) -> None:
        """Start it, in a session of its own, its output led to its log."""
        if self.spec.cannot_start is not None:
            self._give_up(self.spec.cannot_start)
            return
        if self.spec.ready_file is not None:
            self.spec.ready_file.unlink(missing_ok=True)  # a former one's
        self._stop_listening()
        self._listener = Listener(self.spec)
        self._child = self._spawn(self._listener.beats)
        self.ready_after_s = None
        self._hung = None
        self._silence = Silence(START_S if self.settings.hung_after_s else 0)
        self.state = ProcessState.STARTING

    def _spawn(self, beats: int) -> Child:
        own = {**self.spec.environment, SUPERVISED: self.mark}
        if self.spec.beats:
            own[HEARTBEAT] = str(beats)
        try:
            return Child.start(
                self.spec.argv,
                self.log,
                self.logs,
                cwd=self.settings.base_dir,
                environment=self.settings.environment(),
                own=own,
                pass_fds=[beats] if self.spec.beats else [],
            )
        finally:
            os.close(beats)

    def watch(self) -> None:
        """Notice that it ended, that it is ready, that it hangs, or that it is due again."""
        now = time.monotonic()
        if self.state is ProcessState.CRASHED and self._backoff.is_due(now):
            self._start_again(now)
        if self._child is None or self._listener is None:
            return
        how = self._child.ending()
        if how is not None:
            self._ended(self._child, how, now)
        elif self.state is ProcessState.HUNG:
            return
        elif self.state is ProcessState.STARTING and self._listener.hears_that_it_is_ready():
            self.state = ProcessState.READY
            self._was_ready = True
            self.ready_after_s = now - self._child.started_at
            self._silence = Silence(self.settings.hung_after_s)
        elif self._is_silent():
            self._end_hung()

    def _start_again(self, now: float) -> None:
        self.restarts += 1
        try:
            self.start()
        except OSError as error:  # a full disk: later there may be room
            self.last_exit = f"can't be started: {error}"
            self._backoff.failed(now)

    def tell_to_end(self) -> None:
        """SIGTERM, for good; also to one that is stopped."""
        self.state = ProcessState.ENDED
        if self._child is not None:
            self._child.end(self.grace_s)

    def wait(self, timeout_s: float) -> bool:
        """Wait for it to end; whether it did."""
        if self._child is None:
            return True
        if not self._child.wait(timeout_s):
            return False
        self._child = None
        self._stop_listening()
        return True

    def kill(self) -> None:
        """End it without more ado."""
        if self._child is not None:
            self._child.kill()

    def log_tail(self, lines: int = 5) -> str:
        """The last lines of its log."""
        self.logs.settle()
        return "\n".join(last_lines(self.log)[-lines:])

    @property
    def trouble(self) -> str | None:
        """What came of asking it, if it gave no answer."""
        return None if self._listener is None else self._listener.trouble

    def _ended(self, child: Child, how: str, now: float) -> None:
        self._child = None
        self._stop_listening()
        self.last_exit = how if self._hung is None else f"{self._hung}; {how}"
        self._hung = None
        if self.state is ProcessState.ENDED:
            return
        if not self.spec.restart:
            self.state = ProcessState.ENDED
            return
        was_steady = now > child.started_at + STEADY_S
        if was_steady:
            self._backoff.succeeded()
        if not (self._was_ready if self._tells_readiness else was_steady):
            self._failed_starts += 1
            if self._failed_starts >= FAILED_STARTS_AT_MOST:
                self._give_up(f"{self.last_exit}, {self._failed_starts} times, never ready")
                return
        self._backoff.failed(now)
        self.state = ProcessState.CRASHED

    def _give_up(self, why: str) -> None:
        self.last_exit, self.gave_up, self.state = why, True, ProcessState.ENDED

    @property
    def _tells_readiness(self) -> bool:
        return self.spec.beats or bool(self.spec.ready_url or self.spec.ready_file)

    def _is_silent(self) -> bool:
        """Whether nothing was heard of it for too long; as it starts, whether that takes so."""
        assert self._listener is not None
        if self.state is ProcessState.READY and self._listener.hears():
            self._silence.broken()
        return self._silence.lasts_too_long()

    def _end_hung(self) -> None:
        assert self._child is not None
        silent = f"{self._silence.limit_s:.0f} s"
        is_up = self.state is ProcessState.READY
        self._hung = f"gave no sign of life for {silent}" if is_up else f"not ready after {silent}"
        self.state = ProcessState.HUNG
        self._child.end(self.grace_s)

    @property
    def hung(self) -> str | None:
        """Why it is being ended, if that is so."""
        return self._hung

    def _stop_listening(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
