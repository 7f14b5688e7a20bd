"""Whether anybody may have written to a SQLite file, by the times and sizes of its files."""

import time
from collections.abc import Hashable
from pathlib import Path

_BESIDE = ("", "-wal", "-journal")
_SETTLED_NS = 2_000_000_000
"""What was written to more recently may be written to again without its time telling."""


def mark_of(file: Path) -> Hashable:
    """What is another one whenever the file may hold something else; None if in doubt."""
    marks: list[Hashable] = []
    for ending in _BESIDE:
        try:
            status = file.with_name(f"{file.name}{ending}").stat()
        except FileNotFoundError:
            marks.append(None)
            continue
        if time.time_ns() - status.st_mtime_ns < _SETTLED_NS:
            return None
        marks.append((status.st_ino, status.st_mtime_ns, status.st_size))
    return tuple(marks) if marks[0] is not None else None
