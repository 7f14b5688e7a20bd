"""Where images are kept: an OCI layout folder on one machine, a registry beyond.

Both keep blobs by digest and documents by digest or tag, and both promise the same: a blob or
document is there whole or not at all, and putting what is there already sends nothing. What
is built on this interface runs unchanged on either.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol


class BlobContent(Protocol):
    """Bytes to be put: of a known length, and readable again when a send failed."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[bytes]: ...


class Bytes:
    """A small blob that is in memory."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __len__(self) -> int:
        return len(self._content)

    def __iter__(self) -> Iterator[bytes]:
        yield self._content


@dataclass(frozen=True)
class Blob:
    """A blob by digest, its size, and whether it had to be sent."""

    digest: str
    size: int
    sent: bool


class ImageRegistry(Protocol):
    """One place of images. References are digests (``sha256:...``) or tags."""

    def reference(self, digest: str) -> str:
        """What a container runtime is given to pull this image."""

    def blob_size(self, digest: str) -> int | None:
        """Bytes of a blob, or None when it is not there."""

    def put_blob(
        self,
        content: BlobContent,
        *,
        digest: str | None = None,
        mount_from: "ImageRegistry | None" = None,
    ) -> Blob:
        """Keep a blob. With ``digest``, nothing is sent when it is there already.

        Nor when ``mount_from`` has it and is another repository of the same host, which may
        then take it over from there.

        Raises:
            DamagedImage: if the content has not the ``digest`` it should have; then nothing
                is kept.
            RegistryRefused: if it can't be kept.
        """

    def open_blob(self, digest: str) -> AbstractContextManager[Iterator[bytes]]:
        """A blob's bytes in pieces, not yet compared with the digest.

        Raises:
            ImageMissing: if it is not there.
        """

    def document(self, reference: str) -> tuple[bytes, str] | None:
        """A manifest or index and its digest, compared; None when there is none.

        Raises:
            DamagedImage: if its bytes are not what its digest says.
        """

    def has_image(self, digest: str) -> bool:
        """Whether a manifest is there with all that it names."""

    def put_document(self, content: bytes, *, tag: str | None = None) -> str:
        """Keep a manifest or index, whose parts must be there; returns its digest."""

    def tags(self) -> list[str]:
        """Every tag, sorted."""

    def delete(self, reference: str) -> None:
        """Forget what a tag names and the images in it, or one document by digest.

        What is not there is fine. Blobs that nothing names any more go when the registry
        collects its garbage.
        """

    def delete_blob(self, digest: str) -> None:
        """Delete a blob at once, as what must not be kept; what is not there is fine.

        A registry may keep its bytes, where nobody can fetch them, until its own garbage
        collection. An image that names the blob is no longer whole, and is built again.

        Raises:
            RegistryRefused: if the registry does not allow it.
        """

    def lock(self, name: str) -> AbstractContextManager[None]:
        """Keep others on this machine out while the block runs. ``name`` is ``kind/name``;
        of one kind a thread holds one lock at a time."""
