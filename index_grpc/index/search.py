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

from index_grpc.errors import DamagedIndex, IndexMismatch
from index_grpc.index.index_files import CODES, TOKENS, VECTORS, IndexFolder
from index_grpc.index.npy_files import NpyFile
from index_grpc.index.quantiser import Quantiser, check_quantiser, require_dimension
from index_grpc.index.queries import require_queries
from index_grpc.index.scann_files import (
    CODES_TYPE,
    TOKENS_TYPE,
    VECTORS_TYPE,
    lay_out_brute_force,
    lay_out_tree,
)

TREE_MIN_ROWS = 2048
"""Below this many rows an index is searched exactly even when it has codes."""

Found = tuple[NDArray[np.int64], NDArray[np.float32]]
Nearest = tuple[NDArray[Any], NDArray[np.float32]]


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

    def nearest(self, query: NDArray[np.float32], k: int, depth: int) -> Nearest:
        """The same for one query that ``require_query`` has passed, without padding.

        ``k`` is at most the number of rows. A server's short way: 10 µs less a query.
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
        return _search_each(self, queries, k, depth)

    def nearest(self, query: NDArray[np.float32], k: int, depth: int) -> Nearest:
        """See :class:`Searcher`."""
        found: Nearest = self._searcher.search(query, k, -1, -1)
        return found


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
        return _search_each(self, queries, k, depth)

    def nearest(self, query: NDArray[np.float32], k: int, depth: int) -> Nearest:
        """See :class:`Searcher`."""
        leaves, reorder = self.effort(depth)
        return self._search_one(query, k, leaves, reorder)

    def search_with(
        self, queries: NDArray[np.float32], k: int, *, leaves: int, reorder: int
    ) -> Found:
        """Search so many leaves and reorder so many, whatever the parameters say."""
        queries = require_queries(queries, self.dimension, k)
        k = min(k, self.rows)
        leaves = min(max(leaves, 1), self.leaves)
        return _pad([self._search_one(query, k, leaves, max(reorder, k)) for query in queries], k)

    def effort(self, depth: int) -> tuple[int, int]:
        """Leaves to search and rows to reorder to find the nearest ``depth`` as surely as ten.

        Measured on clustered vectors: ten times the depth needs 1.3 times the leaves and three
        times the reordering for the same recall.
        """
        if depth <= 10:
            return self.parameters.leaves_to_search, self.parameters.reorder
        growth = depth / 10
        leaves = math.ceil(self.parameters.leaves_to_search * growth**0.12)
        reorder = math.ceil(max(self.parameters.reorder * growth**0.5, 1.5 * depth))
        return min(leaves, self.leaves), min(reorder, self.rows)

    def _search_one(self, query: NDArray[np.float32], k: int, leaves: int, reorder: int) -> Nearest:
        while True:
            found: Nearest = self._searcher.search(query, k, reorder, leaves)
            if len(found[0]) >= k or leaves >= self.leaves:
                return found
            leaves = min(leaves * 2, self.leaves)


def open_searcher(
    folder: Path, quantiser: Path | None, parameters: SearchParameters | None = None
) -> Searcher:
    """Load one index after checking every value in it.

    With ``quantiser`` and enough rows a :class:`TreeSearcher`; without ``parameters`` it
    searches a tenth of the leaves and reorders 200. Otherwise an :class:`ExactSearcher`.

    Raises:
        DamagedIndex, DamagedQuantiser: if files contradict themselves or one another.
        IndexMismatch: if the index has no codes for the quantiser.
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
    vectors = arrays[VECTORS]
    require_codes(arrays, vectors.path.parent)
    require_dimension(quantiser, vectors.shape[1], vectors.path)
    if parameters is None:
        parameters = SearchParameters(math.ceil(quantiser.leaves / 10), 200, math.nan)
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


def require_codes(arrays: Mapping[str, NpyFile], folder: Path) -> None:
    """Refuse an exact index where a quantised one is needed.

    Raises:
        IndexMismatch: naming the folder.
    """
    if CODES not in arrays:
        raise IndexMismatch(
            f"the index {folder} has no codes", remedy="encode the window with the quantiser"
        )


class EmptySearcher:
    """An index without rows; ScaNN refuses empty arrays."""

    rows = 0

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension

    def search(self, queries: NDArray[np.float32], k: int, *, depth: int | None = None) -> Found:
        """See :class:`Searcher`; finds nothing."""
        return _search_each(self, queries, k, depth)

    def nearest(self, query: NDArray[np.float32], k: int, depth: int) -> Nearest:
        """See :class:`Searcher`; finds nothing."""
        return np.empty(0, np.int64), np.empty(0, np.float32)


def _search_each(
    searcher: Searcher, queries: NDArray[np.float32], k: int, depth: int | None
) -> Found:
    queries = require_queries(queries, searcher.dimension, k)
    k = min(k, searcher.rows)
    return _pad([searcher.nearest(query, k, max(k, depth or 0)) for query in queries], k)


def _pad(found: list[Nearest], k: int) -> Found:
    rows = np.full((len(found), k), -1, np.int64)
    scores = np.full((len(found), k), -np.inf, np.float32)
    for at, (found_rows, found_scores) in enumerate(found):
        real = ~np.isnan(found_scores)  # ScaNN pads with row 0 and NaN
        count = int(np.count_nonzero(real))
        rows[at, :count] = found_rows[real]
        scores[at, :count] = found_scores[real]
    return rows, scores
