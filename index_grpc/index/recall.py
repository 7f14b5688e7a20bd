"""How many of the true nearest rows a search finds, and how wide it must be to find enough.

Recall@10 against exact search on queries that look like real ones: a row of the index moved
a little in a direction that the rows themselves vary in. Seeded, so that the same index has
the same recall. A pack measures the searcher it has loaded; a window's recall is replayed
from its files, and for a window too small for a tree says how well its codes keep the order.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from index_grpc.index.bfloat16 import from_bfloat16
from index_grpc.index.exact import exact_neighbours
from index_grpc.index.index_files import IndexFolder
from index_grpc.index.quantiser import Quantiser, check_quantiser, require_dimension
from index_grpc.index.search import TREE_MIN_ROWS, SearchParameters, TreeSearcher, require_codes
from index_grpc.index.simulate import replay

RECALL_AT = 10
PACK_QUERIES = 200
WINDOW_QUERIES = 64
PERTURBATION = 0.35
"""Length of the move in units of the distance between two random rows: cosine ≈ 0.9."""

REORDERS = (50, 70, 100, 140, 200, 280, 400)
"""Rows reordered for ten results; fifty find seven to nine of ten, four hundred all.

A pack tries them all. A window tries every second, in two thirds of the time: what it keeps is
the recall, and nobody searches it that way.
"""

REORDER_COST = 40
"""Reading a vector for reordering costs as much as scoring the codes of so many rows."""


_REPLAYED = 1 << 25
"""Query-row pairs replayed at once, eight bytes each; above 500,000 rows fewer queries do."""


def sample_queries(
    bits: NDArray[np.int16], count: int = PACK_QUERIES, seed: int = 0
) -> NDArray[np.float32]:
    """Up to ``count`` perturbed rows of ``bits`` (bfloat16 [n, dim]): float32 [q, dim], unit."""
    draw = np.random.default_rng(seed)
    count = min(count, len(bits))
    rows = draw.choice(len(bits), count, replace=False)
    others = draw.integers(len(bits), size=(2, count)) if count else rows[None].repeat(2, axis=0)
    base, one, other = (from_bfloat16(bits[which]) for which in (rows, *others))
    queries = base + PERTURBATION * (one - other)
    norms = np.linalg.norm(queries, axis=1, keepdims=True)
    return np.ascontiguousarray(queries / np.maximum(norms, 1e-12), np.float32)


def recall_of(found: NDArray[np.int64], truth: NDArray[np.int64]) -> float:
    """Share of ``truth`` [q, k] that is in ``found`` [q, any]; 1 when there is no truth."""
    if truth.size == 0:
        return 1.0
    hits = sum(len(np.intersect1d(mine, true)) for mine, true in zip(found, truth, strict=True))
    return float(hits / truth.size)


def measure_recall(
    folder: Path, quantiser: Path | Quantiser | None, target: float
) -> SearchParameters:
    """The recall@10 of one window's index, and the cheapest search that reaches ``target``.

    Exact indexes, and those of no more rows than are reordered, have recall 1 by
    construction. Below ``TREE_MIN_ROWS`` a window is never searched by leaves on its own, so
    all leaves count and the number says how well the codes keep the order. Needs no ScaNN;
    the same files give the same number.

    Raises:
        DamagedIndex, DamagedQuantiser: if files contradict themselves or one another.
        IndexMismatch: if the index has no codes for the quantiser.
    """
    index = IndexFolder.open(folder)
    if quantiser is None:
        index.check()
        return SearchParameters(0, 0, 1.0)
    checked = quantiser if isinstance(quantiser, Quantiser) else check_quantiser(quantiser)
    require_codes(index.arrays, folder)
    require_dimension(checked, index.dimension, index.vectors.path)
    index.check(checked.leaves)
    if index.rows <= REORDERS[0]:
        return SearchParameters(checked.leaves, REORDERS[0], 1.0)  # every row is reordered
    widths = [checked.leaves] if index.rows < TREE_MIN_ROWS else leaf_widths(checked.leaves)
    queries = sample_queries(index.vectors.map(), min(WINDOW_QUERIES, 1 + _REPLAYED // index.rows))
    seen = replay(index, checked, queries, RECALL_AT)
    return _cheapest(seen.recall, widths, REORDERS[::2], index.rows, target)


def choose_parameters(
    searcher: TreeSearcher, bits: NDArray[np.int16], target: float, *, queries: int = PACK_QUERIES
) -> SearchParameters:
    """The cheapest search of ``searcher`` that reaches ``target`` on a sample of ``bits``.

    When none reaches it, all leaves and the deepest reordering, with the recall they have.
    """
    sample = sample_queries(bits, queries)
    truth, _ = exact_neighbours(bits, sample, RECALL_AT)

    def recall(leaves: int, reorder: int) -> float:
        found, _ = searcher.search_with(sample, RECALL_AT, leaves=leaves, reorder=reorder)
        return recall_of(found, truth)

    return _cheapest(recall, leaf_widths(searcher.leaves), REORDERS, searcher.rows, target)


def leaf_widths(leaves: int) -> list[int]:
    """Numbers of leaves to try, one to all, ascending, each about a tenth above the last."""
    widths = []
    width = 1
    while width < leaves:
        widths.append(width)
        width = math.ceil(width * 1.1)
    return [*widths, leaves]


def _cheapest(
    recall: Callable[[int, int], float],
    widths: Sequence[int],
    reorders: Sequence[int],
    rows: int,
    target: float,
) -> SearchParameters:
    """For each reordering the fewest leaves that reach ``target``; of those the cheapest.

    The cost is counted in rows whose codes are scored. It is a formula and not a clock, so
    that the same index is searched alike everywhere. Only what would be cheaper than the best
    so far is tried, for trying is most of the work of opening a pack.
    """
    recall = cache(recall)
    rows_a_leaf = rows / widths[-1]
    best: SearchParameters | None = None
    limit = math.inf
    for reorder in reversed(reorders):  # the deepest needs the fewest leaves: a low limit early
        cheaper = [
            leaves for leaves in widths if leaves * rows_a_leaf + reorder * REORDER_COST < limit
        ]
        enough = _Enough(recall, reorder, target)
        if not cheaper or (best is not None and not enough(cheaper[-1])):
            continue
        at = bisect_left(cheaper, True, key=enough)
        if at < len(cheaper):
            best = SearchParameters(cheaper[at], reorder, recall(cheaper[at], reorder))
            limit = cheaper[at] * rows_a_leaf + reorder * REORDER_COST
    if best is None:
        return SearchParameters(widths[-1], reorders[-1], recall(widths[-1], reorders[-1]))
    return best


@dataclass(frozen=True)
class _Enough:
    recall: Callable[[int, int], float]
    reorder: int
    target: float

    def __call__(self, leaves: int) -> bool:
        return self.recall(leaves, self.reorder) >= self.target
