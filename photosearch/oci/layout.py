"""An OCI image layout folder as a registry: what one machine needs.

Any tool that knows the format (skopeo, buildah, podman) reads the images in it. Blobs are
written beside and linked to their digest when they are on the disk; ``index.json`` is replaced
whole under a lock, after all that it names. A writer that is killed leaves a staged file that
nobody reads, and whose lock died with it; the next writer takes it away.

olot reads and checks the folder's own documents; oras's layouts hold one image for transfer
and read a file into memory to move it, so blobs are written here.
"""

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from photosearch.disk import remedy_for, sync
from photosearch.file_lock import file_lock, locked_by_name
from photosearch.oci.base import BaseReference
from photosearch.oci.documents import (
    INDEX,
    MANIFEST,
    MOST_DOCUMENT_BYTES,
    REF_NAME,
    Descriptor,
    Index,
    digest_of,
    images_in,
    parse_document,
    write_index,
)
from photosearch.oci.errors import DamagedImage, ImageMissing, RegistryRefused
from photosearch.oci.image_registry import Blob, BlobContent, Bytes

_LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'
CHUNK_BYTES = 1 << 20


class LayoutRegistry:
    """See :class:`photosearch.oci.image_registry.ImageRegistry`."""

    def __init__(self, folder: Path, *, base: BaseReference | None, workplace: Path) -> None:
        self.base = base
        self.workplace = workplace
        self.folder = folder
        self._blobs = folder / "blobs" / "sha256"
        self._staging = folder / ".staging"
        self._locks = folder / ".locks"

    def reference(self, digest: str) -> str:
        return f"oci:{self.folder}@{digest}"

    def blob_size(self, digest: str) -> int | None:
        with self._telling("read"):
            try:
                return self._path(digest).stat().st_size
            except FileNotFoundError:
                return None

    def put_blob(self, content: BlobContent, *, digest: str | None = None) -> Blob:
        if digest is not None and self.blob_size(digest) == len(content):
            return Blob(digest, len(content), sent=False)
        hashed = hashlib.sha256()
        size = 0
        with self._telling("written"), self._staged() as (staged, descriptor):
            for chunk in content:
                hashed.update(chunk)
                size += len(chunk)
                _write(descriptor, chunk)
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
                    remedy="delete the image that names it; it is built again",
                ) from error
        with file:
            yield iter(lambda: file.read(CHUNK_BYTES), b"")

    def document(self, reference: str) -> tuple[bytes, str] | None:
        digest = reference
        if not reference.startswith("sha256:"):
            tagged = self._tagged().get(reference)
            if tagged is None:
                return None
            digest = tagged.digest
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
        parts = _parts(parse_document(found[0], digest))
        return all(self.blob_size(part.digest) == part.size for part in parts)

    def put_document(self, content: bytes, *, tag: str | None = None) -> str:
        document = parse_document(content, "the document to put")
        for part in _parts(document):
            if self.blob_size(part.digest) != part.size:
                raise ImageMissing(f"{self.folder} lacks a part of an image", found=part.digest)
        digest = digest_of(content)
        try:
            self.document(digest)
        except DamagedImage:  # which its size alone does not tell
            self.delete_blob(digest)
        self.put_blob(Bytes(content), digest=digest)
        if tag is not None:
            kind = INDEX if isinstance(document, Index) else MANIFEST
            named = Descriptor(kind, digest, len(content), {REF_NAME: tag})
            with self.changing_tags():
                self._write_tags({**self._tagged(), tag: named})
        return digest

    def tags(self) -> list[str]:
        return sorted(self._tagged())

    def delete(self, reference: str) -> None:
        with self.changing_tags():
            found = self.document(reference)
            if found is None:
                return
            content, digest = found
            kept = {
                tag: named
                for tag, named in self._tagged().items()
                if reference not in (tag, named.digest)
            }
            self._write_tags(kept)
            if digest not in {named.digest for named in kept.values()}:
                for each in (digest, *images_in(content)):
                    self.delete_blob(each)

    def blobs(self) -> list[str]:
        """The digests of all blobs, also of those that no image names any more."""
        with self._telling("listed"):
            names = [path.name for path in self._blobs.iterdir()] if self._blobs.exists() else []
        return [f"sha256:{name}" for name in sorted(names)]

    def delete_blob(self, digest: str) -> None:
        with self._telling("deleted"):
            self._path(digest).unlink(missing_ok=True)

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

    def _path(self, digest: str) -> Path:
        algorithm, _, value = digest.partition(":")
        if algorithm != "sha256" or len(value) != 64 or not value.isalnum():
            raise DamagedImage("digests are sha256: and 64 digits", found=digest)
        return self._blobs / value

    def _tagged(self) -> dict[str, Descriptor]:
        path = self.folder / "index.json"
        with self._telling("read"):
            try:
                content = path.read_bytes()
            except FileNotFoundError:
                return {}
        index = parse_document(content, str(path))
        named = index.manifests if isinstance(index, Index) else ()
        return {each.annotations[REF_NAME]: each for each in named if REF_NAME in each.annotations}

    def _write_tags(self, tagged: dict[str, Descriptor]) -> None:
        content = write_index([tagged[tag] for tag in sorted(tagged)], {})
        with self._telling("written"):
            for name, text in (("oci-layout", _LAYOUT), ("index.json", content)):
                if name == "oci-layout" and (self.folder / name).exists():
                    continue
                with self._staged() as (staged, descriptor):
                    _write(descriptor, text)
                    os.fsync(descriptor)
                    staged.replace(self.folder / name)
            sync(self.folder)

    @contextmanager
    def _staged(self) -> Iterator[tuple[Path, int]]:
        """A file of this writer's own; gone at the end if it was not renamed."""
        self._blobs.mkdir(parents=True, exist_ok=True)
        self._staging.mkdir(exist_ok=True)
        self._sweep()
        descriptor, name = tempfile.mkstemp(dir=self._staging)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            os.fchmod(descriptor, 0o644)
            yield Path(name), descriptor
        finally:
            with suppress(FileNotFoundError):
                Path(name).unlink()
            os.close(descriptor)

    def _sweep(self) -> None:
        """Take away what killed writers left: whoever lives holds the lock on his file."""
        for left in self._staging.iterdir():
            with suppress(OSError), left.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(file.fileno()).st_size:  # else someone may just have made it
                    left.unlink()

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


def _parts(document: object) -> tuple[Descriptor, ...]:
    if isinstance(document, Index):
        return document.manifests
    return (document.config, *document.layers)  # type: ignore[attr-defined]


def _write(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
