"""Which indexes can be served, read from HEADs and manifests alone.

A day is stale when one of its hours has a newer version, or when an hour appeared that it
lacks; a month likewise, and also when one of its days is stale, because late listings reach
the month last. A stale window is not served while its finer windows are: they know more. A pinned
window is never stale: a person wants this version, whatever its finer windows know by now.

The deployer asks every second or two, during a backfill of thousands of windows too. So what
a manifest says is kept for ever, and nothing is worked out again while no HEAD has moved.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from photosearch.repository.addresses import Address, Kind
from photosearch.repository.repository import Repository
from photosearch.repository.watch import Look
from photosearch.windows import Granularity, Window


@dataclass(frozen=True)
class ReadyIndex:
    """One window's current index; ``size_bytes`` of its files together."""

    version: str
    rows: int
    size_bytes: int
    quantiser: str | None
    stale: bool


def current_fingerprint(repository: Repository) -> str | None:
    """The fingerprint of the current embedder; None before there is one."""
    head = repository.head(Address.embedders())
    return None if head is None else head.version


def ready_indexes(repository: Repository, fingerprint: str) -> dict[Window, ReadyIndex]:
    """Every window that has a current index under ``fingerprint``.

    A HEAD whose manifest is gone or unreadable counts as not ready: it is made again, and
    until then the windows around it answer.

    Raises:
        NewerFormat: if a later release wrote a manifest.
    """
    return dict(ready_in(repository.look(fingerprint, Kind.INDEX)))


def ready_in(look: Look) -> Mapping[Window, ReadyIndex]:
    """:func:`ready_indexes` as of a look at indexes."""
    return look.once(_judged)


def _judged(look: Look) -> Mapping[Window, ReadyIndex]:
    finer: dict[Window, list[Window]] = {}
    for window in look.facts:
        parent = window.parent()
        if parent is not None:
            finer.setdefault(parent, []).append(window)
    ready: dict[Window, ReadyIndex] = {}
    # Finest first: a month asks whether its days are stale.
    for granularity in Granularity:
        for window, facts in look.facts.items():
            if window.granularity is granularity:
                taken = dict(facts.taken)
                # A version that was taken and has no HEAD any more makes nothing stale:
                # this window is then all that knows those rows.
                is_stale = not look.current[window].is_pinned and any(
                    ready[child].stale or taken.get(child) != ready[child].version
                    for child in finer.get(window, ())
                )
                ready[window] = ReadyIndex(
                    facts.version, facts.rows, facts.size_bytes, facts.quantiser, is_stale
                )
    return ready
