"""Serving images: an index server and the indexes of one pack, as an OCI image.

Built without a daemon and without privileges: layers are streamed from the model repository
into the registry and named by a manifest. The image's digest follows from the versions of the
indexes and the base image alone, so it does not matter who builds it, or how often; what the
registry has is neither read nor sent again.

A serving image is found by its tag, the Serving's name, and served by its digest.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from index_grpc.serving import Serving
from index_grpc.serving_layers import ROOT, SERVING_FILE, ServingLayer, serving_layers
from photosearch.oci.assemble import find_image, put_image
from photosearch.oci.base import BaseImage, read_base
from photosearch.oci.documents import LAYER, Descriptor
from photosearch.oci.errors import DamagedImage
from photosearch.oci.hints import LayerHints
from photosearch.oci.image_registry import Blob, ImageRegistry
from photosearch.oci.layers import Layer
from photosearch.oci.pull import pull_image, remove_unused_images
from photosearch.repository.addresses import Address
from photosearch.repository.manifest import Manifest
from photosearch.repository.repository import Repository
from photosearch.version import CODE_VERSION
from photosearch.windows import Window

#: What is run in the image. Its root is read-only, so the server works below /tmp.
COMMAND = (
    *("index-server", "--serving", f"/{ROOT}/{SERVING_FILE}", "--repository", f"file:///{ROOT}"),
    *("--work-dir", "/tmp/photosearch", "--host", "0.0.0.0", "--port", "50051"),
)
NAMES = "io.photosearch"

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
        found = find_image(registry, serving.name, base)
        if found is not None:
            return _already_there(found.digest, planned, registry)
        blobs = _put_layers(planned, registry, on_progress)
        layers = [
            Descriptor(LAYER, blob.digest, blob.size, _layer_annotations(layer))
            for layer, blob in zip(planned, blobs, strict=True)
        ]
        image = put_image(
            registry,
            serving.name,
            base,
            layers,
            command=COMMAND,
            annotations=_annotations(serving),
            provenance=_provenance(serving, manifests, base),
        )
    sent = [blob for blob in blobs if blob.sent]
    return BuiltImage(
        digest=image.digest,
        reference=registry.reference(image.digest),
        layers=tuple(blob.digest for blob in blobs),
        pushed_layers=len(sent),
        pushed_bytes=sum(blob.size for blob in (*sent, *image.sent)) + image.sent_documents,
    )


def find_serving_image(serving: Serving, registry: ImageRegistry) -> str | None:
    """The digest of a Serving's image on today's base, if the registry has all of it."""
    found = find_image(registry, serving.name, read_base(registry.base))
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
    return pull_image(registry, digest, folder, layers=_is_ours) / ROOT


def remove_unused(folder: Path, keep_digests: set[str]) -> None:
    """Delete the pulled images that are not to be kept, and layers that no image has."""
    remove_unused_images(folder, keep_digests)


def _is_ours(layer: Descriptor) -> bool:
    return f"{NAMES}.layer" in layer.annotations


def _already_there(digest: str, planned: list[ServingLayer], registry: ImageRegistry) -> BuiltImage:
    hints = LayerHints(registry.workplace / "layers")
    known = tuple(hints.digest(layer.layer) or "" for layer in planned)
    return BuiltImage(digest, registry.reference(digest), known, 0, 0)


def _put_layers(
    planned: list[ServingLayer], registry: ImageRegistry, on_progress: Progress | None
) -> list[Blob]:
    hints = LayerHints(registry.workplace / "layers")
    total = sum(layer.layer.size for layer in planned)
    done = 0
    blobs = []
    for planned_layer in planned:
        layer = planned_layer.layer
        before = done

        def tell(read: int, before: int = before) -> None:
            if on_progress is not None:
                on_progress(before + read, total)

        with registry.lock(f"layer/{layer.key}"):
            blobs.append(_put_layer(layer, registry, hints, tell))
        done += layer.size
        tell(layer.size)
    return blobs


def _put_layer(
    layer: Layer, registry: ImageRegistry, hints: LayerHints, tell: Callable[[int], None]
) -> Blob:
    noted = hints.digest(layer)
    if noted is not None and registry.blob_size(noted) == layer.size:
        return Blob(noted, layer.size, sent=False)
    blob = registry.put_blob(_Told(layer, tell))
    if blob.size != layer.size:
        raise DamagedImage(
            "a layer changed while it was read",
            found=f"{blob.size} bytes",
            limit=f"{layer.size} bytes",
        )
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


def _layer_annotations(layer: ServingLayer) -> dict[str, str]:
    return {f"{NAMES}.layer": layer.what, f"{NAMES}.content": layer.layer.key}


def _annotations(serving: Serving) -> dict[str, str]:
    """What belongs to the image's digest: it follows from the versions."""
    windows = [[served.window, served.version] for served in serving.windows]
    return {
        "org.opencontainers.image.title": f"photosearch indexes {serving.name}",
        "org.opencontainers.image.version": serving.name,
        f"{NAMES}.serving": serving.name,
        f"{NAMES}.fingerprint": serving.fingerprint,
        f"{NAMES}.quantiser": serving.quantiser or "",
        f"{NAMES}.windows": json.dumps(windows, separators=(",", ":")),
    }


def _provenance(
    serving: Serving, manifests: Mapping[Window, Manifest], base: BaseImage
) -> dict[str, str]:
    """What does not: who made it, when, and how well it measured."""
    recalls = [m.recall for m in manifests.values() if m.recall is not None]
    indexes = [
        {
            "window": manifest.window,
            "version": manifest.version,
            "rows": manifest.rows,
            "recall": manifest.recall,
            "run_id": manifest.run_id,
            "created_at": manifest.created_at.isoformat(),
        }
        for manifest in manifests.values()
    ]
    told = {
        "org.opencontainers.image.created": datetime.now(UTC).isoformat(timespec="seconds"),
        f"{NAMES}.code-version": CODE_VERSION,
        f"{NAMES}.tier": serving.tier,
        f"{NAMES}.indexes": json.dumps(indexes, separators=(",", ":")),
    }
    if recalls:
        told[f"{NAMES}.recall"] = f"{min(recalls)}"
    if base.name is not None:
        told["org.opencontainers.image.base.name"] = base.name
    return told
