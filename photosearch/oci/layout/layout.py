"""An OCI image layout folder as a registry: what one machine needs.

Any tool that knows the format (skopeo, buildah, podman) reads the images in it. Blobs are
written beside and linked to their digest when they are on the disk; ``index.json`` is replaced
whole under a lock, after all that it names. Other tools may keep images here too; they know
of no lock, and an image whose tag one of them lost is built again.
"""

import hashlib
import json
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Any

from photosearch.files.disk import remedy_for, sync
from photosearch.files.locks import file_lock, locked_by_name
from photosearch.files.whole import Staging, write_all
from photosearch.oci.documents import (
    INDEX,
    MANIFEST,
    MOST_DOCUMENT_BYTES,
    REF_NAME,
    Descriptor,
    ImageIndex,
    digest_of,
    images_in,
    is_digest,
    parse_document,
    parts_of,
    to_bytes,
)
from photosearch.oci.errors import DamagedImage, ImageMissing, NoImage, RegistryRefused
from photosearch.oci.registry import Blob, BlobContent, Bytes, ImageRegistry

LAYOUT_FILE = "oci-layout"
INDEX_FILE = "index.json"
LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'
CHUNK_BYTES = 1 << 20


class LayoutRegistry:
    """See :class:`photosearch.oci.registry.ImageRegistry`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._blobs = folder / "blobs" / "sha256"
        self._staging = Staging(folder / ".staging")
        self._locks = folder / ".locks"

    def reference(self, digest: str) -> str:
        return f"oci:{self.folder}@{digest}"

    def blob_size(self, digest: str) -> int | None:
        with self._telling("read"):
            try:
                return self._path(digest).stat().st_size
            except FileNotFoundError:
                return None

    def put_blob(
        self,
        content: BlobContent,
        *,
        digest: str | None = None,
        mount_from: ImageRegistry | None = None,
    ) -> Blob:
        if digest is not None and self.blob_size(digest) == len(content):
            return Blob(digest, len(content), sent=False)
        hashed = hashlib.sha256()
        size = 0
        with self._telling("written"), self._staging.file() as (staged, descriptor):
            self._blobs.mkdir(parents=True, exist_ok=True)
            for chunk in content:
                hashed.update(chunk)
                size += len(chunk)
                write_all(descriptor, chunk)
            found = f"sha256:{hashed.hexdigest()}"
            if digest is not None and found != digest:
                raise DamagedImage(f"a blob should have the digest {digest}", found=found)
            os.fsync(descriptor)
            # Replaced even if it is there: then it had another size, that is, it is damaged.
            sent = self.blob_size(found) != size
            if sent:
                staged.replace(self._path(found))
                sync(self._blobs)
        return Blob(found, size, sent)

    @contextmanager
    def open_blob(self, digest: str) -> Iterator[Iterator[bytes]]:
        with self._telling("read"):
            try:
                file = self._path(digest).open("rb")
            except FileNotFoundError as error:
                raise ImageMissing(
                    f"{self.folder} has no blob {digest}",
                    remedy="the sensor builds the image that names it again",
                ) from error
        with file:
            yield iter(lambda: file.read(CHUNK_BYTES), b"")

    def document(self, reference: str) -> tuple[bytes, str] | None:
        digest = reference
        if not reference.startswith("sha256:"):
            tagged = dict(self.named()).get(reference)
            if tagged is None:
                return None
            digest = tagged
        with self._telling("read"):
            try:
                with self._path(digest).open("rb") as file:
                    content = file.read(MOST_DOCUMENT_BYTES + 1)
            except FileNotFoundError:
                return None
        if digest_of(content) != digest:
            raise DamagedImage(
                f"the document {digest} in {self.folder} is damaged",
                found=digest_of(content),
                remedy="delete the image; it is built again",
            )
        return content, digest

    def has_image(self, digest: str) -> bool:
        found = self.document(digest)
        if found is None:
            return False
        parts = parts_of(parse_document(found[0], digest))
        return all(self.blob_size(part.digest) == part.size for part in parts)

    def put_document(self, content: bytes, *, tag: str | None = None) -> str:
        document = parse_document(content, "the document to put")
        for part in parts_of(document):
            if self.blob_size(part.digest) != part.size:
                raise ImageMissing(f"{self.folder} lacks a part of an image", found=part.digest)
        digest = digest_of(content)
        try:
            self.document(digest)
        except DamagedImage:  # which its size alone does not tell
            self.delete_blob(digest)
        self.put_blob(Bytes(content), digest=digest)
        if tag is not None:
            kind = INDEX if isinstance(document, ImageIndex) else MANIFEST
            named = Descriptor(kind, digest, len(content), {REF_NAME: tag}).to_json()
            with self.changing_tags():
                others = [entry for entry in self.entries() if tag_of(entry) != tag]
                self._write_index([*others, named])
        return digest

    def tags(self) -> list[str]:
        return sorted(tag for tag, _ in self.named() if tag is not None)

    def named(self) -> list[tuple[str | None, str]]:
        """Tag and digest of all that the folder's index names; others' may have no tag."""
        return [(tag_of(entry), entry["digest"]) for entry in self.entries()]

    def delete(self, reference: str) -> None:
        with self.changing_tags():
            found = self.document(reference)
            if found is None:
                return
            content, digest = found
            kept = [
                entry
                for entry in self.entries()
                if reference not in (tag_of(entry), entry["digest"])
            ]
            self._write_index(kept)
            # Of two names of one image, which a copy or a renamed entry leaves, one may go.
            still = set(chain.from_iterable(self._named_by(entry["digest"]) for entry in kept))
            asked = {digest} & {reference}  # what is asked for by its digest goes in any case
            for each in asked | ({digest, *images_in(content)} - still):
                self.delete_blob(each)

    def _named_by(self, digest: str) -> Iterator[str]:
        """A document and the images in it; one that is damaged is no image any more."""
        yield digest
        with suppress(DamagedImage):
            found = self.document(digest)
            if found is not None:
                yield from images_in(found[0])

    def blobs(self) -> list[str]:
        """The digests of all blobs, also of those that no image names any more."""
        with self._telling("listed"):
            names = [path.name for path in self._blobs.iterdir()] if self._blobs.exists() else []
        return [blob for name in sorted(names) if is_digest(blob := f"sha256:{name}")]

    def delete_blob(self, digest: str) -> None:
        with self._telling("deleted"):
            self._path(digest).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Take away what killed writers left."""
        self._staging.sweep()

    @contextmanager
    def changing_tags(self) -> Iterator[None]:
        """Keep the tags as they are while the block runs."""
        with file_lock(self._locks / "index"):
            yield

    def written_at(self, digest: str) -> float:
        """When a blob was written, seconds since 1970; 0 when there is none."""
        with self._telling("read"):
            try:
                return self._path(digest).stat().st_mtime
            except FileNotFoundError:
                return 0.0

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        with locked_by_name(self._locks, name):
            yield

    def index_bytes(self) -> bytes | None:
        """``index.json`` as it is; None when there is none."""
        return self._read(INDEX_FILE)

    def layout_bytes(self) -> bytes | None:
        """``oci-layout`` as it is; None when there is none."""
        return self._read(LAYOUT_FILE)

    def write_anew(self, *, without: Collection[Mapping[str, Any]] = ()) -> None:
        """Write the folder's own documents, without some entries; all blobs stay."""
        with self.changing_tags():
            kept = [entry for entry in self.entries() if entry not in without]
            with self._telling("written"):
                (self.folder / LAYOUT_FILE).unlink(missing_ok=True)
            self._write_index(kept)

    def unname(self, tag: str | None, digest: str) -> None:
        """Take one name from one document; all blobs stay."""
        with self.changing_tags():
            entries = self.entries()
            self._write_index([e for e in entries if (tag_of(e), e["digest"]) != (tag, digest)])

    def has_file(self, digest: str) -> bool:
        """Whether there is a blob by another algorithm's digest."""
        algorithm, _, code = digest.partition(":")
        named = self.folder / "blobs" / algorithm / code
        return named.parent.parent == self.folder / "blobs" and named.is_file()

    def _read(self, name: str) -> bytes | None:
        with self._telling("read"):
            try:
                return (self.folder / name).read_bytes()
            except FileNotFoundError:
                return None

    def _path(self, digest: str) -> Path:
        if not is_digest(digest):
            raise DamagedImage("digests are sha256: and 64 digits", found=digest)
        return self._blobs / digest.removeprefix("sha256:")

    def entries(self) -> list[dict[str, Any]]:
        """What the folder's index names, as it was written: others' tools know more fields."""
        content = self.index_bytes()
        if content is None:
            return []
        try:
            index = parse_document(content, str(self.folder / INDEX_FILE))
        except NoImage as error:
            raise RegistryRefused(
                f"the image folder {self.folder} could not be read",
                found=str(error),
                remedy="if no other tool writes there now, delete that file: images of ours are "
                "named again when they are built, and their layers are there",
            ) from error
        return json.loads(content)["manifests"] if isinstance(index, ImageIndex) else []

    def _write_index(self, entries: list[dict[str, Any]]) -> None:
        entries = sorted(entries, key=lambda entry: (tag_of(entry) or "", entry["digest"]))
        content = to_bytes({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})
        with self._telling("written"):
            for name, text in ((LAYOUT_FILE, LAYOUT), (INDEX_FILE, content)):
                if name == LAYOUT_FILE and (self.folder / name).exists():
                    continue
                with self._staging.file() as (staged, descriptor):
                    write_all(descriptor, text)
                    os.fsync(descriptor)
                    staged.replace(self.folder / name)
            sync(self.folder)

    @contextmanager
    def _telling(self, done: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RegistryRefused(
                f"the image folder {self.folder} could not be {done}",
                found=str(error),
                remedy=remedy_for(error, "registry_url"),
            ) from error


def tag_of(entry: Mapping[str, Any]) -> str | None:
    """The name that an entry of ``index.json`` gives to an image."""
    return (entry.get("annotations") or {}).get(REF_NAME)
