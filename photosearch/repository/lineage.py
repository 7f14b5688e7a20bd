"""What an artifact was made from, as its manifest says."""

from collections.abc import Iterator

from photosearch.repository.addresses import Address, ArtifactKey, Kind
from photosearch.repository.manifest import Manifest


def made_from(manifest: Manifest) -> Iterator[ArtifactKey]:
    """The versions in this repository that an artifact was made from."""
    fingerprint = manifest.fingerprint
    if fingerprint is None or manifest.kind == Kind.EMBEDDER:
        return
    yield Address.embedders(), fingerprint
    if manifest.quantiser is not None:
        yield Address.quantisers(fingerprint), manifest.quantiser
    for item in manifest.inputs:
        if item.kind == Kind.QUANTISER:
            yield Address.quantisers(fingerprint), item.version
        elif item.kind == Kind.PHOTOS and item.window is not None:
            yield Address.photos(item.window), item.version
        elif item.kind in (Kind.EMBEDDINGS, Kind.INDEX) and item.window is not None:
            yield Address(Kind(item.kind), fingerprint, item.window), item.version
