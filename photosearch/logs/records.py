"""Which lines of a log are one record: a trace is one, with the line that it belongs to.

Where every record is an object, who collects them counts and sends them one by one, and a trace
in forty of them can't be read. The lines come from authors who know nothing of records, so they
are told apart by what Python and logging write: a record begins with a time, with an object, or
without an indentation.
"""

import json
import re
from collections.abc import Iterable

STARTED = "--- started"
"""What a log says when its process is started."""

LONGEST_LINE = 1 << 16

#: As logging and Dagster begin their lines; in whatever zone, they have told theirs.
_HAS_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d")
_TRACE = re.compile(
    r"[ |+]*(?:Exception Group )?Traceback \(most recent call last\)"
    r"|Fatal Python error|(?:Current t|T)hread 0x"
)
_CHAINED = ("During handling of the above exception", "The above exception was the direct cause")
#: The levels that are logged with a trace.
_GRAVE = re.compile(r"\b(?:WARNING|ERROR|CRITICAL)\b")
#: What Python says before a trace of what nobody caught.
_BEFORE = ("Exception in thread ", "Exception ignored in")


def has_time(line: str) -> bool:
    """Whether its author told the time."""
    return _HAS_TIME.match(line) is not None


def is_object(line: str) -> bool:
    """Whether it is an object with a time already."""
    if not line.startswith("{"):
        return False
    try:
        return "time" in json.loads(line)
    except ValueError:
        return False


class Records:
    """Joins lines into records; the last one is open until another begins, or :meth:`end`."""

    def __init__(self) -> None:
        self._open: list[str] = []
        self._length = 0
        self._has_trace = False

    @property
    def is_open(self) -> bool:
        return bool(self._open)

    def add(self, lines: Iterable[str]) -> list[str]:
        """Take further lines; the records that are whole now."""
        whole: list[str] = []
        for line in lines:
            if not self._goes_on(line):
                whole += self.end()
            if not line.strip() and not self._open:
                continue
            self._open.append(line)
            self._length += len(line) + 1
            self._has_trace = self._has_trace or _TRACE.match(line) is not None
        return whole

    def end(self) -> list[str]:
        """The open record, whole or not; none if nothing came."""
        record = "\n".join(self._open).rstrip()
        self._open, self._length, self._has_trace = [], 0, False
        return [record] if record else []

    def _goes_on(self, line: str) -> bool:
        if not self._open or self._length + len(line) > LONGEST_LINE:
            return False
        if has_time(line) or is_object(line) or is_object(self._open[0]):
            return False
        if line.startswith((*_BEFORE, STARTED)):
            return False
        if _TRACE.match(line):
            said = [former for former in self._open if former.strip()]
            if not self._has_trace:
                return _GRAVE.search(said[0]) is not None or said[-1].startswith(_BEFORE)
            # Others are of another error, but for those of a crash in native code.
            return said[-1].lstrip(" |").startswith(_CHAINED) or not line.startswith("Traceback")
        # An error's text may have several lines, of which only the first stands by its name.
        return self._has_trace or line[:1].isspace()
