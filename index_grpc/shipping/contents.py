"""What the serving images of a registry hold, read from their annotations.

An image says which windows and versions are in it and each of its layers which windows it has,
so that one can tell without fetching a layer.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from photosearch.errors import PhotosearchError
from photosearch.oci.building.put_layers import NAMES, is_ours
from photosearch.oci.documents import CREATED, Descriptor, ImageManifest, images_in, parse_document
from photosearch.oci.errors import DamagedImage
from photosearch.oci.registry import ImageRegistry
from photosearch.oci.signing.signatures import signed_digest
from photosearch.repository.addresses import Address, ArtifactKey
from photosearch.windows import Window, WindowError


@dataclass(frozen=True)
class ServingImage:
    """One image: its tag, its digest, the indexes in it, its own layers, and all its blobs.

    ``created_at`` is when its tag was put, None if it does not say.
    """

    tag: str
    digest: str
    indexes: frozenset[ArtifactKey]
    layers: tuple[Descriptor, ...]
    #: What a pull fetches: the configuration, and the base's layers too.
    blobs: tuple[Descriptor, ...]
    created_at: datetime | None = None

    def layers_of(self, window: Window) -> list[Descriptor]:
        """The layers that hold the window's index, whatever its version."""
        return [layer for layer in self.layers if is_layer_of(layer, window)]


def serving_images(
    registry: ImageRegistry, on_damage: Callable[[str, DamagedImage], None] | None = None
) -> Iterator[ServingImage]:
    """Every serving image of the registry; other images are passed over.

    ``on_damage`` hears of a tag that can't be understood and why, and the other images follow;
    without it that is raised.

    Raises:
        DamagedImage: if a document is not what its digest says, or not as ours are; a NoImage
            if it is no document of any image.
        RegistryRefused: if the registry does not answer.
    """
    for tag in registry.tags():
        try:
            images = list(_images_of(tag, registry))
        except DamagedImage as damage:
            if signed_digest(tag) is not None:
                continue  # no image: signatures, which are told of by who wants them
            if on_damage is None:
                raise
            on_damage(tag, damage)
        else:
            yield from images


def _images_of(tag: str, registry: ImageRegistry) -> Iterator[ServingImage]:
    named = registry.document(tag)
    created_at = None if named is None else _created(named[0], tag)
    for digest in () if named is None else images_in(named[0]) or (named[1],):
        found = registry.document(digest)
        document = None if found is None else parse_document(found[0], digest)
        if isinstance(document, ImageManifest) and f"{NAMES}.windows" in document.annotations:
            layers = [layer for layer in document.layers if is_ours(layer)]
            indexes = _indexes(document, tag)
            blobs = (document.config, *document.layers)
            yield ServingImage(tag, digest, indexes, tuple(layers), blobs, created_at)


def _created(content: bytes, tag: str) -> datetime | None:
    """When the tag's document says that it was made; who made it is not part of the image."""
    told = parse_document(content, tag).annotations.get(CREATED)
    try:
        moment = None if told is None else datetime.fromisoformat(told)
    except ValueError:
        return None
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)


def _indexes(image: ImageManifest, tag: str) -> frozenset[ArtifactKey]:
    fingerprint = image.annotations.get(f"{NAMES}.fingerprint", "")
    try:
        return frozenset(
            (Address.index(fingerprint, Window.parse(window)), version)
            for window, version in json.loads(image.annotations[f"{NAMES}.windows"])
        )
    except (KeyError, ValueError, TypeError, RecursionError, PhotosearchError) as error:
        raise DamagedImage(
            f"what image {tag} holds is not understood",
            found=str(error),
            remedy="if a newer release made it, use that one; else delete the image",
        ) from error


def is_layer_of(layer: Descriptor, window: Window | None) -> bool:
    """Whether a layer says that it is the one of this window, or of the quantiser (None)."""
    told = layer.annotations[f"{NAMES}.layer"]
    if window is None:
        return told.startswith("quantiser")
    first, _, last = told.partition(" to ")
    try:
        return Window.parse(first).start <= window.start <= Window.parse(last or first).start
    except WindowError:
        return False  # the quantiser's layer
