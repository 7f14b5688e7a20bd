"""A process that writes the logs of the processes that another one watches.

What a process prints goes into a pipe, so that a log can make way for a new one while it runs.
The pipe is read here and not by the supervisor: that may be killed, stopped or busy, and a
process whose output nobody reads stands still. The supervisor keeps the reading ends too, so a
writer that was killed is replaced before anybody writes into nothing. It ends by itself, when all
its pipes have been closed and nobody can give it another.
"""

import math
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from photosearch.logs.log_file import LogFile
from photosearch.logs.records import LONGEST_LINE, STARTED
from photosearch.processes.spec import SUPERVISED
from photosearch.settings.settings import Settings

_SETTLE = b"settle"
_SETTLED_WITHIN_S = 2.0
_ENDED_WITHIN_S = 5.0
_READ_BYTES = 1 << 16
#: So long the lines of a record may take to come.
_RECORD_S = 1.0
#: Colours are for terminals, and what waits in a buffer is lost when its process is killed.
PLAIN = {"PYTHONUNBUFFERED": "1", "NO_COLOR": "1", "TERM": "dumb"}
"""Added to the environment of a process whose output is a log."""


class LogWriter:
    """The writer, as seen by who starts it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pipes: dict[Path, int] = {}
        self._turn = threading.RLock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def start(self) -> None:
        """Start it; nothing is printed into nowhere before."""
        if self._control is not None:
            self._control.close()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.settimeout(_SETTLED_WITHIN_S)
        environment = self._settings.environment()
        environment.pop(SUPERVISED, None)  # it ends after all that bears the mark
        bounds = (self._settings.log_bytes, self._settings.log_files)
        self._process = subprocess.Popen(
            [
                *(
                    sys.executable,
                    "-P",
                    "-m",
                    "photosearch.processes.log_writer",
                    str(theirs.fileno()),
                ),
                *(*map(str, bounds), self._settings.log_format),
            ],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
        theirs.close()
        for path, pipe in self._pipes.items():
            self._give(path, pipe)

    def open(self, path: Path) -> int:
        """A pipe for a process that is to log to ``path``; who gets it closes it.

        It holds the line that tells of the start already.
        """
        with self._turn:
            self.forget(path)
            if self._process is None:
                self.start()
            reading, writing = os.pipe()
            self._pipes[path] = reading
            os.write(writing, f"{STARTED}\n".encode())
            self._give(path, reading)
        return writing

    def forget(self, path: Path) -> None:
        """Keep the pipe of a process that has ended no longer."""
        with self._turn:
            pipe = self._pipes.pop(path, None)
            if pipe is not None:
                os.close(pipe)

    def tend(self) -> None:
        """Start another one if it has ended; the pipes hold what came meanwhile."""
        with self._turn:
            if not self._pipes:
                return
            if self._process is None or self._process.poll() is not None:
                self.start()
            else:  # one that was stopped would stop whoever prints
                self._process.send_signal(signal.SIGCONT)

    def settle(self) -> None:
        """Wait until what has been printed is in the logs; not long, if it does not come."""
        with self._turn, suppress(OSError):
            self.tend()
            if self._control is not None:
                self._control.send(_SETTLE)
                self._control.recv(1)

    def close(self) -> None:
        """Let it end as soon as all is written."""
        for path in list(self._pipes):
            self.forget(path)
        if self._control is None or self._process is None:
            return
        self._control.close()
        self._control = None
        process, self._process = self._process, None
        with suppress(subprocess.TimeoutExpired):
            process.wait(_ENDED_WITHIN_S)
            return
        process.kill()
        process.wait()

    def _give(self, path: Path, pipe: int) -> None:
        with suppress(OSError):  # it has just ended; the next one gets it
            if self._control is not None:
                socket.send_fds(self._control, [bytes(path)], [pipe])


class _Pipe:
    """The output of one process, and what of it is no whole line yet."""

    def __init__(self, descriptor: int, log: LogFile) -> None:
        self.descriptor = descriptor
        self._log = log
        self._rest = b""
        self._read_at = 0.0

    @property
    def waits(self) -> bool:
        """Whether it holds a record that may go on."""
        return self._log.is_open

    def read(self) -> bool:
        """Take what there is; whether more may come."""
        try:
            content = os.read(self.descriptor, _READ_BYTES)
        except BlockingIOError:
            return True
        *lines, self._rest = (self._rest + content).split(b"\n")
        if self._rest and (not content or len(self._rest) > LONGEST_LINE):
            lines, self._rest = [*lines, self._rest], b""
        self._read_at = time.monotonic()
        self._log.write(lines, more=bool(content))
        return bool(content)

    def end_record(self, now: float = math.inf) -> None:
        """Write the record that waits, if nothing has come for a while ``now``."""
        if self.waits and now > self._read_at + _RECORD_S:
            self._log.write([])


def _run(control: socket.socket, most_bytes: int, kept: int, form: str) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ, None)
        while selector.get_map():
            pipes = [key.data for key in selector.get_map().values() if key.data is not None]
            waiting = [pipe for pipe in pipes if pipe.waits]
            for pipe in waiting:
                pipe.end_record(time.monotonic())
            for key, _ in selector.select(_RECORD_S if waiting else None):
                if key.data is not None:
                    if not key.data.read():
                        selector.unregister(key.fd)
                        os.close(key.fd)
                    continue
                message, given, _, _ = socket.recv_fds(control, 1 << 12, 1)
                if not message:
                    selector.unregister(control)
                elif message == _SETTLE:
                    _settle(selector)
                    with suppress(OSError):
                        control.send(b".")
                for pipe in given:
                    os.set_blocking(pipe, False)
                    path = Path(os.fsdecode(message))
                    as_json = form == "json"
                    log = LogFile(path, most_bytes=most_bytes, kept=kept, as_json=as_json)
                    selector.register(pipe, selectors.EVENT_READ, _Pipe(pipe, log))


def _settle(selector: selectors.BaseSelector) -> None:
    """Read what the pipes hold now; of those that are being filled again and again, for a while."""
    ends = time.monotonic() + _SETTLED_WITHIN_S / 2
    for key in list(selector.get_map().values()):
        while key.data is not None and time.monotonic() < ends:
            if not _holds_something(key.fd) or not key.data.read():
                break
        if key.data is not None:
            key.data.end_record()


def _holds_something(pipe: int) -> bool:
    with selectors.DefaultSelector() as one:
        one.register(pipe, selectors.EVENT_READ)
        return bool(one.select(0))


if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it ends when there is nothing left to write
    _run(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
