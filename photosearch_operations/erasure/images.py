"""Serving images that hold a listing: in the registry, asked for, and unpacked here.

First images without it are built and asked for, so that the deployer has what to serve
instead; nobody need wait for the sensor. When the last server that came from an old image has
ended, the images go, and with them the layers that hold the listing's rows.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from index_grpc.index.index_files import ROWS
from index_grpc.serving.opening import open_desk
from index_grpc.shipping.contents import serving_images
from index_grpc.shipping.image import remove_unused
from index_grpc.shipping.layer_notes import LayerNotes, window_of
from index_grpc.shipping.reconcile import reconcile_servings
from photosearch.files.walk import content_of, files_below
from photosearch.oci.building.known_layers import KnownLayers
from photosearch.oci.errors import DamagedImage, ImageMissing, NoImage
from photosearch.oci.layout.layout import LayoutRegistry
from photosearch.oci.opening import open_registry, workplace_of
from photosearch.oci.registry import ImageRegistry
from photosearch.oci.signing.signatures import signature_tag
from photosearch.repository.addresses import Address, ArtifactKey
from photosearch.repository.storage.port import Storage
from photosearch.settings.settings import Settings
from photosearch.windows import Window
from photosearch_operations.erasure.record import Record
from photosearch_operations.erasure.traces import Needles

_FREED_LATER = (
    "the registry gives the deleted layers to nobody, and frees their bytes when it collects "
    "its garbage"
)


def asked_with(settings: Settings, versions: Collection[ArtifactKey]) -> set[str]:
    """The names of the Servings that are asked for and hold one of these versions."""
    return {
        name
        for name, serving in open_desk(settings).asked().items()
        for served in serving.windows
        if (Address.index(serving.fingerprint, served.window), served.version) in versions
    }


def ask_without(settings: Settings, versions: Collection[ArtifactKey]) -> Sequence[str]:
    """Build images of what is current and ask for them, if something of ``versions`` is.

    Returns why a Serving with one of them must still be asked for; nothing if none is.

    Raises:
        RegistryRefused: if the registry does not answer.
    """
    if not asked_with(settings, versions):
        return ()
    failed = reconcile_servings(settings).failed
    return failed if failed and asked_with(settings, versions) else ()


def delete_images(settings: Settings, storage: Storage, record: Record) -> int:
    """Delete the images with a version of the record and the layers with its rows; how many.

    They are found and noted before, for once its tag is gone a registry does not tell of an
    image any more; what was noted by an erasure that broke off is deleted too.

    Raises:
        RegistryRefused: if the registry does not answer, or deletes nothing.
    """
    registry, notes = open_registry(settings), LayerNotes(storage)
    noted = _noted_layers(KnownLayers.of(workplace_of(settings)), notes, record.windows)
    found = _find_images(registry, noted, record)
    record.add("images", found.digests)
    record.add("layers", found.layers)
    if record.receipt.layers and not isinstance(registry, LayoutRegistry):
        record.note(_FREED_LATER)
    record.save()
    signatures = map(signature_tag, record.receipt.images)
    for reference in (*sorted(found.tags), *record.receipt.images, *signatures):
        registry.delete(reference)
    for layer in record.receipt.layers:
        registry.delete_blob(layer)
    notes.forget(record.receipt.layers, record.windows)
    if isinstance(registry, LayoutRegistry):
        registry.sweep()  # a builder that was killed leaves half of a layer
    return len(found.tags)


def delete_unpacked(settings: Settings, needles: Needles) -> int:
    """Delete the unpacked images of this machine that hold the listing; how many."""
    folder = settings.unpacked_images_dir
    images = list((folder / "images").iterdir()) if (folder / "images").is_dir() else []
    keep = {
        f"sha256:{image.name}"
        for image in images
        if not any(
            needles.are_in(content_of(rows)) for rows in files_below(image) if rows.name == ROWS
        )
    }
    # Also when no image has it: a layer may be left of one that is gone.
    remove_unused(folder, keep)
    return len(images) - len(keep)


@dataclass(frozen=True)
class _HeldImages:
    """Images that hold a listing: their tags, their digests, and their layers with its rows."""

    tags: set[str]
    digests: set[str]
    layers: set[str]


def _find_images(registry: ImageRegistry, noted: Collection[str], record: Record) -> _HeldImages:
    """An image may be older than what the repository still knows. So layers of other versions
    of the windows are read, and in a folder every blob that is there."""
    versions, windows = record.removed, record.windows
    search = _BlobSearch(registry, record.needles)
    held = _HeldImages(set(), set(), set())

    def pass_over(tag: str, damage: DamagedImage) -> None:
        # In a folder every blob is searched, whatever names it. In a registry layers are found
        # by their images alone, and one of ours that is not understood may have the listing.
        if not isinstance(registry, LayoutRegistry) and not isinstance(damage, NoImage):
            raise damage
        record.note(f"the registry's tag {tag} is no image that is understood")

    named: set[str] = set()
    for image in serving_images(registry, pass_over):
        found = {
            layer.digest
            for address, version in image.indexes
            if address.window is not None and address.window in windows
            for layer in image.layers_of(address.window)
            if (address, version) in versions or search.finds(layer.digest)
        }
        named |= {layer.digest for layer in image.layers}
        if found:
            held.tags.add(image.tag)
            held.digests.add(image.digest)
            held.layers.update(found)
    if isinstance(registry, LayoutRegistry):
        held.layers.update(digest for digest in registry.blobs() if search.finds(digest))
    else:
        held.layers.update(digest for digest in {*noted} - named if search.finds(digest))
    return held


def _noted_layers(known: KnownLayers, notes: LayerNotes, windows: Collection[Window]) -> set[str]:
    """Layers that any machine once put there and that may have one of these windows.

    A registry keeps a layer, and gives it to who knows its digest, when its image was deleted
    or its builder was killed. A former release noted them on the builder's machine alone.
    """
    here = {
        digest
        for digest, folders in known.noted()
        if folders is None or any(window_of(folder) in windows for folder in folders)
    }
    return here | notes.of(windows)


class _BlobSearch:
    """Whether a blob holds the listing's rows; each is read once."""

    def __init__(self, registry: ImageRegistry, needles: Needles) -> None:
        self._registry = registry
        self._needles = needles
        self._found: dict[str, bool] = {}

    def finds(self, digest: str) -> bool:
        if digest not in self._found:
            self._found[digest] = self._read(digest)
        return self._found[digest]

    def _read(self, digest: str) -> bool:
        tail = b""
        try:
            with self._registry.open_blob(digest) as chunks:
                for chunk in chunks:
                    # A needle may lie across two chunks.
                    if self._needles.are_in(tail + chunk):
                        return True
                    tail = (tail + chunk)[-len(self._needles.row) :]
        except ImageMissing:
            return False
        return False
