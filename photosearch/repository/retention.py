"""What the repository may forget.

Needed is what a HEAD names, what a Serving holds, what the retention rule asks for, and all
that these were made from. The rest goes once it is older than the grace period, half-written
versions of killed writers too. The windows of an embedder that is neither the current one, the
next nor the one before are as if they had no HEAD: nothing asks for them.

A publish may run meanwhile. It makes what it relies on young again and holds the address's
fence; here each deletion takes that fence, looks at HEAD and the times once more, and takes
the manifest first, so that nobody ever sees a version with files missing.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from photosearch.repository.addresses import MANIFEST, TOP_FOLDERS, Address, ArtifactKey, Kind
from photosearch.repository.embedder_roles import named_embedders
from photosearch.repository.errors import ArtifactMissing, DamagedArtifact
from photosearch.repository.gc_report import GcReport, Kept, Removed
from photosearch.repository.lineage import made_from
from photosearch.repository.manifest import Manifest
from photosearch.repository.repository import Repository
from photosearch.repository.storage.port import StoredFile
from photosearch.repository.summaries import FOLDER as SUMMARIES
from photosearch.repository.summaries import folder_of

Keep = Callable[[Address, Sequence[Manifest]], Collection[str]]
"""A retention rule: of an address's manifests, newest first, the versions to keep."""


def newest(count: int) -> Keep:
    """The rule that keeps the newest ``count`` versions of every address."""
    return lambda address, manifests: [manifest.version for manifest in manifests[:count]]


NEWEST_TWO = newest(2)

PINNED = "pinned"
CURRENT = "current"
HELD = "held by an index server"
NO_HEAD = "its HEAD is damaged, and nobody knows which version it named"
RULE = "among the newest"
YOUNG = "younger than the grace period"
SOURCE = "something that stays was made from it"
DROPPED = "its embedder is not the current one, the next, nor the one before"
NAMED = "the current, the next or the previous embedder"
BUSY = "it came into use, or is being written"
_REASONS = (PINNED, CURRENT, NAMED, HELD, NO_HEAD, RULE, YOUNG, BUSY)


@dataclass
class _Found:
    """The listing, by version: its files, and its manifest if it has a readable one."""

    files: dict[ArtifactKey, list[StoredFile]] = field(default_factory=dict)
    staged: dict[Address, list[StoredFile]] = field(default_factory=dict)
    manifests: dict[ArtifactKey, Manifest] = field(default_factory=dict)
    embedders: frozenset[str] | None = None

    def written(self, address: Address, manifest: Manifest) -> tuple[float, datetime]:
        """When, for an order: by the store's clock, because writers' clocks may be wrong."""
        path = address.manifest_path(manifest.version)
        files = self.files[address, manifest.version]
        at = next(file.modified_s for file in files if file.path == path)
        return at, manifest.created_at


def collect(
    repository: Repository,
    *,
    keep: Keep = NEWEST_TWO,
    grace: timedelta = timedelta(days=1),
    in_use: Collection[ArtifactKey] = (),
    dry_run: bool = False,
) -> GcReport:
    """Delete what no HEAD, no Serving (``in_use``) and no retention rule needs.

    What these were made from stays too, so that every answer can be traced to its photos, and
    nothing younger than ``grace`` goes. Safe beside running publishes.

    Raises:
        NewerFormat: if a later release has written here: it knows what it needs.
    """
    # By the store's clock: those of the writers, and this machine's, may be wrong.
    oldest_s = repository.storage.now_s() - grace.total_seconds()
    # HEADs before the listing and again after it: something that the listing does not show may
    # be made from a version that was current in between. What becomes current is made young.
    before = _current(repository)
    found = _list(repository)
    needed = _needed(repository, found, keep, in_use, before, oldest_s)
    removed: list[Removed] = []
    kept: list[Kept] = []
    busy: list[Address] = []
    for (address, version), files in found.files.items():
        size_bytes = sum(file.size for file in files)
        if (address, version) in needed:
            kept.append(Kept(address, version, size_bytes, needed[address, version]))
            continue
        whole = (address, version) in found.manifests
        reason = "nothing needs it" if whole else "its writer did not finish it"
        if whole and _is_dropped(address, found.embedders):
            reason = DROPPED
        if not dry_run and not _delete(repository, address, version, oldest_s):
            busy.append(address)
            kept.append(Kept(address, version, size_bytes, BUSY))
            continue
        removed.append(Removed(address, version, size_bytes, reason))
    for address, files in found.staged.items():
        left = [file for file in files if file.modified_s < oldest_s]
        if left and not dry_run:
            left = _delete_staged(repository, address, left)
        if left:
            size_bytes = sum(file.size for file in left)
            removed.append(Removed(address, None, size_bytes, "its writer did not finish it"))
    if not dry_run:
        _delete_summaries(repository, found.embedders)
    return GcReport(removed, kept, busy, dry_run)


def _current(repository: Repository) -> list[ArtifactKey]:
    """What the HEADs name now."""
    current = []
    for address in {address for address, _ in repository.everything()}:
        with suppress(DamagedArtifact):
            head = repository.head(address)
            if head is not None:
                current.append((address, head.version))
    return current


def _list(repository: Repository) -> _Found:
    found = _Found(embedders=named_embedders(repository))
    for top in TOP_FOLDERS:
        for file in repository.storage.files(top):
            located = Address.locate(file.path)
            if located is None:
                continue
            address, rest = located
            version, separator, _ = rest.partition("/")
            if file.staged:
                found.staged.setdefault(address, []).append(file)
            elif separator:
                found.files.setdefault((address, version), []).append(file)
    for key, files in found.files.items():
        if any(file.path.endswith(f"/{MANIFEST}") for file in files):
            try:
                found.manifests[key] = repository.manifest(*key)
            except (ArtifactMissing, DamagedArtifact):
                continue  # what has no readable manifest does not exist
    return found


def _needed(
    repository: Repository,
    found: _Found,
    keep: Keep,
    in_use: Collection[ArtifactKey],
    before: Collection[ArtifactKey],
    oldest_s: float,
) -> dict[ArtifactKey, str]:
    """What has to stay, and why."""
    by_address: dict[Address, list[Manifest]] = {}
    for (address, _), manifest in found.manifests.items():
        by_address.setdefault(address, []).append(manifest)
    todo: list[tuple[ArtifactKey, str]] = [(key, HELD) for key in in_use]
    todo += [((Address.embedders(), one), NAMED) for one in found.embedders or ()]
    # Current still, as a rule, and then for that reason.
    todo += [(key, BUSY) for key in before if not _is_dropped(key[0], found.embedders)]
    for address, manifests in by_address.items():
        if _is_dropped(address, found.embedders):
            continue
        manifests.sort(key=lambda manifest: found.written(address, manifest), reverse=True)
        todo += [((address, version), RULE) for version in keep(address, manifests)]
    for address in {address for address, _ in found.files}:
        try:
            head = repository.head(address)
        except DamagedArtifact:
            # Nobody knows which version it named: keep them all until a person chose.
            todo += [((address, m.version), NO_HEAD) for m in by_address.get(address, [])]
            continue
        if head is not None and (head.is_pinned or not _is_dropped(address, found.embedders)):
            todo.append(((address, head.version), PINNED if head.is_pinned else CURRENT))
    young = [key for key, files in found.files.items() if not _all_older(files, oldest_s)]
    todo += [(key, YOUNG) for key in young]
    # The strongest reason last, to be popped first; what is needed for another's sake at the end.
    todo.sort(key=lambda item: _REASONS.index(item[1]), reverse=True)
    needed: dict[ArtifactKey, str] = {}
    sources: list[ArtifactKey] = []
    while todo or sources:
        key, reason = todo.pop() if todo else (sources.pop(), SOURCE)
        if key not in needed:
            needed[key] = reason
            if key in found.manifests:
                sources += made_from(found.manifests[key])
    return needed


def _delete(repository: Repository, address: Address, version: str, oldest_s: float) -> bool:
    """Delete one version unless it came into use; False if its address is being written."""
    storage = repository.storage
    with storage.fence(address.path, wait=False) as ours:
        if not ours:
            return False
        path = address.manifest_path(version)
        stored = storage.read(path)  # first: whoever relies on it from now on changes its tag
        files = storage.files(address.folder(version))
        head = repository.head(address)
        if not _all_older(files, oldest_s):
            return False
        if address.kind is Kind.EMBEDDER and version in (named_embedders(repository) or ()):
            return False
        if head is not None and head.version == version:
            if head.is_pinned or not _is_dropped(address, named_embedders(repository)):
                return False
            # Before the version: one killed in between leaves no HEAD that names nothing.
            storage.delete([address.head_path])
        if stored is not None and not storage.remove(path, stored.tag):
            return False
        storage.delete([file.path for file in files if file.path != path])
    repository.forget(address, version)
    return True


def _delete_staged(
    repository: Repository, address: Address, listed: Sequence[StoredFile]
) -> list[StoredFile]:
    """Delete staged files; those that went.

    Where deletions have been going on for minutes, a tombstone that was listed may be a version
    again, and a bucket deletes without looking: so each version is looked at just before.
    """
    gone: list[StoredFile] = []
    by_version: defaultdict[str, list[StoredFile]] = defaultdict(list)
    for file in listed:
        version, separator, _ = file.path.removeprefix(f"{address.path}/").partition("/")
        by_version[version if separator else ""].append(file)
    for version, files in by_version.items():
        if version:
            now = {file.path: file for file in repository.storage.files(address.folder(version))}
            files = [file for file in files if now.get(file.path) == file]
        repository.storage.delete([file.path for file in files])
        gone += files
    return gone


def _delete_summaries(repository: Repository, embedders: frozenset[str] | None) -> None:
    """Delete what was written down of windows that nobody asks for any more."""
    if embedders is None:
        return
    storage, kept = repository.storage, {folder_of(one) for one in (None, *embedders)}
    for folder in (f"{SUMMARIES}/{name}" for name in storage.folders(SUMMARIES)):
        if folder not in kept:
            storage.delete([file.path for file in storage.files(folder)])


def _is_dropped(address: Address, embedders: frozenset[str] | None) -> bool:
    """Whether no embedder in ``embedders`` (None: unknown) made what lies there."""
    fingerprint = address.fingerprint
    return embedders is not None and fingerprint is not None and fingerprint not in embedders


def _all_older(files: Sequence[StoredFile], oldest_s: float) -> bool:
    return all(file.modified_s < oldest_s for file in files)
