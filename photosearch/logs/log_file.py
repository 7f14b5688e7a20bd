"""One process's log: a time on every line, nothing that a terminal obeys, bounded in size.

The lines come from our code, from libraries, and from what Python and C++ say as they die; so it
is not left to their authors that a log can be read.
"""

import json
import os
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from photosearch.logs.records import STARTED, Records, has_time, is_object
from photosearch.terminal.printable import printable_lines

_LAST_BYTES = 1 << 17
_COLOURS = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_OUR_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ")


class LogFile:
    """A log of a process ``name``; as it grows beyond ``most_bytes``, it makes way for a new one.

    The ``kept`` former ones are called ``.1`` and so on, the newest first. It is opened for each
    batch of lines: who removes or moves it away finds a new one.
    """

    def __init__(self, path: Path, *, most_bytes: int, kept: int, as_json: bool) -> None:
        self._path = path
        self._most_bytes = most_bytes
        self._kept = kept
        self._as_json = as_json
        self._lost = 0
        self._fault = ""
        self._records = Records()

    @property
    def is_open(self) -> bool:
        """Whether the last record waits for further lines."""
        return self._records.is_open

    def write(self, lines: Iterable[bytes], *, more: bool = False) -> None:
        """Append lines, each without its end; those that the disk refuses are counted.

        Where records are objects, the last one waits if there may be ``more`` lines.
        """
        plain = [_COLOURS.sub("", line.decode(errors="replace").rstrip("\r\n")) for line in lines]
        if self._as_json:
            plain = self._records.add(plain) + ([] if more else self._records.end())
        texts = list(map(self._line, plain))
        if not texts:
            return
        if self._lost:
            texts.insert(0, self._line(f"{self._lost} lines were lost: {self._fault}"))
        try:
            for text in texts:
                self._append((text + "\n").encode(errors="backslashreplace"))
        except OSError as error:
            self._lost += len(texts)
            self._fault = error.strerror or type(error).__name__
        else:
            self._lost = 0

    def _append(self, line: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab", buffering=0) as file:
            if file.tell() and file.tell() + len(line) > self._most_bytes:
                self._rotate()
                return self._append(line)
            written = file.write(line)
            if written != len(line):  # half a line would join with the next
                os.ftruncate(file.fileno(), file.tell() - written)
                file.write(line)
        return None

    def _rotate(self) -> None:
        for number in range(self._kept, 0, -1):
            former = self._path if number == 1 else self._numbered(number - 1)
            if former.exists():
                former.replace(self._numbered(number))
        if not self._kept:
            self._path.unlink(missing_ok=True)

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    def _line(self, text: str) -> str:
        shown = printable_lines(text)
        if is_object(shown):  # of an API that was told to write its requests so
            return shown
        if self._as_json:
            return self._record(shown)
        line = shown.replace("\n", " ")
        return line if has_time(line) else f"{_now()} {line}"

    def _record(self, text: str) -> str:
        return json.dumps({"time": _now(), "process": self._path.stem, "message": text})


def last_lines(path: Path) -> list[str]:
    """The last lines of a log, as they stand there; also of its newest former one."""
    former = path.with_name(f"{path.name}.1")
    content = b""
    for file in (path, former):
        room = _LAST_BYTES - len(content)
        try:
            with file.open("rb") as log:
                size = log.seek(0, os.SEEK_END)
                log.seek(max(0, size - room))
                content = log.read() + content
        except OSError:  # none yet, or no former one
            continue
        if size > room:
            content = content.partition(b"\n")[2] or content  # the first is a part of a line
            break
    return content.decode(errors="replace").splitlines()


def said_since_start(path: Path) -> list[str]:
    """The last lines that the process which was started last has printed, without the form and
    the times that the log gave them."""
    said = list(chain.from_iterable(map(_messages, last_lines(path))))
    starts = [number for number, line in enumerate(said) if line == STARTED]
    return said[starts[-1] + 1 :] if starts else said


def _messages(line: str) -> list[str]:
    if not is_object(line):
        return [_OUR_TIME.sub("", line, count=1)]
    record = json.loads(line)
    return str(record.get("message", line)).splitlines()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
