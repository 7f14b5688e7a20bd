"""A process that this one started, or that one before it did: what it said, how it ends.

Nothing here waits: who watches over several looks again a moment later. Of a process that a
former parent started only its number is left, and the kernel tells its exit code to nobody else.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import psutil

from photosearch.logs.log_file import said_since_start
from photosearch.processes.log_writer import PLAIN, LogWriter
from photosearch.processes.spec import GRACE_S

_WORDS = 4
_LONGEST_LINE = 300
#: How Python and the runtime of C++ begin when they tell why a process dies.
_FATAL = ("Fatal Python error", "terminate called")


def how_it_ended(code: int) -> str:
    """An exit code in words; negative codes are signals."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:  # one of those for real time have no name
        return f"killed by signal {-code}"


def end(process: "subprocess.Popen[Any]", grace_s: float = GRACE_S) -> None:
    """Tell a process to end, and wait for it; one that still runs after its grace is killed."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            process.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(grace_s)


class Child:
    """One process, whose output goes to ``log``."""

    def __init__(
        self, process: "psutil.Process | subprocess.Popen[bytes]", log: Path, logs: LogWriter
    ) -> None:
        """``process``: one that was found running is psutil's."""
        self.log = log
        self.started_at = time.monotonic()
        self._logs = logs
        self._process = process
        self._kill_at: float | None = None

    @classmethod
    def start(
        cls,
        argv: Sequence[str],
        log: Path,
        logs: LogWriter,
        *,
        cwd: Path,
        environment: Mapping[str, str],
        own: Mapping[str, str] = {},
        pass_fds: Iterable[int] = (),
    ) -> Self:
        """Start it in a session of its own: Ctrl-C reaches its parent, which ends it in order.

        ``own`` is added to the environment, after what output that is a log asks for.

        Raises:
            OSError: if it can't be started.
        """
        output = logs.open(log)
        try:
            process = subprocess.Popen(
                list(argv),
                env={**environment, **PLAIN, **own},
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=list(pass_fds),
                start_new_session=True,
            )
        finally:
            os.close(output)
        return cls(process, log, logs)

    @property
    def pid(self) -> int:
        return int(self._process.pid)

    @property
    def is_ending(self) -> bool:
        """Whether it was told to end."""
        return self._kill_at is not None

    def ending(self) -> str | None:
        """How it ended, in words; None while it runs. It is killed if its grace is over.

        What one that was started here left in its session is ended with it.
        """
        how = self._how_it_ended()
        if how is None and self._kill_at is not None and time.monotonic() > self._kill_at:
            self.kill()
        return how

    def end(self, grace_s: float = GRACE_S) -> None:
        """Tell it to end; :meth:`ending` kills it after its grace, which goes on if told again."""
        if self._kill_at is None:
            self._kill_at = time.monotonic() + grace_s
        self._send(signal.SIGTERM)
        self._send(signal.SIGCONT)  # one that was stopped ends in order

    def kill(self) -> None:
        """End it without more ado."""
        self._send(signal.SIGKILL)

    def wait(self, timeout_s: float) -> bool:
        """Wait for it to end; whether it did."""
        try:
            self._process.wait(timeout_s)
        except (subprocess.TimeoutExpired, psutil.TimeoutExpired):
            return False
        return True

    def last_words(self) -> str:
        """The last lines of its log, or the beginning of a fatal error's, as one line."""
        self._logs.settle()
        lines = [line.strip() for line in said_since_start(self.log)]
        said = [line for line in lines if line]
        fatal = [number for number, line in enumerate(said) if line.startswith(_FATAL)]
        words = said[fatal[-1] :][:_WORDS] if fatal else said[-_WORDS:]
        return " | ".join(line[:_LONGEST_LINE] for line in words)

    def forget(self) -> None:
        """Keep nothing open for it; it has ended."""
        self._logs.forget(self.log)

    def _how_it_ended(self) -> str | None:
        if isinstance(self._process, subprocess.Popen):
            code = _exit_code(self._process)
            return None if code is None else how_it_ended(code)
        with suppress(psutil.NoSuchProcess):
            if self._process.is_running() and self._process.status() != psutil.STATUS_ZOMBIE:
                return None
        return "ended"

    def _send(self, number: signal.Signals) -> None:
        if isinstance(self._process, subprocess.Popen):
            if _exit_code(self._process) is None:
                os.kill(self.pid, number)
            return
        with suppress(psutil.NoSuchProcess):
            self._process.send_signal(number)


def _exit_code(child: "subprocess.Popen[bytes]") -> int | None:
    """How it ended, if it did; then what it left in its session is ended too.

    That comes before it is reaped: until then nobody else can have its number.
    """
    try:
        if os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return None
    except ChildProcessError:
        return child.poll()
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)  # an index server has another
    return child.wait()
