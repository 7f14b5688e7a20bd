"""One process under the supervisor: start, readiness, crash, restart."""

import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from photosearch.backoff import Backoff
from photosearch.processes import SUPERVISED, ProcessSpec
from photosearch.settings import Settings

#: A process that ran this long did not crash at its start.
STEADY_S = 30.0
READY_DEADLINE_S = 2.0
MAX_LOG_BYTES = 10 << 20


class State(StrEnum):
    """Where a supervised process stands."""

    STARTING = "starting"
    READY = "ready"
    CRASHED = "crashed"  # to be started again
    ENDED = "ended"  # for good


@dataclass
class SupervisedProcess:
    """A spec and what became of it. :meth:`watch` moves it on; nothing here waits long."""

    spec: ProcessSpec
    settings: Settings
    mark: str
    state: State = State.ENDED
    restarts: int = 0
    #: How it ended last.
    last_exit: str | None = None
    #: Seconds from its start until it was ready.
    ready_after_s: float | None = None
    _child: "subprocess.Popen[bytes] | None" = None
    _started_at: float = 0.0
    _backoff: Backoff = field(default_factory=lambda: Backoff(first_s=0.5, most_s=30.0))

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
        """Start it, in a session of its own, its output appended to its log."""
        if self.spec.ready_file is not None:
            self.spec.ready_file.unlink(missing_ok=True)  # a former one's
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > MAX_LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log:
            log.write(f"--- started {datetime.now(UTC).isoformat(timespec='seconds')}\n".encode())
            log.flush()
            self._child = subprocess.Popen(
                list(self.spec.argv),
                env={
                    **self.settings.environment(),
                    "PYTHONUNBUFFERED": "1",
                    **self.spec.environment,
                    SUPERVISED: self.mark,
                },
                cwd=self.settings.base_dir,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._started_at = time.monotonic()
        self.ready_after_s = None
        self.state = State.STARTING

    def watch(self) -> None:
        """Notice that it ended, that it is ready, or that it is due again."""
        now = time.monotonic()
        if self.state is State.CRASHED and self._backoff.is_due(now):
            self._start_again(now)
        if self._child is None:
            return
        code = self._child.poll()
        if code is not None:
            self._ended(code, now)
        elif self.state is State.STARTING and self._is_ready():
            self.state = State.READY
            self.ready_after_s = time.monotonic() - self._started_at

    def _start_again(self, now: float) -> None:
        self.restarts += 1
        try:
            self.start()
        except OSError as error:  # a full disk: later there may be room
            self.last_exit = f"can't be started: {error}"
            self._backoff.failed(now)

    def tell_to_end(self) -> None:
        """SIGTERM, for good."""
        self.state = State.ENDED
        if self._child is not None and self._child.poll() is None:
            self._child.send_signal(signal.SIGTERM)

    def wait(self, timeout_s: float) -> bool:
        """Wait for it to end; whether it did."""
        if self._child is None:
            return True
        try:
            self._child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        self._child = None
        return True

    def log_tail(self, lines: int = 5) -> str:
        """The last lines of its log."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, self.log.stat().st_size - 4096))
                text = file.read().decode(errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def _ended(self, code: int, now: float) -> None:
        assert self._child is not None
        # What it started and left in its own session; an index server has another.
        _end_group(self._child.pid)
        self._child = None
        self.last_exit = (
            f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        )
        if self.state is State.ENDED:
            return
        if not self.spec.restart:
            self.state = State.ENDED
            return
        if now > self._started_at + STEADY_S:
            self._backoff.succeeded()
        self._backoff.failed(now)
        self.state = State.CRASHED

    def _is_ready(self) -> bool:
        if self.spec.ready_file is not None and not self.spec.ready_file.exists():
            return False
        if self.spec.ready_url is None:
            return True
        try:
            # trust_env: a proxy in the environment has no business on this machine.
            answer = httpx.get(self.spec.ready_url, timeout=READY_DEADLINE_S, trust_env=False)
        except httpx.HTTPError:
            return False
        return answer.status_code < 400


def _end_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
