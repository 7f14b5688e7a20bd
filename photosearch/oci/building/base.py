"""The image that others are built on.

Without one, the base is a configuration without layers: on one machine the index server is
installed already and an image only carries indexes. Then nothing about the base changes with
a release, and images stay as they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from photosearch.oci.documents import (
    MOST_DOCUMENT_BYTES,
    Descriptor,
    ImageIndex,
    digest_of,
    parse_config,
    parse_document,
    this_platform,
    to_bytes,
)
from photosearch.oci.errors import DamagedImage, ImageError, ImageMissing
from photosearch.oci.registry import ImageRegistry

#: The user that a container without a base of ours would run as: nobody's number.
USER = "65532:65532"


@dataclass(frozen=True)
class BaseReference:
    """Where the base image is: ``reference`` is a tag or digest in ``registry``."""

    name: str
    registry: ImageRegistry
    reference: str


@dataclass(frozen=True)
class BaseImage:
    """A base image that has been read. ``digest`` is that of its manifest."""

    digest: str
    name: str | None
    config: Mapping[str, Any]
    layers: tuple[Descriptor, ...]
    registry: ImageRegistry | None


def read_base(base: BaseReference | None) -> BaseImage:
    """Read the base image for this machine's platform.

    Raises:
        ImageMissing: if there is none.
        ImageError: if it is for another platform.
        DamagedImage: if it can't be understood.
        RegistryRefused: if its registry does not answer.
    """
    platform = this_platform()
    if base is None:
        return _without_layers(platform)
    found = base.registry.document(base.reference)
    if found is None:
        raise ImageMissing(
            f"there is no base image {base.name}",
            remedy="build and push it (scripts/build-containers), or correct base_image",
        )
    content, digest = found
    document = parse_document(content, base.name)
    if isinstance(document, ImageIndex):
        chosen = _for_platform(document, platform, base.name)
        found = base.registry.document(chosen.digest)
        if found is None:
            raise ImageMissing(f"the base image {base.name} lacks a part", found=chosen.digest)
        content, digest = found
        document = parse_document(content, base.name)
    if isinstance(document, ImageIndex):
        raise DamagedImage(f"the base image {base.name} is an index of indexes", found=digest)
    config = parse_config(_small_blob(base, document.config), base.name)
    _require_platform(f"{config['os']}/{config['architecture']}", platform, base.name)
    return BaseImage(digest, base.name, config, document.layers, base.registry)


def _without_layers(platform: str) -> BaseImage:
    system, _, architecture = platform.partition("/")
    config = {
        "architecture": architecture,
        "os": system,
        "config": {"Entrypoint": ["photosearch"], "User": USER, "WorkingDir": "/"},
        "rootfs": {"type": "layers", "diff_ids": []},
        "history": [],
    }
    return BaseImage(digest_of(to_bytes(config)), None, config, (), None)


def _for_platform(index: ImageIndex, platform: str, name: str) -> Descriptor:
    for wanted in (platform, None):  # one that does not say is taken if no other says ours
        for each in index.manifests:
            if each.platform == wanted:
                return each
    there = ", ".join(sorted({each.platform or "" for each in index.manifests})) or "none"
    raise _other_platform(there, platform, name)


def _require_platform(found: str, platform: str, name: str) -> None:
    if found != platform:
        raise _other_platform(found, platform, name)


def _other_platform(found: str, platform: str, name: str) -> ImageError:
    return ImageError(
        f"the base image {name} is for another platform",
        found=found,
        limit=platform,
        remedy="build the base image on this kind of machine, or correct base_image",
    )


def _small_blob(base: BaseReference, blob: Descriptor) -> bytes:
    if blob.size > MOST_DOCUMENT_BYTES:
        raise DamagedImage(
            f"the configuration of {base.name} is too large",
            found=f"{blob.size} bytes",
            limit=f"{MOST_DOCUMENT_BYTES}",
        )
    with base.registry.open_blob(blob.digest) as chunks:
        content = b""
        for chunk in chunks:
            content += chunk
            if len(content) > blob.size:
                break
    if digest_of(content) != blob.digest:
        raise DamagedImage(
            f"the configuration of the base image {base.name} is damaged",
            found=digest_of(content),
            limit=blob.digest,
            remedy="build and push the base image again",
        )
    return content
