"""Where a listing is: every version, whole or half-written, that holds one of its rows.

Bytes are searched, not tables read: it finds a row in a file that is cut off or damaged as
well, and takes a hundredth of the time. A version also holds a listing when its manifest
tells why one of the photos could not be used.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from itertools import chain

import numpy as np

from index_grpc.index.bfloat16 import to_bfloat16
from index_grpc.index.index_files import ROWS, VECTORS
from index_grpc.index.rows import Row
from photosearch.images.reports import PHOTOS
from photosearch.repository.addresses import HEAD, MANIFEST, Address, ArtifactKey, Kind
from photosearch.repository.errors import ArtifactMissing, DamagedArtifact
from photosearch.repository.manifest import Manifest
from photosearch.repository.repository import Repository
from photosearch_operations.erasure.known_vectors import KnownVectors

REPORTS = "photos"
_TOPS = (REPORTS, "windows")
_LINES = (f"/{ROWS}", f"/{PHOTOS}")


@dataclass(frozen=True)
class Needles:
    """What a listing looks like in a file of rows, and in a list of failed photos.

    A row is its listing's, whatever its photo: a shop may since have given the photo, with its
    id, to another listing, and that row is the other's own.
    """

    row: bytes
    photo_ids: frozenset[str]

    @classmethod
    def of(cls, listing_id: str, photo_ids: Collection[str]) -> "Needles":
        return cls(b'"listing_id":' + json.dumps(listing_id).encode(), frozenset(photo_ids))

    def are_in(self, content: bytes) -> bool:
        return self.row in content

    def rows_in(self, content: bytes) -> list[int]:
        """The numbers of the listing's rows in the content of a ``rows.jsonl``."""
        if not self.are_in(content):
            return []
        lines = content.split(b"\n")
        return [number for number, line in enumerate(lines) if self.are_in(line)]

    def failed_in(self, manifest: Manifest) -> bool:
        return not self.photo_ids.isdisjoint(manifest.photos_told_of)


@dataclass(frozen=True)
class Trace:
    """A version that holds the listing; ``rows`` are the numbers of its rows there.

    ``manifest`` is None for what a killed writer left.
    """

    address: Address
    version: str
    manifest: Manifest | None
    rows: tuple[int, ...]
    paths: tuple[str, ...]


def find_traces(
    repository: Repository,
    needles: Needles,
    vectors: KnownVectors | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    tops: Iterable[str] = _TOPS,
) -> dict[ArtifactKey, Trace]:
    """Every version below some of the repository's folders that holds the listing.

    ``vectors`` are its own: half a version may have them without ids.
    """
    by_version: defaultdict[ArtifactKey, list[str]] = defaultdict(list)
    for file in chain.from_iterable(map(repository.storage.files, tops)):
        located = Address.locate(file.path)
        if located is None:
            continue
        version, separator, _ = located[1].partition("/")
        if separator and version != HEAD:
            by_version[located[0], version].append(file.path)
    found: dict[ArtifactKey, Trace] = {}
    for done, ((address, version), paths) in enumerate(by_version.items(), 1):
        trace = _trace(repository, address, version, paths, needles, vectors)
        if trace is not None:
            found[address, version] = trace
        if on_progress is not None:
            on_progress(done, len(by_version))
    return found


def read_rows(repository: Repository, traces: Iterable[Trace], needles: Needles) -> list[Row]:
    """The listing's rows in these versions."""
    found: set[Row] = set()
    for trace in traces:
        content = _rows_of(repository, trace.paths)
        for line in content.split(b"\n"):
            if needles.are_in(line):
                try:
                    found.add(Row.from_json(line))
                except ValueError:
                    continue  # cut off
    return sorted(found)


def are_shared(repository: Repository, contents: Collection[str]) -> bool:
    """Whether a row that is there has one of these photos, by the SHA-256 of its bytes."""
    needles = [digest.encode() for digest in contents]
    return any(
        needle in _read(repository, file.path)
        for file in repository.storage.files("windows")
        if file.path.endswith(f"/{ROWS}")
        for needle in needles
    )


def read_vectors(repository: Repository, traces: Iterable[Trace]) -> set[bytes]:
    """The listing's vectors in these versions, each as the bytes that lie in the file.

    Of a vector of embeddings, float32, also its bfloat16, as an index has it.
    """
    found: set[bytes] = set()
    for trace in traces:
        if not trace.rows or trace.manifest is None or trace.address.kind is Kind.PHOTOS:
            continue
        folder = repository.local_files(trace.address, trace.version, verify=False)
        try:
            vectors = np.load(folder / VECTORS, mmap_mode="r", allow_pickle=False)
            for row in trace.rows:
                found.add(vectors[row].tobytes())
                if vectors.dtype == np.float32:
                    found.add(to_bfloat16(vectors[row]).tobytes())
        except (OSError, ValueError, IndexError):
            continue  # damaged: it goes all the same
    return found


def _trace(
    repository: Repository,
    address: Address,
    version: str,
    paths: list[str],
    needles: Needles,
    vectors: KnownVectors | None,
) -> Trace | None:
    manifest = None
    if any(path.endswith(f"/{MANIFEST}") for path in paths):
        try:
            manifest = repository.manifest(address, version)
        except (ArtifactMissing, DamagedArtifact):
            manifest = None
    if manifest is not None:
        rows = needles.rows_in(_rows_of(repository, paths))
        if not rows and not needles.failed_in(manifest):
            return None
        return Trace(address, version, manifest, tuple(rows), tuple(paths))
    for path in paths:
        content = _read(repository, path)
        if needles.are_in(content) or (vectors is not None and vectors.are_in(content)):
            return Trace(address, version, None, (), tuple(paths))
    return None


def _rows_of(repository: Repository, paths: Iterable[str]) -> bytes:
    """The rows of a version by the paths of its files; in a bucket there may be copies."""
    found = [_read(repository, path) for path in paths if path.endswith(_LINES)]
    return max(found, key=len, default=b"")


def _read(repository: Repository, path: str) -> bytes:
    stored = repository.storage.read(path)
    return b"" if stored is None else stored.content
