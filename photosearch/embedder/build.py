"""Making an embedder's folder: the network's file, the catalogue's projection, the fingerprint.

This is the work of the unpartitioned asset ``embedder``. Below ``projection_min_photos`` there
is no projection, because a basis fitted on few photos would not hold for those to come. A
network of the user's own is calibrated to int8 on the catalogue's photos, and an int8 version
that strays too far from float is refused: it would answer, only worse.
"""

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photosearch.embedder.calibration import CALIBRATION_PICTURES, draw_calibration_picture
from photosearch.embedder.embedder import Embedder, open_session
from photosearch.embedder.embedder_file import (
    MODEL_FILE,
    PROJECTION_FILE,
    EmbedderFile,
)
from photosearch.embedder.errors import BadVector, EmbedderError
from photosearch.embedder.projection import fit_projection
from photosearch.embedder.registry import Network, resolve_network
from photosearch.files.digest import sha256_of
from photosearch.settings.settings import Settings

INT8_LEAST_COSINE = 0.99
_COMPARED_PICTURES = 32
_LEAST_PICTURES = 32


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
    network: Network | None = None,
) -> BuiltEmbedder:
    """Build the embedder of ``settings`` for a catalogue of ``photo_count`` photos.

    ``sample``: decoded photos uint8 [h, w, 3] of the catalogue, of which at most
    ``projection_sample`` are read; ``on_progress`` is told how many have been embedded.
    ``network`` is that of ``settings``, if the caller has resolved it already.

    Raises:
        EmbedderError: if the network can't be used or the sample is too small.
    """
    folder = work_dir / "embedder"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    photos: Iterator[NDArray[np.uint8]] = islice(iter(sample), settings.projection_sample)
    network = network or resolve_network(settings, work_dir)
    details: dict[str, Any] = {}
    if _needs_calibration(settings, network):
        first = list(islice(photos, CALIBRATION_PICTURES))
        photos = chain(first, photos)
        network, details = _calibrated(network, first, work_dir)
    shutil.copyfile(network.model, folder / MODEL_FILE)
    file = EmbedderFile(
        network=network.name,
        precision=network.precision,
        model_sha256=sha256_of(folder / MODEL_FILE),
        preprocessing=network.preprocessing,
        features=network.features,
        projection_sha256=None,
        dimension=network.features,
        output=network.output,
    )
    # Fewer features than asked for, as of a small network, are kept as they are.
    if (
        photo_count >= settings.projection_min_photos
        and network.features > settings.projection_dimensions
    ):
        plain = Embedder(
            file, open_session(folder / MODEL_FILE, threads=settings.embed_threads), None
        )
        features = np.concatenate([*_embedded(plain, photos, on_progress)] or [plain.embed([])])
        projection = fit_projection(features, settings.projection_dimensions)
        projection.write(folder / PROJECTION_FILE)
        file = file.model_copy(
            update={
                "projection_sha256": sha256_of(folder / PROJECTION_FILE),
                "dimension": projection.dimension,
            }
        )
        details["projection_photos"] = len(features)
    file.write(folder)
    details |= {"network": network.name, "precision": network.precision}
    return BuiltEmbedder(folder, file.fingerprint, file.dimension, details)


def sample_size(settings: Settings, network: Network, photo_count: int) -> int:
    """How many photos of a catalogue of ``photo_count`` building an embedder looks at."""
    projected = settings.projection_sample if photo_count >= settings.projection_min_photos else 0
    calibrated = CALIBRATION_PICTURES if _needs_calibration(settings, network) else 0
    return min(photo_count, max(projected, calibrated))


def _needs_calibration(settings: Settings, network: Network) -> bool:
    return settings.embedder_precision == "int8" and network.precision != "int8"


def _embedded(
    plain: Embedder,
    photos: Iterable[NDArray[np.uint8]],
    on_progress: Callable[[int], None] | None,
) -> Iterator[NDArray[np.float32]]:
    """The vectors [1, features] of ``photos`` that have one: a single photo ends nothing."""
    for number, image in enumerate(photos, start=1):
        name = f"sample photo {number}"
        (row,) = plain.embed_prepared([plain.prepare(image, name)], [name])
        if not isinstance(row, BadVector):
            yield row[None]
        if on_progress is not None:
            on_progress(number)


def _calibrated(
    network: Network, photos: Sequence[NDArray[np.uint8]], work_dir: Path
) -> tuple[Network, dict[str, Any]]:
    """The int8 version of a float network and how it was made.

    Drawn pictures fill up a sample that is too small to calibrate on.
    """
    from photosearch.embedder.quantise import quantise_network

    drawn = [draw_calibration_picture(seed) for seed in range(_LEAST_PICTURES - len(photos))]
    prepared = [network.preprocessing.prepare(picture) for picture in (*photos, *drawn)]
    target = work_dir / "int8.onnx"
    quantise_network(network.model, target, prepared)
    cosine = _mean_cosine(network.model, target, prepared[:_COMPARED_PICTURES])
    if not cosine >= INT8_LEAST_COSINE:
        raise EmbedderError(
            f"the int8 version of {network.name} strays from float",
            found=f"mean cosine {cosine:.3f} over {_COMPARED_PICTURES} photos",
            limit=f"at least {INT8_LEAST_COSINE}",
            remedy="set embedder_precision to float32",
        )
    details = {"calibration_photos": len(photos), "calibration_drawn": len(drawn)}
    return replace(network, model=target, precision="int8"), {**details, "int8_cosine": cosine}


def _mean_cosine(first: Path, second: Path, prepared: Sequence[NDArray[np.float32]]) -> float:
    vectors = []
    for model in (first, second):
        rows = open_session(model).run(np.stack(prepared)).astype(np.float64)
        vectors.append(rows / np.linalg.norm(rows, axis=1, keepdims=True))
    return float((vectors[0] * vectors[1]).sum(axis=1).mean())
