"""Exact neighbours by plain numpy, a few thousand rows at a time.

The truth that recall is measured against, and the way to search so few rows that no tree is
worth its centroids. Vectors stay bfloat16; only one chunk is ever widened to float32, and
only the best of each chunk are kept.
"""

import numpy as np
from numpy.typing import NDArray

from index_grpc.index.bfloat16 import from_bfloat16

CHUNK_ROWS = 2048
"""Fits a core's cache at 256 dimensions; measured fastest of 512, 2,048 and 8,192."""


def score_rows(bits: NDArray[np.int16], query: NDArray[np.float32]) -> NDArray[np.float32]:
    """Dot products float32 [n] of ``query`` float32 [dim] with ``bits`` (bfloat16 [n, dim])."""
    scores = np.empty(len(bits), np.float32)
    for start in range(0, len(bits), CHUNK_ROWS):
        part = slice(start, start + CHUNK_ROWS)
        np.dot(from_bfloat16(bits[part]), query, out=scores[part])
    return scores


def best_of(scores: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Positions of the ``min(k, n)`` highest of ``scores`` [n], best first, ties by position."""
    if k < len(scores):
        # All that tie with the k-th are kept, so that which one is cut does not depend on chance.
        kth = np.partition(scores, len(scores) - k)[len(scores) - k]
        found = np.flatnonzero(scores >= kth)
    else:
        found = np.arange(len(scores))
    return found[np.lexsort((found, -scores[found]))[:k]].astype(np.int64)


def exact_neighbours(
    bits: NDArray[np.int16], queries: NDArray[np.float32], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The ``min(k, n)`` best rows int64 [q, k'] and scores float32 [q, k'], best first.

    ``bits`` bfloat16 [n, dim], which may be mapped; ``queries`` float32 [q, dim].
    """
    rows = np.empty((len(queries), 0), np.int64)
    scores = np.empty((len(queries), 0), np.float32)
    for start in range(0, len(bits), CHUNK_ROWS):
        chunk = queries @ from_bfloat16(bits[start : start + CHUNK_ROWS]).T
        numbers = np.arange(start, start + chunk.shape[1])
        rows = np.hstack([rows, np.broadcast_to(numbers, chunk.shape)])
        scores = np.hstack([scores, chunk])
        if scores.shape[1] > k:
            kept = np.argpartition(-scores, k - 1, axis=1)[:, :k]
            rows = np.take_along_axis(rows, kept, axis=1)
            scores = np.take_along_axis(scores, kept, axis=1)
    order = np.lexsort((rows, -scores), axis=1)
    return np.take_along_axis(rows, order, axis=1), np.take_along_axis(scores, order, axis=1)
