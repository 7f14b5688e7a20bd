"""Artifacts in a bucket of S3 or GCS.

Neither has locks, renames, or a delete that looks first. What keeps writers apart is one
condition: an object is put only if it is absent, or still the one that was seen (by etag on
S3, by generation on GCS). From that follows how things lie:

* A writer puts its files under a name of its own, ``<version>/<name>/``, and then the manifest
  if absent, which says that name. So the files of two writers never mix, and what one that
  lost or was killed left behind can go without touching the other's.
* An object that readers rely on goes by being replaced with a tombstone, under the condition.
  Whoever wants to rely on it replaces it too (:meth:`refresh`), and so one of the two sees
  the other.
* HEADs lie together below ``heads/``, since a bucket lists by prefix only: to look at all
  windows of a year takes some ten requests and not the hundreds that all their files would.
"""

import re
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError

from photosearch.object_store import open_object_store, unreachable
from photosearch.repository.addresses import HEAD, MANIFEST
from photosearch.repository.errors import StorageError
from photosearch.repository.manifest import FileEntry
from photosearch.repository.storage import conditional_put
from photosearch.repository.storage.conditional_put import TOMBSTONE_SIZES, is_tombstone
from photosearch.repository.storage.local_copies import ArtifactCache
from photosearch.repository.storage.port import Stored, StoredFile, TagMoved
from photosearch.repository.storage.written_by import (
    new_writer,
    with_writer,
    without_writer,
    writer_of,
)
from photosearch.settings.settings import Settings

if TYPE_CHECKING:
    from obstore import ObjectMeta

HEADS = "heads"
_CLOCK = "clock"
_WRITERS_NAME = re.compile("[0-9a-f]{16}")


class ObjectStorage:
    """See :class:`photosearch.repository.storage.port.Storage`."""

    is_far = True

    def __init__(self, url: str, settings: Settings) -> None:
        self.url = url
        self._store = open_object_store(url, settings)
        root = settings.artifacts_dir / url.replace("://", "/").rstrip("/")
        self.cache = ArtifactCache(root, settings.artifact_cache_bytes)

    def now_s(self) -> float:
        with self._telling(_CLOCK, "written"):
            obstore.put(self._store, f"{_CLOCK}/now", b"")
            return max(meta["last_modified"].timestamp() for meta in self._list(_CLOCK))

    def read(self, path: str) -> Stored | None:
        stored = self._read_whole(path)
        return None if stored is None else Stored(without_writer(stored.content), stored.tag)

    def list_each(self, folder: str, tails: Sequence[str]) -> list[dict[str, Hashable]]:
        are_heads = all(tail.endswith(HEAD) for tail in tails)
        above = f"{HEADS}/{folder}/" if are_heads else f"{folder}/"
        with self._telling(folder, "listed"):
            metas = self._list(above.rstrip("/"))
        below: dict[str, dict[str, Hashable]] = {
            f"/{tail}".removesuffix(f"/{HEAD}"): {} for tail in tails
        }
        for meta in metas:
            child, separator, rest = meta["path"][len(above) :].partition("/")
            found = below.get(separator + rest)
            if found is not None:
                found[child] = _state(meta)
        return list(below.values())

    def exists(self, path: str) -> bool:
        with self._telling(path, "read"):
            try:
                size = obstore.head(self._store, placed(path))["size"]
            except FileNotFoundError:
                return False
        return size not in TOMBSTONE_SIZES or self.read(path) is not None

    def folders(self, folder: str) -> list[str]:
        with self._telling(folder, "listed"):
            found = obstore.list_with_delimiter(self._store, folder)["common_prefixes"]
        return sorted(path.rpartition("/")[2] for path in found)

    def files(self, folder: str) -> list[StoredFile]:
        with self._telling(folder, "listed"):
            metas = self._list(folder)
            heads = self._list(f"{HEADS}/{folder}")
            if "/" not in folder:  # embedders have one of their own, which the listing leaves out
                with suppress(FileNotFoundError):
                    heads.append(obstore.head(self._store, f"{HEADS}/{folder}"))
        abandoned = self._abandoned([meta["path"] for meta in metas])
        found = [
            _stored_file(
                meta,
                meta["path"],
                staged=meta["path"].rpartition("/")[0] in abandoned or self._is_gone(meta),
            )
            for meta in metas
        ]
        found += [
            _stored_file(meta, f"{meta['path'].removeprefix(f'{HEADS}/')}/{HEAD}", staged=False)
            for meta in heads
        ]
        return found

    def write_version(
        self, folder: str, files: Mapping[str, Path], last: str, content: bytes
    ) -> bool:
        name = new_writer()
        put = {f"{folder}/{name}/{file}": source for file, source in files.items()}
        try:
            with self._telling(folder, "written"):
                for path, source in put.items():
                    obstore.put(self._store, path, source)
        except StorageError:
            self._give_back(put)
            raise
        # A failure from here on leaves the files: the manifest may be there all the same, unheard.
        # If it is not, gc takes them.
        try:
            with self._telling(folder, "written"):
                conditional_put.create(self._store, f"{folder}/{last}", with_writer(content, name))
        except TagMoved:
            stored = self._read_whole(f"{folder}/{last}")
            # Ours, unheard, which another made young since, still names our files.
            if stored is None or writer_of(stored.content) != name:
                self._give_back(put)
                return False
        self.cache.put(f"{folder}/{name}", files)
        return True

    def replace(self, path: str, content: bytes, expected: str | None) -> str:
        with self._telling(path, "written"):
            return conditional_put.put_if(self._store, placed(path), with_writer(content), expected)

    def refresh(self, path: str) -> bool:
        while True:
            stored = self._read_whole(path)
            if stored is None:
                return False
            content = with_writer(stored.content, writer_of(stored.content) or new_writer())
            with suppress(TagMoved), self._telling(path, "written"):
                conditional_put.put_if(self._store, placed(path), content, stored.tag)
                return True
            # Refreshed by another, or gone: look again.

    def remove(self, path: str, tag: str) -> bool:
        with self._telling(path, "deleted"):
            try:
                conditional_put.bury(self._store, placed(path), tag)
            except TagMoved:
                return False
        return True

    def delete(self, paths: Iterable[str]) -> None:
        for path in paths:
            with self._telling(path, "deleted"), suppress(FileNotFoundError):
                obstore.delete(self._store, placed(path))
            self.cache.forget(path)

    @contextmanager
    def fence(self, name: str, *, wait: bool = True) -> Iterator[bool]:
        yield True

    def local_folder(
        self, folder: str, files: Mapping[str, FileEntry], *, fresh: bool = False
    ) -> Path:
        stored = self._read_whole(f"{folder}/{MANIFEST}")
        name = None if stored is None else writer_of(stored.content)
        place = folder if name is None else f"{folder}/{name}"
        return self.cache.folder(
            place, files, lambda file, to: self._fetch(f"{place}/{file}", to), fresh=fresh
        )

    def using(self) -> AbstractContextManager[None]:
        return self.cache.using()

    def _give_back(self, paths: Iterable[str]) -> None:
        with suppress(StorageError):  # what is left of them goes with gc
            self.delete(paths)

    def _read_whole(self, path: str) -> Stored | None:
        with self._telling(path, "read"):
            stored = conditional_put.get(self._store, placed(path))
        return None if stored is None or is_tombstone(stored.content) else stored

    def _fetch(self, path: str, to: Path) -> bool:
        with self._telling(path, "read"):
            try:
                found = obstore.get(self._store, path)
            except FileNotFoundError:
                return False
            with to.open("wb") as file:
                for chunk in found.stream():
                    file.write(chunk)
        return True

    def _list(self, folder: str) -> "list[ObjectMeta]":
        return [meta for chunk in obstore.list(self._store, folder) for meta in chunk]

    def _abandoned(self, paths: Iterable[str]) -> set[str]:
        """Folders of files that the manifest beside them does not name."""
        writers: dict[str, set[str]] = {}
        for path in paths:
            place, _, file = path.rpartition("/")
            version, _, name = place.rpartition("/")
            if file != MANIFEST and _WRITERS_NAME.fullmatch(name):
                writers.setdefault(version, set()).add(place)
        abandoned: set[str] = set()
        for version, places in writers.items():
            stored = self._read_whole(f"{version}/{MANIFEST}") if len(places) > 1 else None
            if stored is not None:
                abandoned |= places - {f"{version}/{writer_of(stored.content)}"}
        return abandoned

    def _is_gone(self, meta: "ObjectMeta") -> bool:
        return meta["size"] in TOMBSTONE_SIZES and self.read(meta["path"]) is None

    @contextmanager
    def _telling(self, path: str, done: str) -> Iterator[None]:
        """Turn the store's errors into ours."""
        try:
            yield
        except (BaseError, OSError) as error:
            cause = unreachable(self.url, "the model repository", error)
            raise StorageError(
                f"{path} could not be {done}: {cause.what}", found=cause.found, remedy=cause.remedy
            ) from error


def placed(path: str) -> str:
    """Where the object of a repository's path lies in the bucket."""
    if path == HEAD or path.endswith(f"/{HEAD}"):
        return f"{HEADS}/{path}".removesuffix(f"/{HEAD}")
    return path


def _state(meta: "ObjectMeta") -> str:
    # A digest of the content, in which each writer's signature is another, or a generation.
    if meta["e_tag"] is not None:
        return meta["e_tag"]
    return f"{meta['version']} {meta['last_modified']} {meta['size']}"


def _stored_file(meta: "ObjectMeta", path: str, *, staged: bool) -> StoredFile:
    return StoredFile(path, meta["size"], meta["last_modified"].timestamp(), staged)
