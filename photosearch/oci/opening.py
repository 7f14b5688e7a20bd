"""From settings to where images are kept and built; nothing is asked of a registry yet."""

from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from photosearch.oci.building.base import BaseReference
from photosearch.oci.building.build import ImageBuilder
from photosearch.oci.errors import ImageError
from photosearch.oci.layout.layout import LayoutRegistry
from photosearch.oci.names import ALLOWED, ImageName, parse_image_name
from photosearch.oci.registry import ImageRegistry
from photosearch.oci.remote.client import RegistryClient
from photosearch.oci.remote.remote import RemoteRegistry
from photosearch.settings.home import expanded
from photosearch.settings.settings import Settings
from photosearch.terminal.masked import masked

#: Locks and notes of builders on this machine, below ``state_dir``.
WORKPLACE = "images"


def open_registry(settings: Settings) -> ImageRegistry:
    """The registry of ``registry_url``.

    Raises:
        ImageError: if nothing keeps images at such a URL.
    """
    return _registry(settings)[0]


def open_builder(settings: Settings) -> ImageBuilder:
    """The same with what images in it are built on.

    Raises:
        ImageError: if nothing keeps images at such a URL, or ``base_image`` names no image.
    """
    registry, host = _registry(settings)
    return ImageBuilder(registry, _base(settings, host), workplace_of(settings))


def workplace_of(settings: Settings) -> Path:
    """Folder of this machine for locks and notes; its loss costs work and nothing else."""
    return settings.state / WORKPLACE


def _registry(settings: Settings) -> tuple[ImageRegistry, str | None]:
    """The registry and its host; a folder has none."""
    url = settings.image_registry_url
    with suppress(ValueError):  # a URL that Python can't read
        parts = urlsplit(url)
        if parts.scheme == "file" and parts.netloc in ("", "localhost"):
            return LayoutRegistry(Path(unquote(parts.path))), None
    named = parse_image_name(url.removeprefix("oci://").rstrip("/"))
    if url.startswith("oci://") and named is not None and not (named.tag or named.digest):
        return _remote(settings, named, signed_in=True), named.host
    raise ImageError(
        "registry_url is a folder or oci://HOST:PORT/NAME",
        found=masked(url),  # it may have a password
        limit=f"{ALLOWED}; user and password are settings of their own",
        remedy="correct registry_url",
    )


def _base(settings: Settings, host: str | None) -> BaseReference | None:
    """``host`` is the registry's, whose user and certificates no other host gets to see."""
    name = settings.base_image
    if name is None:
        return None
    if name.startswith((".", "/", "~", "oci:")):
        place, reference = _folder_and_reference(name.removeprefix("oci:"))
        return BaseReference(name, LayoutRegistry(settings.base_dir / expanded(place)), reference)
    named = parse_image_name(name)
    if named is None:
        raise ImageError(
            "base_image names no image",
            found=repr(name),
            limit=f"HOST:PORT/NAME:TAG, or ./FOLDER:TAG of an OCI layout; {ALLOWED}",
            remedy="correct base_image",
        )
    registry = _remote(settings, named, signed_in=host in (None, named.host))
    return BaseReference(name, registry, named.digest or named.tag or "latest")


def _folder_and_reference(name: str) -> tuple[str, str]:
    place, digest_sign, reference = name.rpartition("@")
    if not digest_sign:
        place, _, reference = name.rpartition(":")
    return (place, reference) if place and "/" not in reference else (name, "latest")


def _remote(settings: Settings, name: ImageName, *, signed_in: bool) -> ImageRegistry:
    """``signed_in``: by the settings' user and way to the registry; else it is another host's."""
    password = settings.registry_password
    certificates = settings.registry_ca_file
    client = RegistryClient(name)
    if signed_in:
        client = RegistryClient(
            name,
            insecure=settings.registry_insecure,
            certificates=None if certificates is None else settings.base_dir / certificates,
            user=settings.registry_user,
            password=None if password is None else password.get_secret_value(),
        )
    return RemoteRegistry(client, locks=workplace_of(settings) / "locks")
