"""How many of the true nearest rows a search finds, and how wide it must be to find enough.

Recall@10 against exact search on queries that look like real ones: a row of the index moved
a little in a direction that the rows themselves vary in. Seeded, so that the same index has
the same recall. A pack measures the searcher it has loaded; a window's recall is replayed
from its files, and for a window too small for a tree says how well its codes keep the order.
"""

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from index_grpc.bfloat16 import from_bfloat16
from index_grpc.exact import exact_neighbours
from index_grpc.index_files import IndexFolder
from index_grpc.quantiser import Quantiser, check_quantiser, require_dimension
from index_grpc.search import TREE_MIN_ROWS, SearchParameters, TreeSearcher
from index_grpc.simulate import replay

RECALL_AT = 10
PACK_QUERIES = 200
WINDOW_QUERIES = 64
PERTURBATION = 0.35
"""Length of the move in units of the distance between two random rows: cosine ≈ 0.9."""

REORDERS = (100, 200, 400)


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
    """The recall@10 of one window's index, and the least wide search that reaches ``target``.

    Exact indexes and empty ones have recall 1 by definition. Below ``TREE_MIN_ROWS`` a
    window is never searched by leaves on its own, so all leaves count and the number says
    how well the codes keep the order. Needs no ScaNN; the same files give the same number.

    Raises:
        DamagedIndex, DamagedQuantiser: if files contradict themselves or one another.
    """
    index = IndexFolder.open(folder)
    if quantiser is None or index.rows == 0:
        return SearchParameters(0, 0, 1.0)
    checked = quantiser if isinstance(quantiser, Quantiser) else check_quantiser(quantiser)
    require_dimension(checked, index.dimension, index.vectors.path)
    index.check(checked.leaves)
    widths = [checked.leaves] if index.rows < TREE_MIN_ROWS else leaf_widths(checked.leaves)
    queries = sample_queries(index.vectors.map(), WINDOW_QUERIES)
    seen = replay(index, checked, queries, RECALL_AT, widths)
    tries = [(leaves, REORDERS[0]) for leaves in widths]
    tries += [(checked.leaves, reorder) for reorder in REORDERS[1:]]
    best = SearchParameters(*tries[-1], 0.0)
    for leaves, reorder in tries:
        best = SearchParameters(leaves, reorder, seen.recall(leaves, reorder))
        if best.recall >= target:
            break
    return best


def choose_parameters(
    searcher: TreeSearcher, bits: NDArray[np.int16], target: float, *, queries: int = PACK_QUERIES
) -> SearchParameters:
    """The least wide search of ``searcher`` that reaches ``target`` on a sample of ``bits``.

    When no width reaches it, all leaves and the deepest reordering, with the recall they have.
    """
    sample = sample_queries(bits, queries)
    truth, _ = exact_neighbours(bits, sample, RECALL_AT)
    widths = [(leaves, REORDERS[0]) for leaves in leaf_widths(searcher.leaves)]
    widths += [(searcher.leaves, reorder) for reorder in REORDERS[1:]]
    best = SearchParameters(*widths[-1], 0.0)
    for leaves, reorder in widths:
        found, _ = searcher.search_with(sample, RECALL_AT, leaves=leaves, reorder=reorder)
        best = SearchParameters(leaves, reorder, recall_of(found, truth))
        if best.recall >= target:
            break
    return best


def leaf_widths(leaves: int) -> list[int]:
    """Numbers of leaves to try, from a 64th of all to all, each a fifth above the last."""
    widths = []
    width = max(1, math.ceil(leaves / 64))
    while width < leaves:
        widths.append(width)
        width = math.ceil(width * 1.2) if width > 4 else width + 1
    return [*widths, leaves]
