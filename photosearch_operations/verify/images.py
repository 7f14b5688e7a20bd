"""Whether the serving images of the registry are what their digests say, and hold what they say.

A layer is compared when it is pulled, which may be months after it rotted; this looks now. A
builder takes a blob of the right name and size for whole, so a damaged one has to go before its
image is built again. An image whose layers are whole may still be another's, that took the tag:
so its content is worked out again, and it is compared with the one that was built here.
"""

import hashlib
from collections.abc import Collection, Iterator

from index_grpc.serving.opening import open_desk
from index_grpc.shipping.contents import ServingImage, serving_images
from index_grpc.shipping.faults import image_faults, image_told, is_of
from index_grpc.shipping.layer_contents import LayerContents, read_layer
from photosearch.errors import PhotosearchError
from photosearch.oci.building.known_layers import KnownImages
from photosearch.oci.documents import BASE_DIGEST, Descriptor
from photosearch.oci.errors import DamagedImage, ImageMissing
from photosearch.oci.layout.layout import LayoutRegistry
from photosearch.oci.opening import open_registry, workplace_of
from photosearch.oci.registry import ImageRegistry
from photosearch.settings.settings import Settings
from photosearch.terminal.masked import masked
from photosearch.terminal.wording import counted
from photosearch_operations.verify.servings import changed_servings
from photosearch_operations.verify.tags import wrong_tags

_REMEDY = "run 'photosearch verify --discard'; its images are built again"


def damaged_images(
    settings: Settings, *, discard: bool = False, looked_at: list[str] | None = None
) -> Iterator[str]:
    """One line for each blob that is damaged or missing, for each image that holds something
    else than it says, for each tag that is no image, and for each Serving without image; damaged
    blobs and such images go with ``discard``.

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
    servings = open_desk(settings).asked().values()
    search = _Search(
        registry,
        KnownImages.of(workplace_of(settings)),
        {serving.image for serving in servings},
        discard=discard,
    )
    for image in images:
        yield from search.look(image)
    if isinstance(registry, LayoutRegistry):
        yield from search.look_at_the_rest(registry)
    try:
        yield from wrong_tags(registry, discard=discard)
    except PhotosearchError as error:
        yield f"the tags of the registry can't be verified: {error}"
    if looked_at is not None:
        looked_at.append(
            f"{counted(len(images), 'serving image')} of {counted(len(search.checked), 'blob')} "
            f"in {masked(settings.image_registry_url)}"
        )
    yield from changed_servings(settings, discard=discard, looked_at=looked_at)
    there = {image.digest: image for image in images}
    for serving in servings:
        if serving.image is None:
            continue
        if serving.image not in there:
            yield (
                f"Serving {serving.name} asks for an image that the registry does not have: "
                f"found no {serving.image}; it is built again by 'photosearch materialize'"
            )
        elif not is_of(there[serving.image], serving):
            yield (
                f"Serving {serving.name} asks for the image of another: found {serving.image}, "
                f"which is {there[serving.image].tag}; 'photosearch materialize' asks anew"
            )


class _Search:
    """Looks at images; each blob is read once."""

    def __init__(
        self,
        registry: ImageRegistry,
        known: KnownImages,
        asked: Collection[str | None],
        *,
        discard: bool,
    ) -> None:
        self._registry = registry
        self._known = known
        self._asked = asked
        self._discard = discard
        self._contents: dict[str, LayerContents] = {}
        self.checked: set[str] = set()

    def look(self, image: ServingImage) -> Iterator[str]:
        unread = False
        for blob in image.blobs:
            is_ours = blob in image.layers
            if blob.digest not in self.checked:
                self.checked.add(blob.digest)
                found = self._found(blob, is_ours=is_ours)
                if found is not None:
                    then = self._discarded(blob.digest) if self._discard else _REMEDY
                    yield (
                        f"image {image.tag}: blob {blob.digest} of {blob.size} bytes is damaged: "
                        f"found {found}; {then}"
                    )
            unread = unread or (is_ours and blob.digest not in self._contents)
        if unread:
            return
        faults = self._faults(image)
        if faults:
            then = self._taken_away(image) if self._discard else _REMEDY
            told = "; ".join([*faults, then])
            yield f"image {image.tag} ({image.digest}) is not what it should be: {told}"

    def look_at_the_rest(self, registry: LayoutRegistry) -> Iterator[str]:
        """The documents, the signatures, and the blobs that no image has any more or of others'
        images: a builder takes each for whole that has the right name and size."""
        for digest in registry.blobs():
            size = registry.blob_size(digest)
            if digest in self.checked or size is None:
                continue
            self.checked.add(digest)
            found = self._found(Descriptor("", digest, size), is_ours=False)
            if found is not None:
                then = self._discarded(digest) if self._discard else _REMEDY
                yield f"blob {digest} of {registry.folder} is damaged: found {found}; {then}"

    def _faults(self, image: ServingImage) -> list[str]:
        try:
            told = image_told(self._registry, image.digest)
        except DamagedImage as damage:
            return [str(damage)]
        if told is None:
            return ["it is not there any more"]
        document, serving = told
        if image.tag != serving.name and image.digest not in self._asked:
            return []  # under a name of somebody's own: nobody builds with it or serves it
        faults = list(image_faults(image, serving, lambda one: self._contents[one.digest]))
        base = document.annotations.get(BASE_DIGEST, "")
        noted = self._known.digest(image.tag, base)
        if noted not in (None, image.digest):
            faults.append(f"the one that was built here is {noted}")
        return faults + [
            f"its layer {layer.digest} holds what makes no version: "
            f"{self._contents[layer.digest].told}"
            for layer in self._bad(image)
        ]

    def _bad(self, image: ServingImage) -> list[Descriptor]:
        return [layer for layer in image.layers if self._contents[layer.digest].faults]

    def _found(self, blob: Descriptor, *, is_ours: bool) -> str | None:
        """What is there instead of the blob; None if it is as it should be."""
        try:
            if is_ours:
                self._contents[blob.digest] = read_layer(self._registry, blob)
                return None
            return _other_bytes(self._registry, blob)
        except ImageMissing:
            return "no blob"
        except DamagedImage as damage:
            return str(damage.found)
        except PhotosearchError as error:
            return str(error)

    def _discarded(self, digest: str) -> str:
        try:
            self._registry.delete_blob(digest)
        except PhotosearchError as error:
            return f"it can't be discarded: {error}"
        return "discarded, and its images are built again"

    def _taken_away(self, image: ServingImage) -> str:
        try:
            self._registry.delete(image.tag)
            for layer in self._bad(image):
                self._registry.delete_blob(layer.digest)
        except PhotosearchError as error:
            return f"it can't be discarded: {error}"
        return "discarded, and built again if it is wanted"


def _other_bytes(registry: ImageRegistry, blob: Descriptor) -> str | None:
    hashed, length = hashlib.sha256(), 0
    with registry.open_blob(blob.digest) as chunks:
        for chunk in chunks:
            hashed.update(chunk)
            length += len(chunk)
            if length > blob.size:
                break
    if length != blob.size:
        return f"{length} bytes"
    actual = f"sha256:{hashed.hexdigest()}"
    return None if actual == blob.digest else actual
