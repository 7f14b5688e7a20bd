"""Which query vectors may be searched for.

ScaNN answers a NaN with row 0 and a wrong length with garbage or death, so every query
passes here first, whichever searcher it is for.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from index_grpc.errors import InvalidQuery


def require_query(query: ArrayLike, dimension: int, k: int) -> NDArray[np.float32]:
    """``query`` as float32 [dim], C order.

    Raises:
        InvalidQuery: as :func:`require_queries`.
    """
    vector = np.asarray(query)
    if vector.dtype == np.float32 and vector.shape == (dimension,) and k >= 1:
        vector = np.ascontiguousarray(vector)
        if math.isfinite(vector.dot(vector)):  # one pass, no temporary array
            return vector
    checked: NDArray[np.float32] = require_queries(vector[None], dimension, k)[0]
    return checked


def require_queries(queries: NDArray[Any], dimension: int, k: int) -> NDArray[np.float32]:
    """``queries`` as float32 [q, dim], C order.

    Raises:
        InvalidQuery: naming the length, the first value that is not finite, or k.
    """
    if k < 1:
        raise InvalidQuery("k counts the results wanted", found=str(k), limit="at least 1")
    array = np.asarray(queries)
    if array.dtype.kind not in "fiu" or array.ndim != 2 or array.shape[1] != dimension:
        raise InvalidQuery(
            f"a query vector has {dimension} numbers here",
            found=f"shape {list(array.shape[1:])} of {array.dtype}",
            remedy="embed the photo with the embedder of this fingerprint",
        )
    with np.errstate(over="ignore"):
        vectors = np.ascontiguousarray(array, np.float32)
        sums = np.einsum("qd,qd->q", vectors, vectors)
    if not np.isfinite(sums).all():
        bad = np.flatnonzero(~np.isfinite(vectors).all(axis=0))
        found = f"NaN or infinity at position {bad[0]}" if len(bad) else "numbers too large"
        raise InvalidQuery("a query vector's numbers and its length are finite", found=found)
    return vectors
