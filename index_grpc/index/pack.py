"""The windows that one server holds, searched as one index.

Every searcher pays for scoring all centroids, so a pack is glued and searched as one; its
windows are ranges of rows. A query that leaves windows out asks for more by their share, and
for more again if that was too few; when so few rows are asked for that over-fetching would
read much of the pack, their vectors are read and scored directly. So k stays k.
"""

import ctypes
import math
import tempfile
from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from index_grpc.errors import IndexMismatch, WindowNotHeld
from index_grpc.index.exact import best_of
from index_grpc.index.glue import join_arrays, require_alike
from index_grpc.index.index_files import VECTORS, IndexFolder
from index_grpc.index.loaded_window import LoadedWindow, open_window
from index_grpc.index.npy_files import NpyFile, open_npy
from index_grpc.index.quantiser import Quantiser, check_quantiser, require_dimension
from index_grpc.index.queries import require_query
from index_grpc.index.recall import choose_parameters
from index_grpc.index.rows import read_columns
from index_grpc.index.search import (
    TREE_MIN_ROWS,
    Nearest,
    Searcher,
    SearchParameters,
    load_exact,
    load_tree,
)
from photosearch.closing import Closing
from photosearch.windows import Window

SCAN_ROWS = 2048
"""So few rows are scored directly: cheaper than any over-fetching."""

OVER_FETCH = 1.25
"""How much more than its share is fetched, so that one search is mostly enough."""

SCAN_SHARE = 0.25
"""Over-fetching more than this share of the pack costs more than scoring directly."""


@dataclass(frozen=True)
class PackWindow:
    """One window of a pack: which version of its index, and the folder of its files."""

    window: Window
    folder: Path
    version: str


class PackHit(NamedTuple):
    """One photo found; ``score`` is the dot product with the query, for unit vectors the
    cosine, to bfloat16's precision."""

    photo_id: str
    listing_id: str
    score: float
    window: Window
    listed_at: datetime


class Pack(Closing):
    """Windows of one fingerprint and one quantiser as one searcher, for use by many threads.

    ``windows`` are in time order. ``parameters`` say how wide the tree is searched and the
    recall measured for that; an exact pack has none. ``size_bytes`` are those of its files.
    """

    def __init__(
        self, fingerprint: str, loaded: Sequence[LoadedWindow], searcher: Searcher
    ) -> None:
        self.fingerprint = fingerprint
        self.loaded = {window.window: window for window in loaded}
        self.searcher = searcher
        self.rows = searcher.rows
        self.dimension = searcher.dimension
        self.parameters: SearchParameters | None = getattr(searcher, "parameters", None)
        self.size_bytes = sum(window.index.size_bytes for window in loaded)
        self._loaded = tuple(loaded)
        self._starts = [window.first for window in loaded]

    @classmethod
    def open(
        cls,
        windows: Sequence[PackWindow],
        quantiser_folder: Path | None,
        fingerprint: str,
        recall_target: float,
    ) -> "Pack":
        """Check and glue the windows' files, load them, choose how wide to search.

        The glued files lie in a temporary folder until they are loaded.

        Raises:
            DamagedIndex, DamagedQuantiser: naming the file.
            IndexMismatch: if there is no window, or two overlap, or they differ in dimension
                or in having codes.
        """
        quantiser = None if quantiser_folder is None else check_quantiser(quantiser_folder)
        ordered = sorted(windows, key=lambda window: window.window)
        _require_disjoint(ordered)
        indexes = [IndexFolder.open(window.folder) for window in ordered]
        require_alike(indexes)
        if quantiser is not None:
            require_dimension(quantiser, indexes[0].dimension, indexes[0].vectors.path)
        starts = accumulate((index.rows for index in indexes), initial=0)
        loaded = [
            open_window(pack_window.window, pack_window.version, index, first)
            for pack_window, index, first in zip(ordered, indexes, starts, strict=False)
        ]
        with tempfile.TemporaryDirectory() as temporary:
            searcher = _load(indexes, quantiser, Path(temporary), recall_target)
        _give_back_memory()
        return cls(fingerprint, loaded, searcher)

    def search(
        self, query: ArrayLike, k: int, windows: Collection[Window] | None = None
    ) -> list[PackHit]:
        """The ``k`` nearest photos of ``windows`` (all held, when none are named), best first.

        There are always k hits when those windows have k rows.

        Raises:
            InvalidQuery: if the query is not ``dimension`` finite numbers, or k is below 1.
            WindowNotHeld: naming the first such window.
        """
        vector = require_query(query, self.dimension, k)
        rows, scores = self._nearest(vector, k, self._asked(windows))
        numbers = rows.tolist()
        owners = [self._loaded[bisect_right(self._starts, row) - 1] for row in numbers]
        places = [
            (loaded.table, row - loaded.first) for loaded, row in zip(owners, numbers, strict=True)
        ]
        photo_ids, listing_ids, listed_at, _ = read_columns(places)
        windows_found = [loaded.window for loaded in owners]
        return list(map(PackHit, photo_ids, listing_ids, scores.tolist(), windows_found, listed_at))

    def close(self) -> None:
        """Close the windows' files; the pack can't be used after."""
        for loaded in self._loaded:
            loaded.close()

    def _asked(self, windows: Collection[Window] | None) -> Sequence[LoadedWindow]:
        if not windows:
            return self._loaded
        try:
            return [self.loaded[window] for window in sorted(set(windows))]
        except KeyError as error:
            raise WindowNotHeld(
                f"window {error.args[0]} is not in this pack",
                found=f"{len(self._loaded)} windows from {self._loaded[0].window} "
                f"to {self._loaded[-1].window}",
                remedy="ask the server whose endpoint lists it",
            ) from None

    def _nearest(
        self, vector: NDArray[np.float32], k: int, asked: Sequence[LoadedWindow]
    ) -> Nearest:
        wanted = self.rows if asked is self._loaded else sum(loaded.rows for loaded in asked)
        k = min(k, wanted)
        if wanted == self.rows:
            return self.searcher.nearest(vector, k, k)
        fetch = math.ceil(OVER_FETCH * k * self.rows / max(1, wanted)) + 16
        if wanted > SCAN_ROWS:
            ranges = np.array([(loaded.first, loaded.first + loaded.rows) for loaded in asked])
            while fetch <= SCAN_SHARE * self.rows:
                rows, scores = self.searcher.nearest(vector, fetch, fetch)
                # Even in the flat list of starts and ends: outside of the ranges asked.
                inside = np.searchsorted(ranges.ravel(), rows, side="right") % 2 == 1
                if np.count_nonzero(inside) >= k:
                    return rows[inside][:k], scores[inside][:k]
                fetch *= 2
        return _scan(vector, k, asked)


def _scan(vector: NDArray[np.float32], k: int, asked: Sequence[LoadedWindow]) -> Nearest:
    """The best rows of a few windows by reading all their vectors."""
    scores = np.concatenate([loaded.scores(vector) for loaded in asked])
    rows = np.concatenate([np.arange(loaded.first, loaded.first + loaded.rows) for loaded in asked])
    best = best_of(scores, k)
    return rows[best], scores[best]


def _load(
    indexes: Sequence[IndexFolder], quantiser: Quantiser | None, folder: Path, target: float
) -> Searcher:
    leaves = None if quantiser is None else quantiser.leaves
    arrays: dict[str, NpyFile]
    if len(indexes) == 1:
        indexes[0].check(leaves)
        arrays = indexes[0].arrays
    else:
        written = join_arrays(indexes, folder, leaves)
        arrays = {name: _reopen(path, indexes[0].arrays[name]) for name, path in written.items()}
    vectors = arrays[VECTORS]
    if quantiser is None or vectors.rows < TREE_MIN_ROWS:
        return load_exact(vectors)
    searcher = load_tree(arrays, quantiser)
    searcher.parameters = choose_parameters(searcher, vectors.map(), target)
    return searcher


def _reopen(path: Path, like: NpyFile) -> NpyFile:
    return open_npy(path, like.dtype, len(like.shape))


def _require_disjoint(windows: Sequence[PackWindow]) -> None:
    for before, after in pairwise(windows):
        if after.window.start < before.window.end:
            raise IndexMismatch(
                f"windows {before.window} and {after.window} overlap",
                remedy="a pack holds each listing once: leave the finer one out",
            )


def _give_back_memory() -> None:
    """Return what loading freed to the system; glibc keeps it otherwise."""
    trim: Any = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
