"""The shelf of the repository's tests in a bucket.

Its paths read and write objects as a person would who goes behind the repository's back, by
the paths of a folder repository, so that one test damages a folder and a bucket alike. A store
lets nobody set an object's time; what a test wants old is told as older by the storage.
"""

from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from types import SimpleNamespace

import obstore

from photosearch.object_store import open_object_store
from photosearch.repository.addresses import HEAD, MANIFEST, Address
from photosearch.repository.manifest import Manifest
from photosearch.repository.repository import Repository
from photosearch.repository.storage.bucket import ObjectStorage, placed
from photosearch.repository.storage.port import StoredFile
from photosearch.repository.storage.written_by import writer_of
from tests.repository.artifacts import HOUR, Shelf
from tests.stores.buckets import Bucket

_RESOLUTION_S = 1.0


class AgedStorage(ObjectStorage):
    """Tells objects older than they are: ``ages`` has seconds by object and etag."""

    ages: dict[str, dict[str, float]] = {}  # noqa: RUF012 (shared on purpose)

    def now_s(self) -> float:
        # Stores tell whole seconds; without this nothing would be older than "now".
        return super().now_s() + _RESOLUTION_S

    def files(self, folder: str) -> list[StoredFile]:
        return [
            replace(file, modified_s=file.modified_s - ages.get(self.tag(file.path), 0))
            if (ages := self.ages.get(f"{self.url}/{file.path}"))
            else file
            for file in super().files(folder)
        ]

    def tag(self, path: str) -> str:
        """What changes whenever the object is put again."""
        return obstore.head(self._store, placed(path))["e_tag"] or ""


class BucketShelf(Shelf):
    """A repository in a bucket."""

    def __init__(self, bucket: Bucket, work: Path) -> None:
        self.bucket = bucket
        self.settings = bucket.settings(work / "state", models_url=f"{bucket.url}/models")
        self.store = open_object_store(self.settings.repository_url, self.settings)
        super().__init__(BucketPath(self, ""), work)  # type: ignore[arg-type]

    def storage(self) -> ObjectStorage:
        return AgedStorage(self.settings.repository_url, self.settings)

    def reopened(self) -> Repository:
        return Repository(self.storage())

    def beside(self, name: str) -> "BucketShelf":
        return BucketShelf(self.bucket, self.work / name)

    def version_folder(self, manifest: Manifest, address: Address = HOUR) -> Path:
        return BucketPath(self, address.folder(manifest.version))  # type: ignore[return-value]

    def names(self) -> set[str]:
        found = set()
        for file in self.storage().files(""):
            if file.staged and file.path.endswith(MANIFEST):
                continue  # a tombstone, which no reader sees
            path = PurePosixPath(file.path)
            is_writers = len(path.parts) > 2 and _is_writers_name(path.parts[-2], path.name)
            found.add(str(path.parent.parent / path.name if is_writers else path))
        return {name for name in found if not name.startswith(("clock", "heads/"))}

    def make_old(self, path: Path, days: float = 3) -> None:
        storage = AgedStorage(self.settings.repository_url, self.settings)
        for file in storage.files(""):
            if file.path.startswith(str(path)):
                ages = AgedStorage.ages.setdefault(f"{storage.url}/{file.path}", {})
                ages[storage.tag(file.path)] = days * 86_400


@dataclass(frozen=True)
class BucketPath:
    """As much of a pathlib.Path as the tests use."""

    shelf: BucketShelf
    path: str

    def __truediv__(self, name: str) -> "BucketPath":
        return BucketPath(self.shelf, f"{self.path}/{name}".lstrip("/"))

    def __str__(self) -> str:
        return self.path

    @property
    def parent(self) -> "BucketPath":
        return BucketPath(self.shelf, self.path.rpartition("/")[0])

    def mkdir(self, **_: object) -> None:
        """A bucket has no folders."""

    def exists(self) -> bool:
        return bool([f for f in self.shelf.storage().files(self.path) if not f.staged]) or (
            bool(obstore.list(self.shelf.store, self._parent_of_object()).collect())
            and self._object() in self._objects()
        )

    def read_bytes(self) -> bytes:
        return bytes(obstore.get(self.shelf.store, self._object()).bytes())

    def read_text(self) -> str:
        return self.read_bytes().decode()

    def write_bytes(self, content: bytes) -> int:
        path = self._object()
        obstore.put(self.shelf.store, path, content)
        self._forget(path)
        return len(content)

    def write_text(self, text: str) -> int:
        return self.write_bytes(text.encode())

    def unlink(self) -> None:
        path = self._object()
        obstore.delete(self.shelf.store, path)
        self._forget(path)

    def stat(self) -> SimpleNamespace:
        meta = obstore.head(self.shelf.store, self._object())
        return SimpleNamespace(st_ino=(self._object(), meta["e_tag"]), st_size=meta["size"])

    def _forget(self, path: str) -> None:
        # As a machine sees it that has no copy yet.
        storage = self.shelf.repository.storage
        assert isinstance(storage, ObjectStorage)
        storage.cache.forget(path)

    def _objects(self) -> list[str]:
        listed = obstore.list(self.shelf.store, self._parent_of_object()).collect()
        return [meta["path"] for meta in listed]

    def _parent_of_object(self) -> str:
        return self._object().rpartition("/")[0]

    def _object(self) -> str:
        """Where it lies: a version's files below the name of their writer."""
        folder, _, name = self.path.rpartition("/")
        if name in (HEAD, MANIFEST) or not folder:
            return placed(self.path)
        try:
            manifest = bytes(obstore.get(self.shelf.store, f"{folder}/{MANIFEST}").bytes())
        except FileNotFoundError:
            listed = obstore.list(self.shelf.store, folder).collect()
            paths = [meta["path"] for meta in listed]
            return next((path for path in paths if path.endswith(f"/{name}")), self.path)
        writer = writer_of(manifest)
        return self.path if writer is None else f"{folder}/{writer}/{name}"


def _is_writers_name(folder: str, name: str) -> bool:
    return len(folder) == 16 and name not in (MANIFEST, HEAD)
