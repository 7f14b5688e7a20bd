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
from photosearch.embedder.errors import BadVector
from photosearch.embedder.projection import Projection


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
            vectors[part] = self._embed_part(images[part], named[part])
        return vectors

    def _embed_part(
        self, images: Sequence[NDArray[np.uint8]], names: Sequence[str]
    ) -> NDArray[np.float32]:
        prepared = np.stack(
            [self.file.preprocessing.prepare(i, n) for i, n in zip(images, names, strict=True)]
        )
        rows = [
            _unit(row, name, "the network")
            for row, name in zip(self._session.run(prepared), names, strict=True)
        ]
        if self._projection is not None:
            rows = [
                _unit(self._projection.apply(row), name, "the projection")
                for row, name in zip(rows, names, strict=True)
            ]
        return np.stack(rows).astype(np.float32)


def open_embedder(folder: Path, *, device: str = "cpu", threads: int = 0) -> Embedder:
    """Open an embedder's folder (``model.onnx``, ``embedder.json``, perhaps ``projection.npy``).

    ``threads`` compute one photo on a CPU; 0 means one a core.

    Raises:
        DamagedEmbedder: if a file is missing or not the one that ``embedder.json`` names.
        EmbedderError: if the network can't be loaded.
    """
    from photosearch.embedder.onnx_session import OnnxSession

    file = EmbedderFile.read(folder)
    projection = None
    if file.projection_sha256 is not None:
        projection = Projection.read(folder / PROJECTION_FILE)
    return Embedder(file, OnnxSession(folder / MODEL_FILE, threads=threads), projection)


def _unit(row: NDArray[np.floating], name: str, source: str) -> NDArray[np.float64]:
    exact = row.astype(np.float64)
    length = float(np.sqrt(np.dot(exact, exact)))
    if not np.isfinite(length) or length < 1e-12:
        raise BadVector(
            f"{name!r} has no usable vector: {source} gave {'zeros' if length < 1e-12 else 'NaN'}",
            found=f"length {length}",
            limit="a finite length above 0",
            remedy="look at the photo; if many fail, at the network",
        )
    unit: NDArray[np.float64] = exact / length
    return unit
