"""The model repository: versioned, immutable artifacts, each with a manifest.

Files first, manifest last: a version without a manifest does not exist, so a writer may be
killed anywhere and no reader sees half of anything. Which version is current is one small
object, HEAD, moved by compare-and-swap. Nothing else is ever changed in place, and so
readers need no locks and manifests may be cached for ever.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from pydantic import JsonValue

from photosearch.photo_notes import PhotoFailure
from photosearch.repository.addresses import (
    HEAD,
    MANIFEST,
    TOP_FOLDERS,
    Address,
    ArtifactKey,
    Kind,
    require_name,
)
from photosearch.repository.errors import (
    MAKE_AGAIN,
    ArtifactMissing,
    DamagedArtifact,
    HeadMoved,
    StorageError,
)
from photosearch.repository.facts import Facts, facts_of
from photosearch.repository.heads import (
    Current,
    Failing,
    Head,
    changed_head,
    current_in,
    read_head,
    refuse_pinned,
    swap_head,
)
from photosearch.repository.integrity import changed_manifest, contradictions, damages, file_entry
from photosearch.repository.lineage import made_from
from photosearch.repository.manifest import (
    Input,
    Manifest,
    content_version,
    parse_manifest,
    recipe_digest,
)
from photosearch.repository.seal import Seal, seal_of, sealed
from photosearch.repository.storage.opening import open_storage
from photosearch.repository.storage.port import Storage, Stored
from photosearch.repository.storage.several import read_several
from photosearch.repository.watch import Look, Watch
from photosearch.settings.settings import Settings
from photosearch.version import CODE_VERSION
from photosearch.windows import Window

CACHED_MANIFESTS = 32_768


class Repository:
    """Artifacts by address and version. Safe to share between threads."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self._manifests: OrderedDict[ArtifactKey, Manifest] = OrderedDict()
        self._watch = Watch(storage, self._facts)

    @classmethod
    def open(cls, url: str, settings: Settings | None = None) -> "Repository":
        """The repository at a URL; made by the first publish. A bucket's needs the settings."""
        return cls(open_storage(url, settings))

    @classmethod
    def of(cls, settings: Settings) -> "Repository":
        """The repository that the settings name."""
        return cls.open(settings.repository_url, settings)

    def publish(
        self,
        address: Address,
        files: Mapping[str, Path],
        *,
        rows: int,
        dimension: int | None,
        inputs: Sequence[Input],
        recipe: Mapping[str, JsonValue],
        quantiser: str | None = None,
        recall: float | None = None,
        failures: Iterable[PhotoFailure] = (),
        details: Mapping[str, JsonValue] | None = None,
        run_id: str | None = None,
        version: str | None = None,
    ) -> Manifest:
        """Store an artifact; HEAD stays where it is.

        The version follows from the content unless it is given (an embedder's fingerprint, and
        of photos what begins the digest of their report).
        A version that is there already is left alone and its manifest returned; files of it
        that are damaged are put again.

        Raises:
            StorageError: if the disk is full or refuses; then nothing is visible.
        """
        entries = {require_name("a file", name): file_entry(path) for name, path in files.items()}
        digest = recipe_digest(inputs, recipe)
        if version is None:
            version = content_version(
                address.kind, address.window, address.fingerprint, digest, entries
            )
        manifest = Manifest(
            kind=address.kind,
            window=address.window,
            fingerprint=version if address.kind is Kind.EMBEDDER else address.fingerprint,
            version=version,
            rows=rows,
            dimension=dimension,
            files=entries,
            inputs=list(inputs),
            recipe=dict(recipe),
            recipe_digest=digest,
            quantiser=quantiser,
            recall=recall,
            failures=list(failures),
            details=dict(details or {}),
            code_version=CODE_VERSION,
            run_id=run_id,
            created_at=datetime.now(UTC),
        )
        folder, path = address.folder(version), address.manifest_path(version)
        with self.storage.fence(address.path):
            existing, stored = self._judged(address, version)
            # gc must not take what someone just relied on; it may have done so already.
            if existing is not None and self.storage.refresh(path):
                return existing
            if existing is None and stored is not None:  # the very one found damaged
                self.storage.remove(path, stored.tag)
            try:
                ours = self.storage.write_version(
                    folder, files, MANIFEST, sealed(manifest.to_bytes())
                )
            except StorageError:
                with suppress(StorageError):  # what was written of it gives its space back
                    self.storage.delete(f"{folder}/{name}" for name in files)
                raise
            if not ours:
                return self.manifest(address, version)
        return manifest

    def head(self, address: Address) -> Head | None:
        """The current version; None when there never was one.

        Raises:
            DamagedArtifact: if HEAD holds no version.
        """
        return read_head(self.storage, address)

    def move_head(
        self,
        address: Address,
        version: str,
        expected: Head | None,
        failing: Failing | None = None,
    ) -> Head:
        """Make ``version`` current if HEAD is still ``expected``; ``failing`` is what it says of
        photos that can't be had.

        Raises:
            HeadMoved: if it is not.
            HeadPinned: if it is pinned to another version.
            ArtifactMissing: if there is no such version.
        """
        refuse_pinned(address, expected, version)
        pinned_at = None if expected is None else expected.pinned_at
        tag = None if expected is None else expected.tag
        return self._move(address, Current(version, pinned_at, failing), tag)

    def replace_head(self, address: Address, version: str, expected: Head) -> Head:
        """:meth:`move_head` that takes a pin along: for a version that stands for the other.

        Raises:
            HeadMoved: if HEAD is no longer ``expected``.
            ArtifactMissing: if there is no such version.
        """
        return self._move(address, Current(version, expected.pinned_at), expected.tag)

    def set_head(self, address: Address, version: str) -> Head:
        """Make ``version`` current, whatever was; for when the last writer is right anyway.

        Raises:
            HeadPinned: if another version is pinned.
            ArtifactMissing: if there is no such version.
        """
        while True:
            stored = self.storage.read(address.head_path)
            current = None if stored is None else current_in(stored.content)
            if stored is not None and current is not None and current.version == version:
                self._require(address, version)
                return Head(version, stored.tag, current.pinned_at)
            refuse_pinned(address, current, version)
            try:
                return self._move(address, Current(version), None if stored is None else stored.tag)
            except HeadMoved:
                continue

    def rollback(self, address: Address, version: str) -> Head:
        """Make an earlier version current again and pin it, until :meth:`release`.

        Raises:
            ArtifactMissing: if there is no such version, or gc is taking what it was made from.
        """
        self._rely_on(self.manifest(address, version))
        return self._point(address, Current(version, datetime.now(UTC).replace(microsecond=0)))

    def release(self, address: Address) -> Head | None:
        """Let the pipeline move HEAD again; it stays where it is until then. None without HEAD."""
        while True:
            head = self.head(address)
            if head is None or not head.is_pinned:
                return head
            try:
                return self._move(address, Current(head.version), head.tag)
            except HeadMoved:
                continue

    def manifest(self, address: Address, version: str) -> Manifest:
        """The manifest of one version.

        It is the one that was written there: of a version, the address and the digests that
        are in it make the name, and files are believed by these digests.

        Raises:
            ArtifactMissing: if there is none.
            DamagedArtifact, NewerFormat: if it cannot be read, or is another version's.
        """
        key = (address, version)
        found = self._manifests.get(key)
        if found is None:
            found = self._read_manifest(address, version)
            if found is None:
                raise _missing(address, version)
            self._manifests[key] = found
            while len(self._manifests) > CACHED_MANIFESTS:
                self._manifests.popitem(last=False)
        return found

    def manifests(self, keys: Collection[ArtifactKey]) -> dict[ArtifactKey, Manifest]:
        """:meth:`manifest` of many versions, read some at a time.

        Those that are missing or can't be read are left out.

        Raises:
            NewerFormat: if a later release wrote one.
        """
        found: dict[ArtifactKey, Manifest] = {}
        paths = [address.manifest_path(version) for address, version in keys]
        for key, stored in zip(keys, read_several(self.storage, paths), strict=True):
            if stored is not None:
                with suppress(DamagedArtifact):
                    found[key] = _understood(stored.content, *key)
        return found

    def current(self, address: Address) -> Manifest | None:
        """HEAD's manifest; None when nothing is current."""
        head = self.head(address)
        if head is None:
            return None
        try:
            return self.manifest(address, head.version)
        except ArtifactMissing:
            return None

    def versions(self, address: Address) -> list[Manifest]:
        """Every version's manifest, newest first.

        One that can't be read is left out, and verify names it: of the others a person may
        then choose.
        """
        found = []
        for version in self.storage.folders(address.path):
            if self.storage.exists(address.manifest_path(version)):
                with suppress(ArtifactMissing, DamagedArtifact):  # missing: gc has just taken it
                    found.append(self.manifest(address, version))
        return sorted(found, key=lambda manifest: manifest.created_at, reverse=True)

    def heads(self, fingerprint: str | None, kind: Kind) -> dict[Window, str]:
        """The current version of every window of this kind.

        Windows whose HEAD is damaged are left out, so that they are made again.
        """
        current = self.look(fingerprint, kind).current
        return {window: one.version for window, one in current.items()}

    def look(self, fingerprint: str | None, kind: Kind) -> Look:
        """The current versions of all windows of this kind, and what is known of them.

        As long as no HEAD moves it is the look before.
        """
        [look] = self._watch.look(fingerprint, [kind])
        return look

    def write_summaries(self) -> None:
        """Write down what the last looks saw, for processes that start (summaries.py)."""
        self._watch.write_summaries()

    def look_at_both(self, fingerprint: str) -> tuple[Look, Look]:
        """:meth:`look` at embeddings and indexes, for the price of one."""
        embeddings, indexes = self._watch.look(fingerprint, [Kind.EMBEDDINGS, Kind.INDEX])
        return embeddings, indexes

    def local_files(self, address: Address, version: str, *, verify: bool = True) -> Path:
        """The folder with the version's files, each of the size and digest it should have.

        Raises:
            ArtifactMissing: if there is no such version.
            DamagedArtifact: if a file is missing, of another size or of other content.
        """
        manifest = self.manifest(address, version)
        place = address.folder(version)
        folder = self.storage.local_folder(place, manifest.files)
        if verify and any(damages(manifest, folder, address)):
            folder = self.storage.local_folder(place, manifest.files, fresh=True)
            for damage in damages(manifest, folder, address):
                raise damage
        return folder

    def discard(self, address: Address, version: str | None) -> None:
        """Take a version away at once, damaged as a rule, so that it is made again.

        HEAD goes with it if it names this version; with None, HEAD alone goes, unless it
        names a version that is there: then it is written as it should be. What is gone
        already is fine.
        """
        with self.storage.fence(address.path):
            stored = self.storage.read(address.head_path)
            current = None if stored is None else current_in(stored.content)
            named = None if current is None else current.version
            if version is None:
                leads_on = named is not None and self.storage.exists(address.manifest_path(named))
                if stored is not None and not leads_on:
                    self.storage.delete([address.head_path])
                elif stored is not None and current and not current.is_as_written(stored.content):
                    with suppress(HeadMoved):
                        swap_head(self.storage, address, current, stored.tag)
                return
            if stored is not None and version == named:
                self.storage.delete([address.head_path])
            self.storage.delete([address.manifest_path(version)])
            folder = address.folder(version)
            self.storage.delete([file.path for file in self.storage.files(folder)])
        self.forget(address, version)

    def forget(self, address: Address, version: str) -> None:
        """Drop a manifest from the memory of this process; the store is untouched."""
        self._manifests.pop((address, version), None)

    def verify(self) -> Iterator[DamagedArtifact]:
        """Read every file of every version; one error for each that is damaged."""
        for address, version in self.everything():
            yield from self.check(address, version)

    def everything(self) -> Iterator[tuple[Address, str | None]]:
        """Every version that has a manifest, and with None every HEAD; by one listing."""
        for top in TOP_FOLDERS:
            for file in self.storage.files(top):
                found = Address.locate(file.path)
                if found is not None and not file.staged:
                    address, rest = found
                    if rest == HEAD:
                        yield address, None
                    elif rest.endswith(f"/{MANIFEST}"):
                        yield address, rest.removesuffix(f"/{MANIFEST}")

    def has_seal(self, address: Address, version: str) -> bool:
        """Whether a manifest says its own checksum; those of former releases do not."""
        stored = self.storage.read(address.manifest_path(version))
        return stored is None or seal_of(stored.content, Manifest.model_fields) is not Seal.NONE

    def check(self, address: Address, version: str | None) -> Iterator[DamagedArtifact]:
        """Read every file of one version, or HEAD; one error for each that is damaged."""
        try:
            if version is None:
                head = self.head(address)
                if head is not None:
                    self._require(address, head.version)
                yield from changed_head(self.storage, address)
                return
            path = address.manifest_path(version)
            stored = self.storage.read(path)
            manifest = None if stored is None else parse_manifest(stored.content, path)
        except DamagedArtifact as damage:
            yield damage
        except ArtifactMissing as missing:
            yield DamagedArtifact(
                f"{address.head_path} names a version that is not there",
                found=missing.what,
                remedy=MAKE_AGAIN,
            )
        else:
            if stored is not None and manifest is not None:  # else gc took it since it was listed
                found = list(contradictions(manifest, address, version))
                yield from found or changed_manifest(stored.content, path)
                place = address.folder(version)
                with self.storage.using():
                    folder = self.storage.local_folder(place, manifest.files, fresh=True)
                    yield from damages(manifest, folder, address)

    def _point(self, address: Address, current: Current) -> Head:
        """Make HEAD say ``current``, whatever it said and whoever moves it meanwhile."""
        while True:
            stored = self.storage.read(address.head_path)
            try:
                return self._move(address, current, None if stored is None else stored.tag)
            except HeadMoved:
                continue

    def _rely_on(self, manifest: Manifest) -> None:
        """Make young again what an old version was made from, so that gc lets all of it be."""
        todo, seen = [*made_from(manifest)], set()
        while todo:
            address, version = todo.pop()
            if (address, version) in seen:
                continue
            seen.add((address, version))
            is_there = self.storage.refresh(address.manifest_path(version))
            if address.window is None or address.kind is Kind.PHOTOS:
                # An embedder or a quantiser: shared by many, and kept for them. A report tells of
                # what was made, and nobody serves it.
                continue
            if not is_there:
                raise _missing(address, version)
            todo += made_from(self.manifest(address, version))

    def _move(self, address: Address, current: Current, expected: str | None) -> Head:
        with self.storage.fence(address.path):  # gc deletes manifests behind this fence
            # Where there are no fences, gc and this both change the manifest, and one sees it.
            if not self.storage.refresh(address.manifest_path(current.version)):
                raise _missing(address, current.version)
            return swap_head(self.storage, address, current, expected)

    def _facts(self, keys: Collection[ArtifactKey]) -> dict[ArtifactKey, Facts]:
        # Not kept whole: of a year they would fill memory, and few are ever asked for.
        return {key: facts_of(manifest) for key, manifest in self.manifests(keys).items()}

    def _require(self, address: Address, version: str) -> None:
        # From the store, never from the cache: gc may have taken it.
        if not self.storage.exists(address.manifest_path(version)):
            raise _missing(address, version)

    def _read_manifest(self, address: Address, version: str) -> Manifest | None:
        path = address.manifest_path(version)
        stored = self.storage.read(path)
        return None if stored is None else _understood(stored.content, address, version)

    def _judged(self, address: Address, version: str) -> tuple[Manifest | None, Stored | None]:
        """The manifest if all of the version is there and undamaged; and what is stored."""
        path = address.manifest_path(version)
        stored = self.storage.read(path)
        if stored is None:
            return None, None
        try:
            manifest = _understood(stored.content, address, version)
        except DamagedArtifact:
            return None, stored
        folder = self.storage.local_folder(address.folder(version), manifest.files, fresh=True)
        return (None if any(damages(manifest, folder, address)) else manifest), stored


def _understood(content: bytes, address: Address, version: str) -> Manifest:
    manifest = parse_manifest(content, address.manifest_path(version))
    for damage in contradictions(manifest, address, version):
        raise damage
    return manifest


def _missing(address: Address, version: str) -> ArtifactMissing:
    return ArtifactMissing(
        f"there is no version {version} of {address}",
        remedy="make it, or ask for one of the versions that are there",
    )
