"""Where images are kept: an OCI layout folder on one machine, a registry beyond.

Both keep blobs by digest and documents by digest or tag, and both promise the same: a blob or
document is there whole or not at all, and putting what is there already sends nothing. What
is built on this interface runs unchanged on either.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote, urlsplit

from photosearch.oci.errors import ImageError
from photosearch.oci.names import ALLOWED, ImageName, parse_image_name
from photosearch.settings.home import expanded
from photosearch.terminal.masked import masked

if TYPE_CHECKING:
    from photosearch.oci.base import BaseReference
    from photosearch.settings.settings import Settings

#: Locks and hints of builders on this machine, below ``state_dir``.
WORKPLACE = "images"


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

    #: The image that serving images are built on; None: a base without layers.
    base: "BaseReference | None"
    #: Folder of this machine for locks and hints; its loss costs work and nothing else.
    workplace: Path

    def reference(self, digest: str) -> str:
        """What a container runtime is given to pull this image."""

    def blob_size(self, digest: str) -> int | None:
        """Bytes of a blob, or None when it is not there."""

    def put_blob(self, content: BlobContent, *, digest: str | None = None) -> Blob:
        """Keep a blob. With ``digest``, nothing is sent when it is there already.

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


def open_registry(settings: "Settings") -> ImageRegistry:
    """The registry of ``registry_url``; nothing is asked of it yet.

    Raises:
        ImageError: if nothing keeps images at such a URL, or base_image names no image.
    """
    url = settings.image_registry_url
    with suppress(ValueError):  # a URL that Python can't read
        parts = urlsplit(url)
        if parts.scheme == "file" and parts.netloc in ("", "localhost"):
            return _folder(settings, Path(unquote(parts.path)), _base(settings, None))
    named = parse_image_name(url.removeprefix("oci://").rstrip("/"))
    if url.startswith("oci://") and named is not None and not (named.tag or named.digest):
        return _remote(settings, named, _base(settings, named.host), signed_in=True)
    raise ImageError(
        "registry_url is a folder or oci://HOST:PORT/NAME",
        found=masked(url),  # it may have a password
        limit=f"{ALLOWED}; user and password are settings of their own",
        remedy="correct registry_url",
    )


def _base(settings: "Settings", host: str | None) -> "BaseReference | None":
    """``host`` is the registry's, whose user and certificates no other host gets to see."""
    from photosearch.oci.base import BaseReference

    name = settings.base_image
    if name is None:
        return None
    if name.startswith((".", "/", "~", "oci:")):
        place, reference = _folder_and_reference(name.removeprefix("oci:"))
        folder = settings.base_dir / expanded(place)
        return BaseReference(name, _folder(settings, folder, None), reference)
    named = parse_image_name(name)
    if named is None:
        raise ImageError(
            "base_image names no image",
            found=repr(name),
            limit=f"HOST:PORT/NAME:TAG, or ./FOLDER:TAG of an OCI layout; {ALLOWED}",
            remedy="correct base_image",
        )
    registry = _remote(settings, named, None, signed_in=host in (None, named.host))
    return BaseReference(name, registry, named.digest or named.tag or "latest")


def _folder_and_reference(name: str) -> tuple[str, str]:
    place, digest_sign, reference = name.rpartition("@")
    if not digest_sign:
        place, _, reference = name.rpartition(":")
    return (place, reference) if place and "/" not in reference else (name, "latest")


def _folder(settings: "Settings", folder: Path, base: "BaseReference | None") -> ImageRegistry:
    from photosearch.oci.layout import LayoutRegistry

    return LayoutRegistry(folder, base=base, workplace=settings.state / WORKPLACE)


def _remote(
    settings: "Settings", name: ImageName, base: "BaseReference | None", *, signed_in: bool
) -> ImageRegistry:
    """``signed_in``: by the settings' user and way to the registry; else it is another host's."""
    from photosearch.oci.client import RegistryClient
    from photosearch.oci.remote import RemoteRegistry

    password = settings.registry_password
    certificates = settings.registry_ca_file
    client = RegistryClient(name)
    if signed_in:
        client = RegistryClient(
            name,
            insecure=settings.registry_insecure,
            verify=True if certificates is None else settings.base_dir / certificates,
            user=settings.registry_user,
            password=None if password is None else password.get_secret_value(),
        )
    return RemoteRegistry(client, base=base, workplace=settings.state / WORKPLACE)
