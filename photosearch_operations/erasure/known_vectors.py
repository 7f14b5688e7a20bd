"""A listing's vectors, by which half a version is known whose rows are gone already.

An erasure that goes on after another was killed has but their digests, from the receipt. By the
bytes a vector is found anywhere in a file; by a digest as a row of an array.
"""

import hashlib
import io
from collections.abc import Collection, Iterator

import numpy as np


class KnownVectors:
    """``digests`` are SHA-256 (hex) of the vectors' bytes."""

    def __init__(self, digests: Collection[str]) -> None:
        self.digests = set(digests)
        self._bytes: set[bytes] = set()

    def add(self, vectors: Collection[bytes]) -> None:
        self._bytes.update(vectors)
        self.digests.update(hashlib.sha256(one).hexdigest() for one in vectors)

    def are_in(self, content: bytes) -> bool:
        """Whether a file's content has one of them."""
        if any(vector in content for vector in self._bytes):
            return True
        return next(rows_with(content, self.digests), None) is not None


def rows_with(content: bytes, digests: Collection[str]) -> Iterator[int]:
    """The numbers of the rows of a ``.npy`` file's content whose digest is one of these."""
    if not digests:
        return
    try:
        array = np.load(io.BytesIO(content), allow_pickle=False)
    except Exception:  # a damaged header fails in many ways inside numpy's parser, and is told of
        return
    if not isinstance(array, np.ndarray) or array.ndim != 2:
        return
    for number, row in enumerate(array):
        if hashlib.sha256(row.tobytes()).hexdigest() in digests:
            yield number
