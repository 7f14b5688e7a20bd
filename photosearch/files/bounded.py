"""A folder bounded in size: what was used longest ago goes, and what is leased is spared.

To know such a folder's size all of it has to be looked at. When that is worth it, and how far below
the bound a cleaning goes so that the next is far off, is for each folder's owner to say.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from photosearch.files.leases import names_kept

_AT_ONCE = 1000
"""Entries removed while nobody can lease any: some 10 ms, if they are files."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A part of the folder that goes as a whole; ``lease`` is its name among those leased."""

    path: Path
    lease: str
    size: int
    used_at: float


def make_room(
    entries: Iterable[Entry],
    excess: float,
    remove: Callable[[Path], object],
    *,
    leases: Path | None = None,
) -> list[Entry]:
    """Remove those used longest ago until ``excess`` of their size is gone; which went.

    ``leases`` is the folder of leases on them, if there is one.
    """
    return _remove(sorted(entries, key=lambda entry: entry.used_at), excess, remove, leases)


def remove_all(
    entries: Sequence[Entry], remove: Callable[[Path], object], *, leases: Path | None = None
) -> list[Entry]:
    """Remove all that are not leased; which went."""
    return _remove(entries, math.inf, remove, leases)


def _remove(
    entries: Sequence[Entry],
    excess: float,
    remove: Callable[[Path], object],
    leases: Path | None,
) -> list[Entry]:
    gone: list[Entry] = []
    for start in range(0, len(entries), _AT_ONCE):
        if excess <= 0:
            break
        nobody = nullcontext(frozenset[str]())
        with nobody if leases is None else names_kept(leases) as spared:
            for entry in entries[start : start + _AT_ONCE]:
                if excess <= 0:
                    break
                if entry.lease not in spared:
                    remove(entry.path)
                    gone.append(entry)
                    excess -= entry.size
    return gone
