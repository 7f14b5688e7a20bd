"""Which indexes can be served, read from HEADs and manifests alone.

A day is stale when one of its hours has a newer version, or when an hour appeared that it
lacks; a month likewise, and also when one of its days is stale, because late listings reach
the month last. A stale window is not served while its finer windows are: they know more. A pinned
window is never stale: a person wants this version, whatever its finer windows know by now.

The deployer asks every second or two, during a backfill of thousands of windows too. So what
a manifest says is kept for ever, and nothing is worked out again while no HEAD has moved.
"""

from dataclasses import dataclass, field, replace
from weakref import WeakKeyDictionary

from photosearch.repository.addresses import Address, Kind
from photosearch.repository.errors import ArtifactMissing, DamagedArtifact
from photosearch.repository.heads import Current
from photosearch.repository.manifest import Manifest
from photosearch.repository.repository import Repository
from photosearch.windows import Granularity, Window


@dataclass(frozen=True)
class ReadyIndex:
    """One window's current index; ``size_bytes`` of its files together."""

    version: str
    rows: int
    size_bytes: int
    quantiser: str | None
    stale: bool


@dataclass(frozen=True)
class _Known:
    """What a manifest says of a window: ``taken`` are the finer versions it was glued from."""

    fresh: ReadyIndex
    stale: ReadyIndex
    taken: dict[Window, str]
    parent: Window | None


@dataclass
class _Watch:
    """What was seen of one fingerprint by the last call."""

    heads: dict[Window, Current] = field(default_factory=dict)
    known: dict[Window, _Known] = field(default_factory=dict)
    ready: dict[Window, ReadyIndex] = field(default_factory=dict)


_watches: WeakKeyDictionary[Repository, dict[str, _Watch]] = WeakKeyDictionary()


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
    heads = repository.current_versions(fingerprint, Kind.INDEX)
    watches = _watches.setdefault(repository, {})
    last = watches.get(fingerprint, _Watch())
    # Not ready though HEAD names it: it may be made again without HEAD moving.
    if heads != last.heads or len(last.known) < len(heads):
        known = _read(repository, fingerprint, heads, last.known)
        last = watches[fingerprint] = _Watch(heads, known, _judge(known, heads))
    return dict(last.ready)


def _read(
    repository: Repository,
    fingerprint: str,
    heads: dict[Window, Current],
    seen: dict[Window, _Known],
) -> dict[Window, _Known]:
    known: dict[Window, _Known] = {}
    for window, (version, *_) in heads.items():
        found = seen.get(window)
        if found is None or found.fresh.version != version:
            try:
                manifest = repository.manifest(Address.index(fingerprint, window), version)
            except (ArtifactMissing, DamagedArtifact):
                continue
            found = _of(manifest, window)
        known[window] = found
    return known


def _judge(known: dict[Window, _Known], heads: dict[Window, Current]) -> dict[Window, ReadyIndex]:
    finer: dict[Window, list[Window]] = {}
    for window, facts in known.items():
        if facts.parent is not None:
            finer.setdefault(facts.parent, []).append(window)
    ready: dict[Window, ReadyIndex] = {}
    # Finest first: a month asks whether its days are stale.
    for granularity in Granularity:
        for window, facts in known.items():
            if window.granularity is granularity:
                # A version that was taken and has no HEAD any more makes nothing stale:
                # this window is then all that knows those rows.
                is_stale = not heads[window].is_pinned and any(
                    ready[child].stale or facts.taken.get(child) != ready[child].version
                    for child in finer.get(window, ())
                )
                ready[window] = facts.stale if is_stale else facts.fresh
    return ready


def _of(manifest: Manifest, window: Window) -> _Known:
    fresh = ReadyIndex(
        version=manifest.version,
        rows=manifest.rows,
        size_bytes=manifest.size_bytes,
        quantiser=manifest.quantiser,
        stale=False,
    )
    taken = {
        item.window: item.version
        for item in manifest.inputs
        if item.kind == Kind.INDEX and item.window is not None
    }
    return _Known(fresh, replace(fresh, stale=True), taken, window.parent())
