"""Putting the layers of an image into a registry, and sending only what it lacks.

A layer's digest is known only by making it. What was made here is noted; of what others made
there, images tell in annotations, which whoever writes to the registry writes as they like. So
such a layer is made here once more, without being sent, and believed if its digest is the same.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from photosearch.oci.building.known_layers import KnownLayers
from photosearch.oci.building.layers import Layer
from photosearch.oci.documents import (
    Descriptor,
    ImageManifest,
    images_in,
    is_digest,
    parse_document,
)
from photosearch.oci.errors import DamagedImage
from photosearch.oci.registry import Blob, ImageRegistry
from photosearch.oci.signing.signatures import signed_digest

#: Our annotations begin so.
NAMES = "io.photosearch"
#: A layer's annotation with the key of its content, by which other machines find it.
CONTENT = f"{NAMES}.content"
#: Images looked at for layers that were built elsewhere: of those whose tag begins as ours does,
#: of which a day of hours leaves 24 and some for what came late, and of others.
MOST_ALIKE_ASKED = 64
MOST_OTHERS_ASKED = 16

#: Told bytes done and bytes in all.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class PlannedLayer:
    """A layer to be, and what it is for."""

    layer: Layer
    what: str


def layer_annotations(planned: PlannedLayer) -> dict[str, str]:
    """What an image tells of such a layer."""
    return {f"{NAMES}.layer": planned.what, CONTENT: planned.layer.key}


def is_ours(layer: Descriptor) -> bool:
    """Whether a layer was planned here, and is not the base's."""
    return f"{NAMES}.layer" in layer.annotations


def put_layers(
    planned: Sequence[PlannedLayer],
    tag: str,
    registry: ImageRegistry,
    known: KnownLayers,
    tell: Progress,
) -> list[Blob]:
    """Each layer as a blob of the registry, in order, for an image that ``tag`` will name.

    Raises:
        DamagedImage: if a file is not what it should be.
        RegistryRefused: if a layer can't be kept.
    """
    told = _told_layers([each.layer for each in planned], tag, registry, known)
    total = sum(each.layer.size for each in planned)
    done = 0
    blobs = []
    for layer in (each.layer for each in planned):
        counted = _Counted(layer, done, total, tell)
        with registry.lock(f"layer/{layer.key}"):
            blobs.append(_put_layer(layer, counted, told.get(layer.key), registry, known))
        done += layer.size
        tell(done, total)
    return blobs


def layers_of(digest: str, registry: ImageRegistry) -> tuple[Descriptor, ...]:
    """The layers of an image; none if it is not there."""
    found = registry.document(digest)
    document = None if found is None else parse_document(found[0], digest)
    return document.layers if isinstance(document, ImageManifest) else ()


def _told_layers(
    layers: Sequence[Layer], tag: str, registry: ImageRegistry, known: KnownLayers
) -> dict[str, str]:
    """The digests by content that images in the registry tell of layers not noted here."""
    told: dict[str, str] = {}
    wanted = {layer.key for layer in layers if known.digest(layer) is None}
    if not wanted:
        return told
    # Built elsewhere, perhaps: the pack of an hour ago has all layers but one, and its tag
    # begins as ours does.
    begin = tag.rpartition("-")[0]
    tags = [tag for tag in registry.tags() if signed_digest(tag) is None]
    alike = [tag for tag in tags if tag.startswith(begin)]
    others = [tag for tag in tags if not tag.startswith(begin)]
    for each in (*alike[:MOST_ALIKE_ASKED], *others[:MOST_OTHERS_ASKED]):
        with suppress(DamagedImage):  # another's, of which nothing is needed
            found = registry.document(each)
            for image in () if found is None else images_in(found[0]):
                for layer in layers_of(image, registry):
                    content = layer.annotations.get(CONTENT)
                    if content in wanted:
                        told[content] = layer.digest
        if wanted <= told.keys():
            break
    return told


def _put_layer(
    layer: Layer, counted: "_Counted", told: str | None, registry: ImageRegistry, known: KnownLayers
) -> Blob:
    noted = known.digest(layer)
    if noted is not None and registry.blob_size(noted) == layer.size:
        return Blob(noted, layer.size, sent=False)
    if told is not None and is_digest(told) and registry.blob_size(told) == layer.size:
        made = hashlib.sha256()
        for chunk in counted:
            made.update(chunk)
        if told == f"sha256:{made.hexdigest()}":
            known.note(layer, told)
            return Blob(told, layer.size, sent=False)
    blob = registry.put_blob(counted)
    known.note(layer, blob.digest)
    return blob


class _Counted:
    """A layer that tells how far it has been read, after the bytes of those before it."""

    def __init__(self, layer: Layer, done: int, total: int, tell: Progress) -> None:
        self._layer = layer
        self._done = done
        self._total = total
        self._tell = tell

    def __len__(self) -> int:
        return len(self._layer)

    def __iter__(self) -> Iterator[bytes]:
        read = self._done
        for chunk in self._layer:
            yield chunk
            read += len(chunk)
            self._tell(read, self._total)
