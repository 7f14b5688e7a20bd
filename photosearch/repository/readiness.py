"""Which indexes can be served, read from HEADs and manifests alone.

A day is stale when one of its hours has a newer version, or when an hour appeared that it
lacks; a month likewise, and also when one of its days is stale, because late listings reach
the month last. A stale window is not served while its finer windows are: they know more.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from photosearch.repository.addresses import Address, Kind
from photosearch.repository.errors import ArtifactMissing
from photosearch.repository.manifest import Manifest
from photosearch.repository.repository import Repository
from photosearch.windows import Window


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

    Cheap enough to poll: one listing, and each manifest is read once in a process's life.
    """
    manifests: dict[Window, Manifest] = {}
    finer: dict[Window, list[Window]] = {}
    for window, version in repository.heads(fingerprint, Kind.INDEX).items():
        try:
            manifests[window] = repository.manifest(Address.index(fingerprint, window), version)
        except ArtifactMissing:
            continue  # discarded: not ready until it is made again
        if (parent := window.parent()) is not None:
            finer.setdefault(parent, []).append(window)
    stale: dict[Window, bool] = {}
    # The shortest first: a month asks whether its days are stale.
    for window in sorted(manifests, key=lambda window: window.end - window.start):
        taken = _taken(manifests[window])
        # What it took and is no longer there does not count: it is all that knows those rows.
        stale[window] = any(
            stale[child] or taken.get(child.key) != manifests[child].version
            for child in finer.get(window, ())
        )
    return {
        window: ReadyIndex(
            version=manifest.version,
            rows=manifest.rows,
            size_bytes=manifest.size_bytes,
            quantiser=manifest.quantiser,
            stale=stale[window],
        )
        for window, manifest in manifests.items()
    }


def _taken(manifest: Manifest) -> Mapping[str, str]:
    """The versions of finer indexes that this one was glued from, by window key."""
    return {
        item.window: item.version
        for item in manifest.inputs
        if item.kind == Kind.INDEX and item.window is not None
    }
