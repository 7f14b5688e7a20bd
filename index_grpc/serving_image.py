"""Serving images: an index server and the indexes of one pack, as an OCI image.

Built without a daemon and without privileges: layers are streamed from the model repository
into the registry and named by a manifest. The image's digest follows from the versions of the
indexes and the base image alone, so it does not matter who builds it, or how often; what the
registry has is neither read nor sent again.

A serving image is found by its tag, the Serving's name, and served by its digest. Whoever may
write to the registry may have a tag name another image, which says of itself whatever they like.
So the digest of what was built here is noted, and a tag that names another image, or one that is
not noted, counts for nothing: the image is built again, of which only what differs is sent.
"""

from dataclasses import dataclass
from pathlib import Path

from index_grpc.put_layers import Progress, layers_of, put_layers
from index_grpc.serving import Serving
from index_grpc.serving_annotations import (
    image_annotations,
    is_ours,
    layer_annotations,
    provenance,
    serving_file,
)
from index_grpc.serving_layers import ROOT, serving_layers
from photosearch.oci.assemble import find_image, put_image
from photosearch.oci.base import read_base
from photosearch.oci.documents import LAYER, Descriptor
from photosearch.oci.errors import DamagedImage
from photosearch.oci.hints import ImageNotes
from photosearch.oci.image_registry import ImageRegistry
from photosearch.oci.pull import pull_image, remove_unused_images
from photosearch.repository.addresses import Address
from photosearch.repository.repository import Repository

#: What is run in the image: it serves all that lies in ``/index``.
COMMAND = ("index-server", "--serving", f"/{ROOT}", "--host", "0.0.0.0", "--port", "50051")
#: The image's root is read-only; what a server writes for itself goes below ``/tmp``.
ENVIRONMENT = {"PHOTOSEARCH_MODELS_URL": f"/{ROOT}", "PHOTOSEARCH_STATE_DIR": "/tmp/photosearch"}


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
        notes = ImageNotes.of(registry)
        if found is not None and found.digest == notes.digest(serving.name, base.digest):
            layers = [layer for layer in layers_of(found.digest, registry) if is_ours(layer)]
            digests = tuple(layer.digest for layer in layers)
            return BuiltImage(found.digest, registry.reference(found.digest), digests, 0, 0)
        blobs = put_layers(planned, serving, registry, on_progress or (lambda done, total: None))
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
            tagged=found,
        )
        notes.note(serving.name, base.digest, image.digest)
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

    One whose documents are damaged is as good as none, and so is one that was not built here:
    it is built again.
    """
    base = read_base(registry.base)
    try:
        found = find_image(registry, serving.name, base, image_annotations(serving))
    except DamagedImage:
        return None
    noted = ImageNotes.of(registry).digest(serving.name, base.digest)
    return None if found is None or found.digest != noted else found.digest


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
