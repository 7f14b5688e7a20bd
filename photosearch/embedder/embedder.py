"""An embedder opened for use: decoded photos in, unit vectors out.

Query and batch open the same folder and call the same method; only the device and the number of
threads differ. A photo's vector does not depend on the batch it is in.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from photosearch.embedder.embedder_file import MODEL_FILE, PROJECTION_FILE, EmbedderFile
from photosearch.embedder.errors import BadVector, DamagedEmbedder
from photosearch.embedder.projection import Projection

_SHORTEST = 1e-12


class NetworkSession(Protocol):
    """A loaded network."""

    batch: int

    def run(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features float32 [n, d] of prepared photos float32 [n, 3, side, side]."""


class Embedder:
    """A network with its preprocessing and projection; :func:`open_embedder` makes one."""

    def __init__(
        self, file: EmbedderFile, session: NetworkSession, projection: Projection | None
    ) -> None:
        self.file = file
        self.fingerprint = file.fingerprint
        self.dimension = file.dimension
        self.input_side = file.preprocessing.side
        self.batch = session.batch
        self._session = session
        self._projection = projection

    def embed(
        self, images: Sequence[NDArray[np.uint8]], names: Sequence[str] | None = None
    ) -> NDArray[np.float32]:
        """Vectors float32 [n, dimension], unit length, of decoded photos uint8 [h, w, 3].

        ``names`` are used in errors.

        Raises:
            EmbedderError: if an image is not a decoded photo.
            BadVector: if the network gives NaN, infinity or only zeros for a photo.
        """
        named = names if names is not None else [f"photo {i}" for i in range(len(images))]
        vectors = np.empty((len(images), self.dimension), np.float32)
        for start in range(0, len(images), self.batch):
            part = slice(start, start + self.batch)
            prepared = [
                self.prepare(image, name)
                for image, name in zip(images[part], named[part], strict=True)
            ]
            for row, result in enumerate(self.embed_prepared(prepared, named[part]), start):
                if isinstance(result, BadVector):
                    raise result
                vectors[row] = result
        return vectors

    def prepare(self, image: NDArray[np.uint8], name: str = "photo") -> NDArray[np.float32]:
        """A decoded photo as the network reads it, float32 [3, side, side]; may run in a thread.

        Raises:
            EmbedderError: if ``image`` is not a decoded photo.
        """
        return self.file.preprocessing.prepare(image, name)

    def embed_prepared(
        self, prepared: Sequence[NDArray[np.float32]], names: Sequence[str]
    ) -> list[NDArray[np.float32] | BadVector]:
        """For each of at most ``batch`` prepared photos its vector, or why it has none."""
        results: list[NDArray[np.float32] | BadVector] = []
        for features, name in zip(self._session.run(np.stack(prepared)), names, strict=True):
            try:
                row = _unit(self._treat(features), name, "the network")
                if self._projection is not None:
                    row = _unit(self._projection.apply(row), name, "the projection")
                results.append(row.astype(np.float32))
            except BadVector as error:
                results.append(error)
        return results

    def _treat(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        exact = features.astype(np.float64)
        if self.file.output == "unit_length":
            return exact
        rooted: NDArray[np.float64] = np.copysign(np.sqrt(np.abs(exact)), exact)
        return rooted


def open_embedder(
    folder: Path,
    fingerprint: str | None = None,
    *,
    device: str = "cpu",
    threads: int = 0,
    alone: bool = True,
) -> Embedder:
    """Open an embedder's folder (``model.onnx``, ``embedder.json``, perhaps ``projection.npy``).

    ``fingerprint`` is the one that it must have, as whoever takes it from a repository knows;
    None: whichever it has.

    ``device`` is what :func:`~photosearch.embedder.device.choose_device` says: ``cpu`` runs ONNX
    Runtime, where ``threads`` (0: one a core) compute one photo; ``cuda`` runs torch in batches.
    Not ``alone``: other processes need the cores between two photos.

    Raises:
        DamagedEmbedder: if a file is missing or not the one that ``embedder.json`` names, or it
            is another embedder.
        EmbedderError: if the network can't be loaded.
    """
    file = EmbedderFile.read(folder)
    if fingerprint is not None and file.fingerprint != fingerprint:
        raise DamagedEmbedder(
            f"{folder} is another embedder's than its name says",
            found=f"fingerprint {file.fingerprint}",
            limit=fingerprint,
            remedy="materialise the asset 'embedder' again",
        )
    session = open_session(folder / MODEL_FILE, device=device, threads=threads, alone=alone)
    projection = None
    if file.projection_sha256 is not None:
        projection = Projection.read(folder / PROJECTION_FILE)
    return Embedder(file, session, projection)


def open_session(
    model: Path, *, device: str = "cpu", threads: int = 0, alone: bool = True
) -> NetworkSession:
    """Load a model file on a device; see :func:`open_embedder`.

    Raises:
        EmbedderError: if it can't be loaded there.
    """
    if device == "cpu":
        from photosearch.embedder.onnx_session import OnnxSession

        return OnnxSession(model, threads=threads, alone=alone)
    from photosearch.embedder.torch_session import TorchSession

    return TorchSession(model, device=device)


def _unit(row: NDArray[np.float64], name: str, source: str) -> NDArray[np.float64]:
    length = float(np.sqrt(np.dot(row, row)))
    if not np.isfinite(length) or length < _SHORTEST:
        raise BadVector(
            f"{name!r} has no usable vector",
            found=f"{source} gave {'only zeros' if length < _SHORTEST else 'values not finite'}",
            limit="a vector with a direction",
            remedy="look at the photo; if many fail, at the network",
        )
    unit: NDArray[np.float64] = row / length
    return unit
