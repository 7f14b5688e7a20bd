"""Nearest rows of one index, in two ways behind one interface.

Exact search reads every row; the tree reads the leaves near the query and scores codes
before it looks at vectors. Below some thousand rows reading all is cheaper than scoring the
tree's centroids, and a small window's rows may lie in none of the leaves searched, so small
indexes are always searched exactly. Queries are checked here, for ScaNN answers NaN with
row 0 and a wrong length with garbage or death.
"""

import math
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from index_grpc.errors import DamagedIndex, IndexMismatch, InvalidQuery
from index_grpc.index_files import CODES, TOKENS, VECTORS, IndexFolder
from index_grpc.npy_files import NpyFile
from index_grpc.quantiser import Quantiser, check_quantiser, require_dimension
from index_grpc.scann_files import (
    CODES_TYPE,
    TOKENS_TYPE,
    VECTORS_TYPE,
    lay_out_brute_force,
    lay_out_tree,
)

TREE_MIN_ROWS = 4096
"""Below this many rows an index is searched exactly even when it has codes."""

Found = tuple[NDArray[np.int64], NDArray[np.float32]]


@dataclass(frozen=True)
class SearchParameters:
    """How wide a tree is searched, and the recall@10 against exact that was measured for it."""

    leaves_to_search: int
    reorder: int
    recall: float


class Searcher(Protocol):
    """Finds the nearest rows; may be used from many threads at once."""

    @property
    def rows(self) -> int: ...

    @property
    def dimension(self) -> int: ...

    def search(self, queries: NDArray[np.float32], k: int, *, depth: int | None = None) -> Found:
        """The best rows of each query, best first: rows int64 [q, k'], scores float32 [q, k'].

        ``k'`` is the smaller of ``k`` and the rows there are; where fewer were found, the row
        is -1 and the score minus infinity. Scores are dot products. ``depth`` says among how
        many of the nearest the answer must be right, when the caller will leave some out.

        Raises:
            InvalidQuery: if queries are not finite float vectors [q, dim], or k is below 1.
        """
        ...


class ExactSearcher:
    """Reads every row, with ScaNN's bfloat16 brute force (four times numpy's speed)."""

    def __init__(self, searcher: Any, rows: int, dimension: int) -> None:
        self._searcher = searcher
        self.rows = rows
        self.dimension = dimension

    def search(self, queries: NDArray[np.float32], k: int, *, depth: int | None = None) -> Found:
        """See :class:`Searcher`; exact at any depth."""
        queries = require_queries(queries, self.dimension, k)
        k = min(k, self.rows)
        return _pad([self._searcher.search(query, k, -1, -1) for query in queries], k)


class TreeSearcher:
    """Searches the leaves nearest to the query, scores codes, then reorders by vectors."""

    def __init__(
        self, searcher: Any, rows: int, dimension: int, leaves: int, parameters: SearchParameters
    ) -> None:
        self._searcher = searcher
        self.rows = rows
        self.dimension = dimension
        self.leaves = leaves
        self.parameters = parameters

    def search(self, queries: NDArray[np.float32], k: int, *, depth: int | None = None) -> Found:
        """See :class:`Searcher`; searches more leaves when the first hold fewer than k rows."""
        queries = require_queries(queries, self.dimension, k)
        k = min(k, self.rows)
        leaves, reorder = self.effort(max(k, depth or 0))
        return _pad([self._search_one(query, k, leaves, reorder) for query in queries], k)

    def search_with(
        self, queries: NDArray[np.float32], k: int, *, leaves: int, reorder: int
    ) -> Found:
        """Search so many leaves and reorder so many, whatever the parameters say."""
        queries = require_queries(queries, self.dimension, k)
        k = min(k, self.rows)
        leaves = min(max(leaves, 1), self.leaves)
        return _pad([self._search_one(query, k, leaves, max(reorder, k)) for query in queries], k)

    def effort(self, depth: int) -> tuple[int, int]:
        """Leaves to search and rows to reorder so that the nearest ``depth`` are found as well
        as the nearest ten are by the parameters."""
        growth = max(1.0, depth / 10)
        leaves = math.ceil(self.parameters.leaves_to_search * growth**0.25)
        reorder = max(self.parameters.reorder, 2 * depth)
        return min(leaves, self.leaves), min(reorder, self.rows)

    def _search_one(
        self, query: NDArray[np.float32], k: int, leaves: int, reorder: int
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        while True:
            rows, scores = self._searcher.search(query, k, reorder, leaves)
            if len(rows) >= k or leaves >= self.leaves:
                return rows, scores
            leaves = min(leaves * 2, self.leaves)


def open_searcher(
    folder: Path, quantiser: Path | None, parameters: SearchParameters | None = None
) -> Searcher:
    """Load one index after checking every value in it.

    With ``quantiser`` and enough rows a :class:`TreeSearcher`; without ``parameters`` it
    searches a tenth of the leaves and reorders 100. Otherwise an :class:`ExactSearcher`.

    Raises:
        DamagedIndex, DamagedQuantiser: if files contradict themselves or one another.
    """
    checked = None if quantiser is None else check_quantiser(quantiser)
    index = IndexFolder.open(folder)
    index.check(None if checked is None else checked.leaves)
    if checked is None or index.rows < TREE_MIN_ROWS:
        return load_exact(index.vectors)
    return load_tree(index.arrays, checked, parameters)


def load_exact(vectors: NpyFile) -> Searcher:
    """Load exact search over a checked file of bfloat16 vectors."""
    if vectors.rows == 0:
        return EmptySearcher(vectors.shape[1])
    from scann import scann_ops_pybind

    with tempfile.TemporaryDirectory() as temporary:
        lay_out_brute_force(Path(temporary), vectors.path)
        searcher = scann_ops_pybind.load_searcher(temporary).searcher
    return ExactSearcher(searcher, vectors.rows, vectors.shape[1])


def load_tree(
    arrays: Mapping[str, NpyFile], quantiser: Quantiser, parameters: SearchParameters | None = None
) -> TreeSearcher:
    """Load a tree over checked, non-empty arrays of one index.

    Raises:
        IndexMismatch: if the index has no codes.
        DamagedQuantiser: if the quantiser is for another dimension.
    """
    if CODES not in arrays:
        raise IndexMismatch(
            f"{arrays[VECTORS].path} has no codes beside it",
            remedy="encode the window with the quantiser",
        )
    vectors = arrays[VECTORS]
    require_dimension(quantiser, vectors.shape[1], vectors.path)
    if parameters is None:
        parameters = SearchParameters(math.ceil(quantiser.leaves / 10), 100, math.nan)
    from scann import scann_ops_pybind

    kinds = {TOKENS_TYPE: TOKENS, CODES_TYPE: CODES, VECTORS_TYPE: VECTORS}
    with tempfile.TemporaryDirectory() as temporary:
        paths = {kind: arrays[name].path for kind, name in kinds.items()}
        lay_out_tree(Path(temporary), quantiser.folder, paths)
        searcher = scann_ops_pybind.load_searcher(temporary).searcher
    if searcher.size() != vectors.rows:
        raise DamagedIndex(
            f"ScaNN should have loaded {vectors.rows} rows from {vectors.path.parent}",
            found=str(searcher.size()),
            remedy="build the index anew",
        )
    return TreeSearcher(searcher, vectors.rows, vectors.shape[1], quantiser.leaves, parameters)


class EmptySearcher:
    """An index without rows; ScaNN refuses empty arrays."""

    rows = 0

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension

    def search(self, queries: NDArray[np.float32], k: int, *, depth: int | None = None) -> Found:
        """See :class:`Searcher`; finds nothing."""
        queries = require_queries(queries, self.dimension, k)
        return _pad([(np.empty(0), np.empty(0)) for _ in queries], 0)


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
    if not np.isfinite(vectors).all():
        position = int(np.flatnonzero(~np.isfinite(vectors).all(axis=0))[0])
        raise InvalidQuery(
            "a query vector's numbers are finite",
            found=f"NaN or infinity at position {position}",
        )
    return vectors


def _pad(found: list[tuple[NDArray[Any], NDArray[Any]]], k: int) -> Found:
    rows = np.full((len(found), k), -1, np.int64)
    scores = np.full((len(found), k), -np.inf, np.float32)
    for at, (found_rows, found_scores) in enumerate(found):
        real = ~np.isnan(found_scores)  # ScaNN pads with row 0 and NaN
        count = int(np.count_nonzero(real))
        rows[at, :count] = found_rows[real]
        scores[at, :count] = found_scores[real]
    return rows, scores
