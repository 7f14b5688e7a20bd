"""Building an image and finding it again: layers on a base, under a tag.

Built without a daemon and without privileges: layers are streamed into the registry and named
by a manifest. The image's digest follows from the layers' content and the base image alone, so
it does not matter who builds it, or how often; what the registry has is neither read nor sent
again.

An image is found by its tag. Whoever may write to the registry may have a tag name another
image, which says of itself whatever they like. So the digest of what was built here is noted,
and a tag that names another image, or one that is not noted, counts for nothing: the image is
built again, of which only what differs is sent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from photosearch.oci.building.assemble import find_image, put_image
from photosearch.oci.building.base import BaseImage, BaseReference, read_base
from photosearch.oci.building.known_layers import KnownImages, KnownLayers, SharedNotes
from photosearch.oci.building.put_layers import (
    PlannedLayer,
    Progress,
    is_ours,
    layer_annotations,
    layers_of,
    put_layers,
)
from photosearch.oci.documents import LAYER, Descriptor
from photosearch.oci.errors import DamagedImage
from photosearch.oci.registry import ImageRegistry


@dataclass(frozen=True)
class ImageBuilder:
    """Where images are built.

    They go into ``registry``, stand on ``base`` (None: on one without layers), and what was
    built is noted in ``workplace``, a folder of this machine.
    """

    registry: ImageRegistry
    base: BaseReference | None
    workplace: Path

    def read_base(self) -> BaseImage:
        """The base image as it is now; see :func:`photosearch.oci.building.base.read_base`."""
        return read_base(self.base)


@dataclass(frozen=True)
class PlannedImage:
    """An image to be: layers that run ``command``.

    ``annotations`` are the image's own and belong to its digest; ``provenance`` lies beside.
    """

    tag: str
    layers: Sequence[PlannedLayer]
    command: Sequence[str]
    environment: Mapping[str, str]
    annotations: Mapping[str, str]
    provenance: Mapping[str, str]


@dataclass(frozen=True)
class BuiltImage:
    """An image in the registry, and what had to be sent for it."""

    digest: str
    reference: str
    layers: tuple[str, ...]
    pushed_layers: int
    pushed_bytes: int


def build_image(
    builder: ImageBuilder,
    base: BaseImage,
    planned: PlannedImage,
    on_progress: Progress = lambda done, total: None,
    shared: SharedNotes | None = None,
) -> BuiltImage:
    """Build an image, or find that it is there. ``shared`` is told of each layer that is put.

    Of two builders on one machine one builds and the other finds it; on two machines both
    give the same digest. Killed at any moment, it leaves nothing that anyone could pull.

    Raises:
        DamagedImage: if a file is not what it should be; no image is made.
        RegistryRefused: if the registry is down, read-only, full, or refuses this user.
    """
    registry, tag = builder.registry, planned.tag
    known = KnownImages.of(builder.workplace)
    with registry.lock(f"image/{tag}"):
        damage: DamagedImage | None = None
        try:
            found = find_image(registry, tag, base, planned.annotations)
        except DamagedImage as error:
            found, damage = None, error
        if found is not None and found.digest == known.digest(tag, base.digest):
            ours = [layer for layer in layers_of(found.digest, registry) if is_ours(layer)]
            digests = tuple(layer.digest for layer in ours)
            return BuiltImage(found.digest, registry.reference(found.digest), digests, 0, 0)
        layers = KnownLayers.of(builder.workplace, shared)
        blobs = put_layers(planned.layers, tag, registry, layers, on_progress)
        described = [
            Descriptor(LAYER, blob.digest, blob.size, layer_annotations(layer))
            for layer, blob in zip(planned.layers, blobs, strict=True)
        ]
        image = put_image(
            registry,
            tag,
            base,
            described,
            command=planned.command,
            environment=planned.environment,
            annotations=planned.annotations,
            provenance=planned.provenance,
            tagged=found,
        )
        known.note(tag, base.digest, image.digest)
        if damage is not None and find_built(builder, base, tag, planned.annotations) is None:
            raise damage  # a registry may keep what it has
    sent = [blob for blob in blobs if blob.sent]
    return BuiltImage(
        digest=image.digest,
        reference=registry.reference(image.digest),
        layers=tuple(blob.digest for blob in blobs),
        pushed_layers=len(sent),
        pushed_bytes=sum(blob.size for blob in (*sent, *image.sent)) + image.sent_documents,
    )


def find_built(
    builder: ImageBuilder, base: BaseImage, tag: str, annotations: Mapping[str, str]
) -> str | None:
    """The digest of the image of this tag on this base, if the registry has all of it.

    One whose documents are damaged is as good as none, and so is one that was not built here:
    it is built again.
    """
    try:
        found = find_image(builder.registry, tag, base, annotations)
    except DamagedImage:
        return None
    noted = KnownImages.of(builder.workplace).digest(tag, base.digest)
    return None if found is None or found.digest != noted else found.digest
