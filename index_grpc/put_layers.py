"""Putting the layers of a serving image into the registry, and sending only what it lacks.

A layer's digest is known only by making it. What was made here is noted; of what others made
there, images tell in annotations, which whoever writes to the registry writes as they like. So
such a layer is made here once more, without being sent, and believed if its digest is the same.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress

from index_grpc.serving import Serving
from index_grpc.serving_annotations import CONTENT
from index_grpc.serving_layers import ServingLayer
from photosearch.oci.documents import Descriptor, Manifest, images_in, is_digest, parse_document
from photosearch.oci.errors import DamagedImage
from photosearch.oci.hints import LayerHints
from photosearch.oci.image_registry import Blob, ImageRegistry
from photosearch.oci.layers import Layer
from photosearch.oci.signatures import signed_digest

#: Images looked at for layers that were built elsewhere: of packs that begin as ours does,
#: of which a day of hours leaves 24 and some for what came late, and of others.
MOST_ALIKE_ASKED = 64
MOST_OTHERS_ASKED = 16

#: Told bytes done and bytes in all.
Progress = Callable[[int, int], None]


def put_layers(
    planned: list[ServingLayer], serving: Serving, registry: ImageRegistry, tell: Progress
) -> list[Blob]:
    """Each layer as a blob of the registry, in order."""
    told = _told_layers([layer.layer for layer in planned], serving, registry)
    total = sum(layer.layer.size for layer in planned)
    done = 0
    blobs = []
    for layer in (layer.layer for layer in planned):
        with registry.lock(f"layer/{layer.key}"):
            blobs.append(_put_layer(layer, told.get(layer.key), registry, done, total, tell))
        done += layer.size
        tell(done, total)
    return blobs


def layers_of(digest: str, registry: ImageRegistry) -> tuple[Descriptor, ...]:
    """The layers of an image; none if it is not there."""
    found = registry.document(digest)
    document = None if found is None else parse_document(found[0], digest)
    return document.layers if isinstance(document, Manifest) else ()


def _told_layers(layers: list[Layer], serving: Serving, registry: ImageRegistry) -> dict[str, str]:
    """The digests by content that images in the registry tell of layers not noted here."""
    hints = LayerHints.of(registry)
    told: dict[str, str] = {}
    wanted = {layer.key for layer in layers if hints.digest(layer) is None}
    if not wanted:
        return told
    # Built elsewhere, perhaps: the pack of an hour ago has all layers but one, and its name
    # begins as ours does.
    begin = serving.name.rpartition("-")[0]
    tags = [tag for tag in registry.tags() if signed_digest(tag) is None]
    alike = [tag for tag in tags if tag.startswith(begin)]
    others = [tag for tag in tags if not tag.startswith(begin)]
    for tag in (*alike[:MOST_ALIKE_ASKED], *others[:MOST_OTHERS_ASKED]):
        with suppress(DamagedImage):  # another's, of which nothing is needed
            found = registry.document(tag)
            for image in () if found is None else images_in(found[0]):
                for layer in layers_of(image, registry):
                    content = layer.annotations.get(CONTENT)
                    if content in wanted:
                        told[content] = layer.digest
        if wanted <= told.keys():
            break
    return told


def _put_layer(
    layer: Layer,
    told: str | None,
    registry: ImageRegistry,
    done: int,
    total: int,
    tell: Progress,
) -> Blob:
    hints = LayerHints.of(registry)
    noted = hints.digest(layer)
    if noted is not None and registry.blob_size(noted) == layer.size:
        return Blob(noted, layer.size, sent=False)
    counted = _Told(layer, lambda read: tell(done + read, total))
    if told is not None and is_digest(told) and registry.blob_size(told) == layer.size:
        made = hashlib.sha256()
        for chunk in counted:
            made.update(chunk)
        if told == f"sha256:{made.hexdigest()}":
            hints.note(layer, told)
            return Blob(told, layer.size, sent=False)
    blob = registry.put_blob(counted)
    hints.note(layer, blob.digest)
    return blob


class _Told:
    """A layer that tells how far it has been read."""

    def __init__(self, layer: Layer, tell: Callable[[int], None]) -> None:
        self._layer = layer
        self._tell = tell

    def __len__(self) -> int:
        return len(self._layer)

    def __iter__(self) -> Iterator[bytes]:
        read = 0
        for chunk in self._layer:
            yield chunk
            read += len(chunk)
            self._tell(read)
