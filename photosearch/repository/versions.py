"""The versions of one window's index: which there are, which answers, what made them differ.

Going back is only safe among versions that a server may put into one searcher with the rest:
of the current embedder, under the current quantiser, and good enough to have been served. A
version that is not is refused here, with the reason, and not found out by a server.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from photosearch.repository.addresses import Address, ArtifactKey, Kind
from photosearch.repository.errors import ArtifactMissing, DamagedArtifact, RepositoryError
from photosearch.repository.heads import Head
from photosearch.repository.manifest import Input, Manifest
from photosearch.repository.readiness import current_fingerprint
from photosearch.repository.repository import Repository
from photosearch.terminal.wording import counted, first_of
from photosearch.windows import Window

_SHOWN = 6
_DIGITS_ENOUGH = 4


class RollbackRefused(RepositoryError):
    """A version that must not be made current."""


@dataclass(frozen=True)
class VersionLine:
    """One version; ``differs`` says what it was made from that the current one was not."""

    manifest: Manifest
    is_current: bool
    pinned_at: datetime | None
    is_held: bool
    differs: tuple[str, ...]


def index_address(repository: Repository, window: Window) -> Address:
    """The address of the window's index under the current embedder.

    Raises:
        RepositoryError: if there is no embedder yet.
    """
    fingerprint = current_fingerprint(repository)
    if fingerprint is None:
        raise RepositoryError(
            "there is no embedder yet, and so no index",
            remedy="run 'photosearch materialize'",
        )
    return Address.index(fingerprint, window)


def version_lines(
    repository: Repository, address: Address, held: Collection[ArtifactKey] = ()
) -> list[VersionLine]:
    """Every version of an address, newest first; ``held`` are those in index servers.

    Under a damaged HEAD none is current.
    """
    head = head_if_sound(repository, address)
    manifests = repository.versions(address)
    current = next((m for m in manifests if head is not None and m.version == head.version), None)
    base = current or (manifests[0] if manifests else None)
    return [
        VersionLine(
            manifest,
            is_current=manifest is current,
            pinned_at=head.pinned_at if head is not None and manifest is current else None,
            is_held=(address, manifest.version) in held,
            differs=() if base is None else differences(manifest, base),
        )
        for manifest in manifests
    ]


def head_if_sound(repository: Repository, address: Address) -> Head | None:
    """HEAD; None also of a damaged one, which to roll back is to mend."""
    try:
        return repository.head(address)
    except DamagedArtifact:
        return None


def differences(manifest: Manifest, base: Manifest) -> tuple[str, ...]:
    """In words, what ``manifest`` was made from that ``base`` was not."""
    mine, theirs = _by_place(manifest.inputs), _by_place(base.inputs)
    found = []
    for kind in sorted({kind for kind, _ in [*mine, *theirs]}):
        places = sorted(
            {
                place
                for place in [*mine, *theirs]
                if place[0] == kind and mine.get(place) != theirs.get(place)
            },
            key=lambda place: str(place[1] or ""),
        )
        if places:
            found.append(_in_words(kind, places, mine))
    if manifest.recipe != base.recipe:
        found.append("recipe")
    return tuple(found)


def find_version(repository: Repository, address: Address, named: str) -> Manifest:
    """The version that ``named`` names: all of it, or the beginning if only one begins so.

    Raises:
        ArtifactMissing: if there is none, or it is under another embedder, or there are two.
    """
    manifests = repository.versions(address)
    found = [m for m in manifests if m.version == named]
    if not found and len(named) >= _DIGITS_ENOUGH:
        found = [m for m in manifests if m.version.startswith(named)]
    if len(found) == 1:
        return found[0]
    if found:
        raise ArtifactMissing(
            f"several versions of {address} begin with {named}",
            found=", ".join(m.version for m in found),
            remedy="give more of it",
        )
    for other in other_fingerprints(repository, address):
        if any(m.version == named for m in repository.versions(other)):
            raise RollbackRefused(
                f"version {named} was made by another embedder",
                found=str(other.fingerprint),
                limit=str(address.fingerprint),
                remedy="go back to that embedder, then to this version",
            )
    there = first_of((m.version for m in manifests), _SHOWN)
    raise ArtifactMissing(
        f"{address.window} has no version {named}",
        found=there or "no version at all",
        remedy=f"'photosearch versions {address.window}' lists them",
    )


def other_fingerprints(repository: Repository, address: Address) -> list[Address]:
    """The same window's indexes under other embedders."""
    assert address.window is not None
    return [
        Address.index(fingerprint, address.window)
        for fingerprint in repository.storage.folders("windows")
        if fingerprint != address.fingerprint
        and repository.storage.folders(Address.index(fingerprint, address.window).path)
    ]


def roll_back(
    repository: Repository, address: Address, manifest: Manifest, *, recall_target: float
) -> Head:
    """Make ``manifest`` current and pin it, if it may be served.

    Raises:
        RollbackRefused: if it is under another quantiser than the current one, missed the
            recall, or a pinned coarser window would go on answering in its stead.
        DamagedArtifact: if its files are not what they were.
    """
    assert address.fingerprint is not None
    quantiser = repository.head(Address.quantisers(address.fingerprint))
    current = None if quantiser is None else quantiser.version
    if manifest.quantiser != current:
        raise RollbackRefused(
            f"version {manifest.version} of {address.window} is under another quantiser",
            found=manifest.quantiser or "none: it is exact",
            limit=current or "none: indexes are exact",
            remedy="choose a version of the current quantiser",
        )
    if manifest.recall is not None and manifest.recall < recall_target:
        raise RollbackRefused(
            f"version {manifest.version} of {address.window} was never served",
            found=f"recall {manifest.recall:.4f}",
            limit=f"{recall_target:.4f} (recall_target)",
            remedy="choose another version",
        )
    for coarser in _coarser(address):
        head = head_if_sound(repository, coarser)
        if head is not None and head.is_pinned:
            raise RollbackRefused(
                f"{coarser.window} is pinned and would go on answering for {address.window}",
                found=f"version {head.version}",
                remedy=f"run 'photosearch rollback {coarser.window} --release' first",
            )
    repository.local_files(address, manifest.version)  # verified: a server would refuse it
    return repository.rollback(address, manifest.version)


def pinned_windows(repository: Repository, fingerprint: str) -> dict[Window, str]:
    """The windows whose index is pinned, and to which version."""
    current = repository.look(fingerprint, Kind.INDEX).current
    return {window: one.version for window, one in sorted(current.items()) if one.is_pinned}


def _coarser(address: Address) -> list[Address]:
    found = []
    window = address.window
    while window is not None and (window := window.parent()) is not None:
        found.append(Address.index(address.fingerprint or "", window))
    return found


def _by_place(inputs: Collection[Input]) -> dict[tuple[str, Window | None], str]:
    return {(item.kind, item.window): item.version for item in inputs}


def _in_words(
    kind: str,
    places: Collection[tuple[str, Window | None]],
    mine: dict[tuple[str, Window | None], str],
) -> str:
    if kind != Kind.INDEX:
        return f"{kind} {', '.join(mine.get(place, 'none') for place in places)}"
    names = [str(window).partition("/")[2] for _, window in places]
    return f"{counted(len(names), 'part')}: {first_of(names, _SHOWN)}"
