"""Whether what was erased is still nowhere: the proof behind a receipt.

Receipts hold digests, so nothing can be looked up; instead every row's ids and every vector
that there is are hashed and compared. Nothing is read when nothing was ever erased.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain

from index_grpc.index.index_files import ROWS, VECTORS
from index_grpc.shipping.contents import serving_images
from photosearch.errors import PhotosearchError
from photosearch.files.walk import content_of, files_below
from photosearch.images.cache import ImageCache
from photosearch.images.reports import PHOTOS
from photosearch.oci.errors import ImageMissing
from photosearch.oci.layout.layout import LayoutRegistry
from photosearch.oci.opening import open_registry
from photosearch.oci.registry import ImageRegistry
from photosearch.repository.addresses import Address
from photosearch.repository.erasures import (
    Receipt,
    changed_receipts,
    digest_of,
    receipt_path,
    receipts,
)
from photosearch.repository.errors import ArtifactMissing, DamagedArtifact, NewerFormat
from photosearch.repository.repository import Repository
from photosearch.settings.settings import Settings
from photosearch.terminal.wording import counted
from photosearch_operations.erasure.known_vectors import rows_with
from photosearch_operations.erasure.on_this_machine import Places
from photosearch_operations.erasure.sources import sources_again
from photosearch_operations.erasure.strips_left import strips_left

_LISTING = re.compile(rb'"listing_id":"((?:[^"\\]|\\.)*)","photo_id":')
_SHA256 = re.compile(rb'"sha256":"([0-9a-f]{64})"')
_LONGEST_LINE = 1 << 20


@dataclass(frozen=True)
class _Erased:
    """What all receipts say together: digests."""

    listings: frozenset[str]
    photos: frozenset[str]
    contents: frozenset[str]
    vectors: frozenset[str]
    layers: frozenset[str]

    @classmethod
    def of(cls, found: Iterable[Receipt]) -> "_Erased":
        done = list(found)
        return cls(
            frozenset(receipt.listing for receipt in done),
            frozenset(d for receipt in done for d in receipt.photos),
            frozenset(d for receipt in done for d in receipt.contents),
            frozenset(d for receipt in done for d in receipt.vectors),
            frozenset(d for receipt in done for d in receipt.layers),
        )

    def rows_in(self, content: bytes) -> int:
        """How many rows in some bytes are of a listing that was erased."""
        return sum(
            digest_of(_plain(listing)) in self.listings for listing in _LISTING.findall(content)
        )

    def shared(self, content: bytes) -> set[str]:
        """Photos that were erased, and that rows of other listings have as well."""
        return {sha.decode() for sha in _SHA256.findall(content)} & self.contents


def still_there(settings: Settings, *, looked_at: list[str] | None = None) -> Iterator[str]:
    """One line for everything of an erased listing that is found somewhere.

    None of it is discarded here: running the erasure again does that, and proves it.
    ``looked_at`` is told what was searched.
    """
    looked = [] if looked_at is None else looked_at
    repository = Repository.of(settings)
    yield from changed_receipts(repository.storage)
    try:
        found = receipts(repository.storage)
    except (DamagedArtifact, NewerFormat):  # told with the changed ones
        return
    if not found:
        return
    for receipt in found:
        yield from _unfinished(repository, receipt)
    erased = _Erased.of(receipt for receipt in found if receipt.finished_at is not None)
    shared: set[str] = set()
    yield from _in_repository(repository, erased, shared)
    yield from _in_cache(settings, erased, shared)
    yield from _in_files(settings, erased)
    yield from _in_images(settings, erased)
    finished = [receipt for receipt in found if receipt.finished_at is not None]
    looked.append(f"{counted(len(found), 'receipt')} of erasures")
    yield from strips_left(settings, finished, looked)
    yield from sources_again(settings, finished)


def _unfinished(repository: Repository, receipt: Receipt) -> Iterator[str]:
    path = receipt_path(receipt.listing)
    if receipt.finished_at is None:
        yield f"{path}: the erasure is not finished; run 'photosearch erase' for it again"
        return
    for removed in receipt.removed:
        if repository.storage.exists(f"{removed.address}/{removed.version}/manifest.json"):
            yield f"{path}: the version {removed.address}/{removed.version} is there again"


def _in_repository(repository: Repository, erased: _Erased, shared: set[str]) -> Iterator[str]:
    for file in chain.from_iterable(map(repository.storage.files, ("photos", "windows"))):
        folder, _, name = file.path.rpartition("/")
        if name not in (ROWS, PHOTOS, VECTORS):
            continue
        stored = repository.storage.read(file.path)
        content = b"" if stored is None else stored.content
        if name != VECTORS:
            count = erased.rows_in(content)
            shared |= erased.shared(content) if not count else set()
            if count:
                yield f"{file.path}: {count} rows of a listing that was erased"
        elif erased.vectors:
            rows = repository.storage.read(f"{folder}/{ROWS}")
            lines = [] if rows is None else rows.content.split(b"\n")
            for number in rows_with(content, erased.vectors):
                line = lines[number] if number < len(lines) else b""
                # The same photo in another listing has the same vector, which is its own.
                if not erased.shared(line) or erased.rows_in(line):
                    yield f"{file.path}: row {number} is the vector of a photo that was erased"
    for address, version in repository.everything():
        if version is not None and address.window is not None:
            yield from _in_manifest(repository, address, version, erased)


def _in_manifest(
    repository: Repository, address: Address, version: str, erased: _Erased
) -> Iterator[str]:
    try:
        manifest = repository.manifest(address, version)
    except (ArtifactMissing, DamagedArtifact):
        return  # told by verify itself
    if any(digest_of(photo_id) in erased.photos for photo_id in manifest.photos_told_of):
        yield f"{address.manifest_path(version)}: tells of a photo that was erased"


def _in_cache(settings: Settings, erased: _Erased, shared: set[str]) -> Iterator[str]:
    cache = ImageCache.of(settings)
    for entry in cache.entries():
        digest = hashlib.sha256(content_of(entry)).hexdigest()
        if digest in erased.contents - shared:
            yield f"{entry}: a copy of a photo that was erased"


def _in_files(settings: Settings, erased: _Erased) -> Iterator[str]:
    roots = [
        *Places(settings).work_folders(),
        settings.unpacked_images_dir,
        settings.artifacts_dir,
    ]
    for root in roots:
        for path in sorted(path for path in files_below(root) if path.name in (ROWS, PHOTOS)):
            if erased.rows_in(content_of(path)):
                yield f"{path}: rows of a listing that was erased"


def _in_images(settings: Settings, erased: _Erased) -> Iterator[str]:
    try:
        registry = open_registry(settings)
        # What can't be understood is told by verify itself.
        images = serving_images(registry, lambda _tag, _damage: None)
        digests = {layer.digest for image in images for layer in image.layers}
        if isinstance(registry, LayoutRegistry):
            digests |= set(registry.blobs())
        else:  # it lists none, but those that were deleted are known
            digests |= {one for one in erased.layers if registry.blob_size(one) is not None}
        for digest in sorted(digests):
            if _blob_rows(registry, digest, erased):
                yield f"{registry.reference(digest)}: rows of a listing that was erased"
    except PhotosearchError as error:
        yield f"the registry can't be searched for what was erased: {error}"


def _blob_rows(registry: ImageRegistry, digest: str, erased: _Erased) -> int:
    count, rest = 0, b""
    # One that is missing is told by verify itself.
    with suppress(ImageMissing), registry.open_blob(digest) as chunks:
        for chunk in chunks:
            whole, _, rest = (rest + chunk).rpartition(b"\n")  # rows are lines
            count += erased.rows_in(whole)
            rest = rest[-_LONGEST_LINE:]
    return count + erased.rows_in(rest)


def _plain(text: bytes) -> str:
    if b"\\" not in text:
        return text.decode("ascii", "replace")
    try:
        return str(json.loads(b'"' + text + b'"'))
    except ValueError:
        return ""
