"""Serving images: an index server and the indexes of one pack, as an OCI image.

How an image is built and found again says photosearch/oci/building/build.py; here is what is in
it and how it is run. Its tag is the Serving's name, by which it is found; it is served by its
digest, which follows from the versions of the indexes and the base image alone.
"""

from pathlib import Path

from index_grpc.serving.serving import Serving
from index_grpc.shipping.annotations import image_annotations, provenance, serving_file
from index_grpc.shipping.layer_notes import LayerNotes
from index_grpc.shipping.layers import ROOT, serving_layers
from photosearch.oci.building.build import (
    BuiltImage,
    ImageBuilder,
    PlannedImage,
    build_image,
    find_built,
)
from photosearch.oci.building.put_layers import Progress, is_ours
from photosearch.oci.layout.layout import LayoutRegistry
from photosearch.oci.pulling.pull import pull_image, remove_unused_images
from photosearch.oci.registry import ImageRegistry
from photosearch.repository.addresses import Address
from photosearch.repository.repository import Repository

#: What is run in the image: it serves all that lies in ``/index``.
COMMAND = ("index-server", "--serving", f"/{ROOT}", "--host", "0.0.0.0", "--port", "50051")
#: The image's root is read-only; what a server writes for itself goes below ``/tmp``.
ENVIRONMENT = {"PHOTOSEARCH_MODELS_URL": f"/{ROOT}", "PHOTOSEARCH_STATE_DIR": "/tmp/photosearch"}


def build_serving_image(
    serving: Serving,
    repository: Repository,
    builder: ImageBuilder,
    *,
    on_progress: Progress = lambda done, total: None,
) -> BuiltImage:
    """Make the image of a Serving, or find that it is there.

    Raises:
        ArtifactMissing: if a version of the Serving does not exist.
        DamagedImage: if a file is not what its manifest says; no image is made.
        ImageMissing, ImageError: if there is no base image, or it is for another platform.
        RegistryRefused: if the registry is down, read-only, full, or refuses this user.
    """
    base = builder.read_base()
    manifests = {
        served.window: repository.manifest(
            Address.index(serving.fingerprint, served.window), served.version
        )
        for served in serving.windows
    }
    planned = PlannedImage(
        tag=serving.name,
        layers=serving_layers(serving, manifests, repository),
        command=COMMAND,
        environment=ENVIRONMENT,
        annotations=image_annotations(serving),
        provenance=provenance(serving, manifests),
    )
    # A folder of images lists its blobs.
    is_folder = isinstance(builder.registry, LayoutRegistry)
    shared = None if is_folder else LayerNotes(repository.storage)
    return build_image(builder, base, planned, on_progress, shared)


def find_serving_image(serving: Serving, builder: ImageBuilder) -> str | None:
    """The digest of a Serving's image on today's base, if the registry has all of it."""
    return find_built(builder, builder.read_base(), serving.name, image_annotations(serving))


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
