"""Putting layers on a base image, sending only what the registry does not have.

An image is named by an index of one image. What is in the image (which layers on which base)
decides the image's digest; who made it, when and how well it measured lies in the index's
annotations, so that the same content is the same image whoever builds it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from photosearch.oci.building.base import BaseImage
from photosearch.oci.documents import (
    BASE_DIGEST,
    BASE_NAME,
    CONFIG,
    CREATED,
    MANIFEST,
    Descriptor,
    ImageIndex,
    digest_of,
    parse_document,
    this_platform,
    to_bytes,
    write_index,
    write_manifest,
)
from photosearch.oci.errors import DamagedImage
from photosearch.oci.registry import Blob, Bytes, ImageRegistry

#: The time that images bear: one of their own would change their digest.
_EPOCH = "1970-01-01T00:00:00Z"


@dataclass(frozen=True)
class PutImage:
    """An image in a registry; the sent blobs are those that were not there before."""

    digest: str
    sent: tuple[Blob, ...]
    sent_documents: int


def find_image(
    registry: ImageRegistry, tag: str, base: BaseImage, annotations: Mapping[str, str]
) -> Descriptor | None:
    """The image of this tag if it is whole, built on ``base``, and says that of itself.

    Anyone who may write can have another image take the tag.
    """
    found = registry.document(tag)
    if found is None:
        return None
    document = parse_document(found[0], tag)
    if not isinstance(document, ImageIndex) or len(document.manifests) != 1:
        return None
    image = document.manifests[0]
    if image.annotations.get(BASE_DIGEST) != base.digest:
        return None
    if not annotations.items() <= document.annotations.items():
        return None
    return image if registry.has_image(image.digest) else None


def put_image(
    registry: ImageRegistry,
    tag: str,
    base: BaseImage,
    layers: Sequence[Descriptor],
    *,
    command: Sequence[str],
    environment: Mapping[str, str],
    annotations: Mapping[str, str],
    provenance: Mapping[str, str],
    tagged: Descriptor | None = None,
) -> PutImage:
    """Name base and ``layers``, which are in the registry, as one image that runs ``command``.

    ``annotations`` are the image's own and belong to its digest; ``provenance`` lies beside,
    with the moment of this and the base's name.
    ``tagged`` is the whole image that the tag names now: nothing is sent if it is this one.
    """
    config = to_bytes(_config(base, layers, command, environment, annotations))
    annotations = {**annotations, BASE_DIGEST: base.digest}
    manifest = write_manifest(
        Descriptor(CONFIG, digest_of(config), len(config)),
        [*base.layers, *layers],
        annotations,
    )
    if tagged is not None and tagged.digest == digest_of(manifest):
        return PutImage(tagged.digest, (), 0)
    sent = [_copy_layer(registry, base, layer) for layer in base.layers]
    config_blob = registry.put_blob(Bytes(config), digest=digest_of(config))
    digest = registry.put_document(manifest)
    image = Descriptor(
        MANIFEST, digest, len(manifest), {BASE_DIGEST: base.digest}, platform=this_platform()
    )
    index = write_index([image], {**annotations, **provenance, **_put_now(base)})
    registry.put_document(index, tag=tag)
    return PutImage(
        digest,
        tuple(blob for blob in (*sent, config_blob) if blob.sent),
        len(manifest) + len(index),
    )


def _put_now(base: BaseImage) -> dict[str, str]:
    told = {CREATED: datetime.now(UTC).isoformat(timespec="seconds")}
    return told if base.name is None else {**told, BASE_NAME: base.name}


class _Copied:
    """A layer of the base, read from where the base is."""

    def __init__(self, base: BaseImage, layer: Descriptor) -> None:
        self._base = base
        self._layer = layer

    def __len__(self) -> int:
        return self._layer.size

    def __iter__(self) -> Iterator[bytes]:
        assert self._base.registry is not None
        with ExitStack() as stack:
            yield from stack.enter_context(self._base.registry.open_blob(self._layer.digest))


def _copy_layer(registry: ImageRegistry, base: BaseImage, layer: Descriptor) -> Blob:
    try:
        return registry.put_blob(
            _Copied(base, layer), digest=layer.digest, mount_from=base.registry
        )
    except DamagedImage as error:
        raise DamagedImage(
            f"a layer of the base image {base.name} is damaged",
            found=error.found,
            limit=layer.digest,
            remedy="build and push the base image again",
        ) from error


def _config(
    base: BaseImage,
    layers: Sequence[Descriptor],
    command: Sequence[str],
    environment: Mapping[str, str],
    annotations: Mapping[str, str],
) -> dict[str, Any]:
    ours = dict(base.config)
    settings = dict(ours.get("config") or {})
    settings.setdefault("Entrypoint", ["photosearch"])
    settings["Cmd"] = list(command)
    settings["Env"] = [
        *(line for line in settings.get("Env") or [] if line.partition("=")[0] not in environment),
        *(f"{name}={value}" for name, value in environment.items()),
    ]
    settings["Labels"] = {**(settings.get("Labels") or {}), **annotations}
    ours["config"] = settings
    rootfs = dict(ours["rootfs"])
    # Layers without compression: the digest of the archive is that of the blob.
    rootfs["diff_ids"] = [*rootfs["diff_ids"], *(layer.digest for layer in layers)]
    ours["rootfs"] = rootfs
    ours["history"] = [
        *(ours.get("history") or []),
        *({"created": _EPOCH, "created_by": "photosearch"} for _ in layers),
    ]
    ours.setdefault("created", _EPOCH)
    return ours
