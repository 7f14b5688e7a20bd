"""Serving images: an index server and the indexes of one pack, as an OCI image.

Built without a daemon and without privileges: layers are streamed from the model repository
into the registry and named by a manifest. The image's digest follows from the versions of the
indexes and the base image alone, so it does not matter who builds it, or how often; what the
registry has is neither read nor sent again.

A serving image is found by its tag, the Serving's name, and served by its digest.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from index_grpc.serving import Serving
from index_grpc.serving_annotations import (
    CONTENT,
    image_annotations,
    is_ours,
    layer_annotations,
    provenance,
    serving_file,
)
from index_grpc.serving_layers import ROOT, ServingLayer, serving_layers
from photosearch.oci.assemble import find_image, put_image
from photosearch.oci.base import read_base
from photosearch.oci.documents import (
    LAYER,
    Descriptor,
    Manifest,
    images_in,
    is_digest,
    parse_document,
)
from photosearch.oci.errors import DamagedImage
from photosearch.oci.hints import NOTES, LayerHints
from photosearch.oci.image_registry import Blob, ImageRegistry
from photosearch.oci.layers import Layer
from photosearch.oci.pull import pull_image, remove_unused_images
from photosearch.oci.signatures import signed_digest
from photosearch.repository.addresses import Address
from photosearch.repository.repository import Repository

#: What is run in the image: it serves all that lies in ``/index``.
COMMAND = ("index-server", "--serving", f"/{ROOT}", "--host", "0.0.0.0", "--port", "50051")
#: The image's root is read-only; what a server writes for itself goes below ``/tmp``.
ENVIRONMENT = {"PHOTOSEARCH_MODELS_URL": f"/{ROOT}", "PHOTOSEARCH_STATE_DIR": "/tmp/photosearch"}

#: Images looked at for layers that were built elsewhere: of packs that begin as ours does,
#: of which a day of hours leaves 24 and some for what came late, and of others.
MOST_ALIKE_ASKED = 64
MOST_OTHERS_ASKED = 16

#: Told bytes done and bytes in all.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class BuiltImage:
    """A serving image in the registry, and what had to be sent for it."""

    digest: str
    reference: str
    layers: tuple[str, ...]
    pushed_layers: int
    pushed_bytes: int


def build_serving_image(
    serving: Serving,
    repository: Repository,
    registry: ImageRegistry,
    *,
    on_progress: Progress | None = None,
) -> BuiltImage:
    """Make the image of a Serving, or find that it is there.

    Of two builders on one machine one builds and the other finds it; on two machines both
    give the same digest. Killed at any moment, it leaves nothing that anyone could pull.

    Raises:
        ArtifactMissing: if a version of the Serving does not exist.
        DamagedImage: if a file is not what its manifest says; no image is made.
        ImageMissing, ImageError: if there is no base image, or it is for another platform.
        RegistryRefused: if the registry is down, read-only, full, or refuses this user.
    """
    base = read_base(registry.base)
    manifests = {
        window: repository.manifest(Address.index(serving.fingerprint, window), served.version)
        for window, served in zip(serving.parsed_windows(), serving.windows, strict=True)
    }
    planned = serving_layers(serving, manifests, repository)
    with registry.lock(f"image/{serving.name}"):
        damage: DamagedImage | None = None
        try:
            found = find_image(registry, serving.name, base, image_annotations(serving))
        except DamagedImage as error:
            found, damage = None, error
        if found is not None:
            layers = [layer for layer in _layers_of(found.digest, registry) if is_ours(layer)]
            digests = tuple(layer.digest for layer in layers)
            return BuiltImage(found.digest, registry.reference(found.digest), digests, 0, 0)
        blobs = _put_layers(planned, serving, registry, on_progress or (lambda done, total: None))
        described = [
            Descriptor(LAYER, blob.digest, blob.size, layer_annotations(layer))
            for layer, blob in zip(planned, blobs, strict=True)
        ]
        image = put_image(
            registry,
            serving.name,
            base,
            described,
            command=COMMAND,
            environment=ENVIRONMENT,
            annotations=image_annotations(serving),
            provenance=provenance(serving, manifests, base),
        )
        if damage is not None and find_serving_image(serving, registry) is None:
            raise damage  # a registry may keep what it has
    sent = [blob for blob in blobs if blob.sent]
    return BuiltImage(
        digest=image.digest,
        reference=registry.reference(image.digest),
        layers=tuple(blob.digest for blob in blobs),
        pushed_layers=len(sent),
        pushed_bytes=sum(blob.size for blob in (*sent, *image.sent)) + image.sent_documents,
    )


def find_serving_image(serving: Serving, registry: ImageRegistry) -> str | None:
    """The digest of a Serving's image on today's base, if the registry has all of it.

    One whose documents are damaged is as good as none: it is built again.
    """
    base = read_base(registry.base)
    try:
        found = find_image(registry, serving.name, base, image_annotations(serving))
    except DamagedImage:
        return None
    return None if found is None else found.digest


def pull_serving_image(registry: ImageRegistry, digest: str, folder: Path) -> Path:
    """Unpack a serving image's indexes below ``folder``, which packs share.

    Returns a folder that holds ``serving.json`` and is a folder repository. Every layer is
    unpacked once, and compared with its digest on the way; what is there already is compared
    with its digests again and unpacked anew if it is damaged. Atomic, and safe for several
    at once.

    Raises:
        ImageMissing: if the registry has no such image.
        DamagedImage: if a layer is not what its digest says.
        RegistryRefused: if the registry does not answer, or this machine's disk refuses.
    """
    return pull_image(registry, digest, folder, layers=is_ours, beside=serving_file) / ROOT


def remove_unused(folder: Path, keep_digests: set[str], *, wait: bool = True) -> None:
    """Delete the pulled images that are not to be kept, and layers that no image has.

    Raises:
        BlockingIOError: if an image is being pulled and this is not to ``wait``.
    """
    remove_unused_images(folder, keep_digests, wait=wait)


def _layers_of(digest: str, registry: ImageRegistry) -> tuple[Descriptor, ...]:
    found = registry.document(digest)
    document = None if found is None else parse_document(found[0], digest)
    return document.layers if isinstance(document, Manifest) else ()


def _put_layers(
    planned: list[ServingLayer], serving: Serving, registry: ImageRegistry, tell: Progress
) -> list[Blob]:
    known = _known_layers([layer.layer for layer in planned], serving, registry)
    total = sum(layer.layer.size for layer in planned)
    done = 0
    blobs = []
    for layer in (layer.layer for layer in planned):
        with registry.lock(f"layer/{layer.key}"):
            blobs.append(_put_layer(layer, known.get(layer.key), registry, done, total, tell))
        done += layer.size
        tell(done, total)
    return blobs


def _known_layers(layers: list[Layer], serving: Serving, registry: ImageRegistry) -> dict[str, str]:
    """The digests by content that are noted here, or told by images in the registry."""
    hints = LayerHints(registry.workplace / NOTES)
    known = {layer.key: noted for layer in layers if (noted := hints.digest(layer)) is not None}
    wanted = {layer.key for layer in layers} - known.keys()
    if not wanted:
        return known
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
                for layer in _layers_of(image, registry):
                    content = layer.annotations.get(CONTENT)
                    if content in wanted:
                        known[content] = layer.digest
        if wanted <= known.keys():
            break
    return known


def _put_layer(
    layer: Layer,
    known: str | None,
    registry: ImageRegistry,
    done: int,
    total: int,
    tell: Progress,
) -> Blob:
    hints = LayerHints(registry.workplace / NOTES)
    known = known or hints.digest(layer)  # noted by another builder while we waited
    # Only a hint: believed when the registry has a blob of that digest and of the right size.
    if known is not None and is_digest(known) and registry.blob_size(known) == layer.size:
        return Blob(known, layer.size, sent=False)
    blob = registry.put_blob(_Told(layer, lambda read: tell(done + read, total)))
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
