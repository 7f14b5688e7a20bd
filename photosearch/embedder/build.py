"""Making an embedder's folder: the network's file, the catalogue's projection, the fingerprint.

This is the work of the unpartitioned asset ``embedder``. Below ``projection_min_photos`` there
is no projection, because a basis fitted on few photos would not hold for those to come.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photosearch.embedder.embedder import Embedder
from photosearch.embedder.embedder_file import (
    MODEL_FILE,
    PROJECTION_FILE,
    EmbedderFile,
    file_sha256,
)
from photosearch.embedder.onnx_session import OnnxSession
from photosearch.embedder.projection import fit_projection
from photosearch.embedder.registry import resolve_network
from photosearch.settings import Settings


@dataclass(frozen=True)
class BuiltEmbedder:
    """An embedder's folder, ready to be published."""

    folder: Path
    fingerprint: str
    dimension: int
    details: dict[str, Any]


def build_embedder(
    settings: Settings,
    sample: Iterable[NDArray[np.uint8]],
    photo_count: int,
    work_dir: Path,
    on_progress: Callable[[int], None] | None = None,
) -> BuiltEmbedder:
    """Build the embedder of ``settings`` for a catalogue of ``photo_count`` photos.

    ``sample``: decoded photos uint8 [h, w, 3] of the catalogue, of which at most
    ``projection_sample`` are read; ``on_progress`` is told how many have been embedded.

    Raises:
        EmbedderError: if the network can't be used or the sample is too small.
    """
    folder = work_dir / "embedder"
    folder.mkdir(parents=True, exist_ok=True)
    network = resolve_network(settings)
    (folder / MODEL_FILE).write_bytes(network.model.read_bytes())
    (folder / PROJECTION_FILE).unlink(missing_ok=True)
    file = EmbedderFile(
        network=network.name,
        precision=network.precision,
        model_sha256=file_sha256(folder / MODEL_FILE),
        preprocessing=network.preprocessing,
        features=network.features,
        projection_sha256=None,
        dimension=network.features,
    )
    details: dict[str, Any] = {"network": network.name, "precision": network.precision}
    if photo_count >= settings.projection_min_photos:
        plain = Embedder(
            file, OnnxSession(folder / MODEL_FILE, threads=settings.embed_threads), None
        )
        features = np.concatenate(list(_embedded(plain, sample, settings, on_progress)))
        projection = fit_projection(features, settings.projection_dimensions)
        projection.write(folder / PROJECTION_FILE)
        file = file.model_copy(
            update={
                "projection_sha256": file_sha256(folder / PROJECTION_FILE),
                "dimension": projection.dimension,
            }
        )
        details["projection_photos"] = len(features)
    file.write(folder)
    return BuiltEmbedder(folder, file.fingerprint, file.dimension, details)


def _embedded(
    plain: Embedder,
    sample: Iterable[NDArray[np.uint8]],
    settings: Settings,
    on_progress: Callable[[int], None] | None,
) -> Iterable[NDArray[np.float32]]:
    for number, image in enumerate(sample, start=1):
        yield plain.embed([image])
        if on_progress is not None:
            on_progress(number)
        if number >= settings.projection_sample:
            return
