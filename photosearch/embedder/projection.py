"""The catalogue's own projection: a centred, unwhitened principal component analysis.

Fitted once on a sample of the catalogue's photos and frozen in the fingerprint. It keeps what
tells this catalogue's photos apart; components of other pictures, or whitened ones, lose recall
(measured: docs/benchmarks.md). It is fitted in float64 with a fixed sign and kept to 20 binary
places, coarser than the noise of a matrix library's threads, so that the same features give
the same bytes. It is applied to one photo at a time in float64, so that a vector depends neither
on the batch nor on the order of summation.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photosearch.embedder.errors import DamagedEmbedder, EmbedderError

_PLACES = 2.0**20


class Projection:
    """Maps unit features [features] to [dimension]; not yet of unit length."""

    def __init__(self, matrix: NDArray[np.float32]) -> None:
        """``matrix``: float32 [1 + dimension, features]; the mean, then the components."""
        self.matrix = matrix
        self.dimension = len(matrix) - 1
        self._mean = matrix[0].astype(np.float64)
        self._components = np.ascontiguousarray(matrix[1:], dtype=np.float64)

    def apply(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Project one photo's features, float64 [features] to float64 [dimension]."""
        projected: NDArray[np.float64] = self._components @ (features - self._mean)
        return projected

    def write(self, path: Path) -> None:
        """Write the matrix as a ``.npy`` file."""
        np.save(path, self.matrix)

    @classmethod
    def read(cls, path: Path) -> "Projection":
        """Read what :meth:`write` wrote.

        Raises:
            DamagedEmbedder: if the file is not such a matrix.
        """
        try:
            matrix = np.load(path, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise DamagedEmbedder(f"{path} is not a projection", found=str(error)) from error
        if matrix.ndim != 2 or matrix.dtype != np.float32 or not np.isfinite(matrix).all():
            raise DamagedEmbedder(
                f"{path} is not a projection",
                found=f"{matrix.dtype} {list(matrix.shape)}",
                limit="finite float32 [1 + dimension, features]",
            )
        return cls(matrix)


def fit_projection(features: NDArray[np.float32], dimension: int) -> Projection:
    """Fit on unit features float32 [n, features]; ``dimension`` ≤ n - 1 and ≤ features.

    Raises:
        EmbedderError: if there are too few photos or features for ``dimension``.
    """
    rows, width = features.shape
    if dimension > min(rows - 1, width):
        raise EmbedderError(
            f"a projection to {dimension} dimensions can't be fitted",
            found=f"{rows} photos of {width} features",
            limit=f"at least {dimension + 1} photos and {dimension} features",
            remedy="lower projection_dimensions or raise projection_min_photos",
        )
    exact = features.astype(np.float64)
    mean = exact.mean(axis=0)
    exact -= mean
    if rows < width:
        components = np.linalg.svd(exact, full_matrices=False)[2][:dimension]
    else:  # the covariance is the smaller problem
        components = np.linalg.eigh(exact.T @ exact)[1][:, ::-1][:, :dimension].T
    largest = np.argmax(np.abs(components), axis=1)
    components = components * np.sign(components[np.arange(dimension), largest])[:, None]
    matrix = np.vstack([mean, components])
    return Projection((np.rint(matrix * _PLACES) / _PLACES).astype(np.float32))
