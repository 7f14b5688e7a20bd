"""The JSON documents of an image: manifest, configuration, index, descriptors.

A document's digest is that of its bytes, so bytes are made in one place, here: sorted keys,
no spaces. Base images keep fields that the schemas do not know.
"""

import hashlib
import json
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from photosearch.oci.errors import NoImage
from photosearch.oci.schemas import ConfigShape, IndexShape, ManifestShape

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
REF_NAME = "org.opencontainers.image.ref.name"
BASE_DIGEST = "org.opencontainers.image.base.digest"
BASE_NAME = "org.opencontainers.image.base.name"
CREATED = "org.opencontainers.image.created"

#: Docker's own names of the same things, which a base image may still have.
_DOCKER = {
    "application/vnd.docker.distribution.manifest.v2+json": MANIFEST,
    "application/vnd.docker.distribution.manifest.list.v2+json": INDEX,
    "application/vnd.docker.container.image.v1+json": CONFIG,
    "application/vnd.docker.image.rootfs.diff.tar": LAYER,
    "application/vnd.docker.image.rootfs.diff.tar.gzip": f"{LAYER}+gzip",
    "application/vnd.docker.image.rootfs.diff.tar.zstd": f"{LAYER}+zstd",
}
ACCEPTED = (INDEX, MANIFEST, *(name for name in _DOCKER if "manifest" in name))
_DIGEST = re.compile("sha256:[0-9a-f]{64}")
_Model = TypeVar("_Model", bound=BaseModel)
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
#: Documents beyond this are refused: registries refuse them too.
MOST_DOCUMENT_BYTES = 4 << 20


@dataclass(frozen=True)
class Descriptor:
    """What one document says of a blob or another document."""

    media_type: str
    digest: str
    size: int
    annotations: Mapping[str, str] = field(default_factory=dict)
    platform: str | None = None

    def to_json(self) -> dict[str, Any]:
        written: dict[str, Any] = {
            "mediaType": self.media_type,
            "digest": self.digest,
            "size": self.size,
        }
        if self.annotations:
            written["annotations"] = dict(self.annotations)
        if self.platform is not None:
            system, _, architecture = self.platform.partition("/")
            written["platform"] = {"os": system, "architecture": architecture}
        return written


@dataclass(frozen=True)
class ImageManifest:
    """An image: its configuration and its layers, bottom first."""

    config: Descriptor
    layers: tuple[Descriptor, ...]
    annotations: Mapping[str, str]


@dataclass(frozen=True)
class ImageIndex:
    """Several images under one name, a platform each as a rule."""

    manifests: tuple[Descriptor, ...]
    annotations: Mapping[str, str]


def digest_of(content: bytes) -> str:
    """The digest of a blob: ``sha256:`` and 64 hexadecimal digits."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def is_digest(text: str) -> bool:
    """Whether this is a digest as ours are."""
    return _DIGEST.fullmatch(text) is not None


def to_bytes(document: Mapping[str, Any]) -> bytes:
    """The one text of a document."""
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def this_platform() -> str:
    """The platform of this machine's images, such as ``linux/amd64``."""
    machine = platform.machine()
    return f"linux/{_MACHINES.get(machine, machine)}"


def write_manifest(
    config: Descriptor, layers: Sequence[Descriptor], annotations: Mapping[str, str]
) -> bytes:
    """An image manifest."""
    return to_bytes(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": config.to_json(),
            "layers": [layer.to_json() for layer in layers],
            "annotations": dict(annotations),
        }
    )


def write_index(manifests: Sequence[Descriptor], annotations: Mapping[str, str]) -> bytes:
    """An image index."""
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [manifest.to_json() for manifest in manifests],
    }
    if annotations:
        document["annotations"] = dict(annotations)
    return to_bytes(document)


def parse_document(content: bytes, name: str) -> ImageManifest | ImageIndex:
    """Read a manifest or an index; ``name`` is for the error.

    Raises:
        NoImage: if it is neither.
    """
    document = _document(content, name)
    kind = document.get("mediaType", INDEX if "manifests" in document else MANIFEST)
    if _DOCKER.get(kind, kind) == INDEX:
        index = _checked(IndexShape, document, name)
        return ImageIndex(
            tuple(_descriptor(each) for each in document["manifests"]), index.annotations or {}
        )
    manifest = _checked(ManifestShape, document, name)
    return ImageManifest(
        _descriptor(document["config"]),
        tuple(_descriptor(each) for each in document["layers"]),
        manifest.annotations or {},
    )


def parts_of(document: ImageManifest | ImageIndex) -> tuple[Descriptor, ...]:
    """All that a document names: an index its images, an image its configuration and layers."""
    if isinstance(document, ImageIndex):
        return document.manifests
    return (document.config, *document.layers)


def images_in(content: bytes) -> list[str]:
    """The digests of an index's images; of a manifest, none."""
    document = parse_document(content, "a document")
    return [each.digest for each in document.manifests] if isinstance(document, ImageIndex) else []


def parse_config(content: bytes, name: str) -> dict[str, Any]:
    """Read an image's configuration, with all its fields.

    Raises:
        NoImage: if it is none.
    """
    document = _document(content, name)
    _checked(ConfigShape, document, name)
    return document


def _descriptor(document: Mapping[str, Any]) -> Descriptor:
    kind = document["mediaType"]
    where = document.get("platform")
    return Descriptor(
        media_type=_DOCKER.get(kind, kind),
        digest=document["digest"],
        size=document["size"],
        annotations=document.get("annotations") or {},
        platform=None if where is None else f"{where['os']}/{where['architecture']}",
    )


def _document(content: bytes, name: str) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:  # the latter: brackets in brackets in ...
        raise NoImage(f"{name} is not an OCI document", found=str(error)) from error
    if not isinstance(document, dict):
        raise NoImage(f"{name} is not an OCI document", found=type(document).__name__)
    return document


def _checked(model: type[_Model], document: dict[str, Any], name: str) -> _Model:
    try:
        return model.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise NoImage(f"{name} is not an OCI document", found=f"{where}: {first['msg']}") from error
