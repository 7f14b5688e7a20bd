"""Whether an image holds what it says, by what is in its layers.

Whoever may write to a registry may put any image under a tag and have it say of itself what it
likes. So nothing is asked of an image but where its layers are: what these hold is worked out
(layer_contents.py) and then compared with what the image and the repository say.
"""

from collections.abc import Callable, Collection, Iterator

from index_grpc.serving.serving import Serving
from index_grpc.shipping.annotations import serving_of
from index_grpc.shipping.contents import ServingImage, is_layer_of
from index_grpc.shipping.layer_contents import LayerContents, read_layer
from photosearch.oci.building.put_layers import NAMES, is_ours
from photosearch.oci.documents import Descriptor, ImageManifest, parse_document
from photosearch.oci.registry import ImageRegistry
from photosearch.repository.addresses import Address, ArtifactKey
from photosearch.repository.manifest import Manifest

ReadLayer = Callable[[Descriptor], LayerContents]


def image_faults(image: ServingImage, told: Serving, read: ReadLayer) -> Iterator[str]:
    """What an image says of itself and is not so, as clauses; ``told`` is what it says it holds.

    Layers with faults of their own are passed over: ``read`` tells of these.
    """
    found: set[ArtifactKey] = set()
    unknown = False
    for layer in image.layers:
        contents = read(layer)
        unknown = unknown or bool(contents.faults)
        for key in sorted(contents.versions, key=_words):
            if key in found:
                yield f"{_words(key)} is in two of its layers"
            found.add(key)
            window = key[0].window
            if window is not None and layer not in image.layers_of(window):
                yield (f"its layer for {layer.annotations[f'{NAMES}.layer']!r} holds {_words(key)}")
    claimed = claims_of(told)
    if not unknown:
        yield from (
            f"it says that it holds {_words(key)} and does not" for key in _sorted(claimed - found)
        )
    yield from (f"it holds {_words(key)} and does not say so" for key in _sorted(found - claimed))


def claims_of(serving: Serving) -> set[ArtifactKey]:
    """All that an image of this Serving should hold."""
    claimed: set[ArtifactKey] = {
        (Address.index(serving.fingerprint, served.window), served.version)
        for served in serving.windows
    }
    if serving.quantiser is not None:
        claimed.add((Address.quantisers(serving.fingerprint), serving.quantiser))
    return claimed


def is_of(image: ServingImage, serving: Serving) -> bool:
    """Whether an image says that it has the indexes of this Serving, and no others."""
    return image.indexes == {key for key in claims_of(serving) if key[0].window is not None}


def index_fault(
    registry: ImageRegistry, digest: str, key: ArtifactKey, recorded: Manifest | None
) -> str | None:
    """Why the image of this digest does not hold just this version of an index; None if it does.

    Its layer is read, and that of the quantiser, by whose codes it is searched. ``recorded`` is
    what the repository knows of the version: it is the same to all of its digests.

    Raises:
        ImageMissing, DamagedImage: if image or layer is not what its digest says, or not there.
        RegistryRefused: if the registry does not answer.
    """
    found = image_told(registry, digest)
    if found is None:
        return "the registry does not have it"
    document, told = found
    wanted = [key]
    quantiser = told.quantiser if recorded is None else recorded.quantiser
    if quantiser is not None:
        wanted.append((Address.quantisers(told.fingerprint), quantiser))
    held: dict[ArtifactKey, str] = {}
    for layer in filter(is_ours, document.layers):
        if any(is_layer_of(layer, address.window) for address, _ in wanted):
            contents = read_layer(registry, layer)
            if contents.faults:
                return f"its layer {layer.digest} holds what makes no version: {contents.told}"
            held |= contents.versions
    for one in wanted:
        if one not in held or one not in claims_of(told):
            return f"it does not hold {_words(one)}"
    if recorded is not None and held[key] != recorded.digest:
        return f"it holds another {_words(key)} than the repository: of digest {held[key][:16]}"
    return None


def image_told(registry: ImageRegistry, digest: str) -> tuple[ImageManifest, Serving] | None:
    """An image and what it says it holds; None if the registry does not have it.

    Raises:
        DamagedImage: if it is not what its digest says, or no serving image.
        RegistryRefused: if the registry does not answer.
    """
    found = registry.document(digest)
    document = None if found is None else parse_document(found[0], digest)
    if not isinstance(document, ImageManifest):
        return None
    return document, serving_of(document.annotations)


def _sorted(keys: Collection[ArtifactKey]) -> list[ArtifactKey]:
    return sorted(keys, key=_words)


def _words(key: ArtifactKey) -> str:
    address, version = key
    what = address.kind if address.window is None else address.window.key
    return f"version {version} of {what}"
