"""Whether the serving images of the registry are what their digests say.

A layer is compared when it is pulled, which may be months after it rotted; this looks now. A
builder takes a blob of the right name and size for whole, so a damaged one has to go before its
image is built again.
"""

import hashlib
from collections.abc import Iterator

from index_grpc.image_contents import ServingImage, serving_images
from index_grpc.servings import read_servings
from index_grpc.verify_tags import wrong_tags
from photosearch.counting import counted
from photosearch.errors import PhotosearchError
from photosearch.masked import masked
from photosearch.oci.errors import ImageMissing
from photosearch.oci.image_registry import ImageRegistry, open_registry
from photosearch.oci.layout import LayoutRegistry
from photosearch.settings import Settings

_REMEDY = "run 'photosearch verify --discard'; its images are built again"


def damaged_images(
    settings: Settings, *, discard: bool = False, looked_at: list[str] | None = None
) -> Iterator[str]:
    """One line for each blob that is damaged or missing, for each tag that is no image, and
    for each Serving without image; damaged blobs go with ``discard``.

    ``looked_at`` is told what was searched.
    """
    problems: list[str] = []
    try:
        registry = open_registry(settings)
        images = list(
            serving_images(
                registry, lambda tag, damage: problems.append(f"tag {tag} is no image: {damage}")
            )
        )
    except PhotosearchError as error:
        yield f"the registry can't be verified: {error}"
        return
    yield from problems
    checked: dict[str, str | None] = {}
    for image in images:
        yield from _damages(registry, image, checked, discard=discard)
    if isinstance(registry, LayoutRegistry):
        yield from _in_folder(registry, checked, discard=discard)
    try:
        yield from wrong_tags(registry, discard=discard)
    except PhotosearchError as error:
        yield f"the tags of the registry can't be verified: {error}"
    if looked_at is not None:
        looked_at.append(
            f"{counted(len(images), 'serving image')} of {counted(len(checked), 'blob')} "
            f"in {masked(settings.image_registry_url)}"
        )
    there = {image.digest for image in images}
    for serving in read_servings(settings.servings_dir).values():
        if serving.image is not None and serving.image not in there:
            yield (
                f"Serving {serving.name} asks for an image that the registry does not have: "
                f"found no {serving.image}; it is built again by 'photosearch materialize'"
            )


def _damages(
    registry: ImageRegistry, image: ServingImage, checked: dict[str, str | None], *, discard: bool
) -> Iterator[str]:
    for blob in image.blobs:
        if blob.digest in checked:
            continue
        checked[blob.digest] = found = _found(registry, blob.digest, blob.size)
        if found is not None:
            then = _discarded(registry, blob.digest) if discard else _REMEDY
            yield (
                f"image {image.tag}: blob {blob.digest} of {blob.size} bytes is damaged: "
                f"found {found}; {then}"
            )


def _in_folder(
    registry: LayoutRegistry, checked: dict[str, str | None], *, discard: bool
) -> Iterator[str]:
    """The documents, the signatures, and the blobs that no image has any more or of others' images:
    a builder takes each for whole that has the right name and size."""
    for digest in registry.blobs():
        size = registry.blob_size(digest)
        if digest in checked or size is None:
            continue
        checked[digest] = found = _found(registry, digest, size)
        if found is not None:
            then = _discarded(registry, digest) if discard else _REMEDY
            yield f"blob {digest} of {registry.folder} is damaged: found {found}; {then}"


def _discarded(registry: ImageRegistry, digest: str) -> str:
    try:
        registry.delete_blob(digest)
    except PhotosearchError as error:
        return f"it can't be discarded: {error}"
    return "discarded, and its images are built again"


def _found(registry: ImageRegistry, digest: str, size: int) -> str | None:
    """What is there instead of the blob; None if it is as it should be."""
    hashed, length = hashlib.sha256(), 0
    try:
        with registry.open_blob(digest) as chunks:
            for chunk in chunks:
                hashed.update(chunk)
                length += len(chunk)
    except ImageMissing:
        return "no blob"
    except PhotosearchError as error:
        return str(error)
    if length != size:
        return f"{length} bytes"
    actual = f"sha256:{hashed.hexdigest()}"
    return None if actual == digest else actual
