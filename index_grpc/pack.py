"""The windows that one server holds, searched as one index.

Every searcher pays for scoring all centroids, so a pack is glued and searched as one; its
windows are ranges of rows. A query that leaves windows out asks for more by their share, and
for more again if that was too few; when so few rows are asked for that over-fetching would
read much of the pack, their vectors are read and scored directly. So k stays k.
"""

import ctypes
import itertools
import math
import tempfile
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from index_grpc.errors import IndexMismatch, WindowNotHeld
from index_grpc.exact import best_of
from index_grpc.glue import join_arrays, require_alike
from index_grpc.held import HeldWindow, hold
from index_grpc.index_files import VECTORS, IndexFolder
from index_grpc.npy_files import NpyFile, open_npy
from index_grpc.quantiser import Quantiser, check_quantiser, require_dimension
from index_grpc.recall import choose_parameters
from index_grpc.search import (
    TREE_MIN_ROWS,
    Searcher,
    SearchParameters,
    load_exact,
    load_tree,
    require_queries,
)
from photosearch.windows import Window

SCAN_ROWS = 2048
"""So few rows are scored directly: cheaper than any over-fetching."""

SCAN_SHARE = 0.25
"""Over-fetching more than this share of the pack costs more than scoring directly."""


@dataclass(frozen=True)
class PackWindow:
    """One window of a pack: which version of its index, and the folder of its files."""

    window: Window
    folder: Path
    version: str


@dataclass(frozen=True, slots=True)
class PackHit:
    """One photo found; ``score`` is the dot product with the query, for unit vectors the
    cosine, to bfloat16's precision."""

    photo_id: str
    listing_id: str
    score: float
    window: Window
    listed_at: datetime


class Pack:
    """Windows of one fingerprint and one quantiser as one searcher, for use by many threads.

    ``windows`` are in time order. ``parameters`` say how wide the tree is searched and the
    recall measured for that; an exact pack has none. ``size_bytes`` are those of its files.
    """

    def __init__(self, fingerprint: str, held: Sequence[HeldWindow], searcher: Searcher) -> None:
        self.fingerprint = fingerprint
        self.held = {window.window: window for window in held}
        self.searcher = searcher
        self.rows = searcher.rows
        self.dimension = searcher.dimension
        self.parameters: SearchParameters | None = getattr(searcher, "parameters", None)
        self.size_bytes = sum(window.index.size_bytes for window in held)
        self._held = tuple(held)
        self._first = np.array([window.first for window in held], np.int64)

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
        with ExitStack() as opened, tempfile.TemporaryDirectory() as temporary:
            held = []
            first = 0
            for pack_window, index in zip(ordered, indexes, strict=True):
                held.append(hold(pack_window.window, pack_window.version, index, first))
                opened.callback(held[-1].close)
                first += index.rows
            searcher = _load(indexes, quantiser, Path(temporary), recall_target)
            opened.pop_all()
        _give_back_memory()
        return cls(fingerprint, held, searcher)

    def search(
        self, query: NDArray[np.float32], k: int, windows: Collection[Window] | None = None
    ) -> list[PackHit]:
        """The ``k`` nearest photos of ``windows`` (all held, when none are named), best first.

        There are always k hits when those windows have k rows.

        Raises:
            InvalidQuery: if the query is not ``dimension`` finite numbers, or k is below 1.
            WindowNotHeld: naming the first such window.
        """
        vector = require_queries(np.asarray(query)[None], self.dimension, k)
        asked = self._asked(windows)
        rows, scores = self._nearest(vector, k, asked)
        owners = np.searchsorted(self._first, rows, side="right") - 1
        hits = []
        for row, score, owner in zip(rows.tolist(), scores.tolist(), owners.tolist(), strict=True):
            held = self._held[owner]
            found = held.table[row - held.first]
            hits.append(
                PackHit(found.photo_id, found.listing_id, score, held.window, found.listed_at)
            )
        return hits

    def close(self) -> None:
        """Close the windows' files; the pack can't be used after."""
        for held in self._held:
            held.close()

    def _asked(self, windows: Collection[Window] | None) -> list[HeldWindow]:
        if not windows:
            return list(self._held)
        for window in windows:
            if window not in self.held:
                raise WindowNotHeld(
                    f"window {window} is not in this pack",
                    found=f"{len(self._held)} windows from {self._held[0].window} "
                    f"to {self._held[-1].window}",
                    remedy="ask the server whose endpoint lists it",
                )
        return [held for held in self._held if held.window in set(windows)]

    def _nearest(
        self, vector: NDArray[np.float32], k: int, asked: Sequence[HeldWindow]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        wanted = sum(held.rows for held in asked)
        k = min(k, wanted)
        if k == 0:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        if wanted == self.rows:
            rows, scores = self.searcher.search(vector, k)
            return _real(rows[0], scores[0])
        allowed = self._allowed(asked)
        fetch = math.ceil(1.25 * k * self.rows / wanted) + 16
        while wanted > SCAN_ROWS and fetch <= SCAN_SHARE * self.rows:
            found_rows, found_scores = self.searcher.search(vector, fetch, depth=fetch)
            rows, scores = _real(found_rows[0], found_scores[0])
            keep = allowed[np.searchsorted(self._first, rows, side="right") - 1]
            if np.count_nonzero(keep) >= k:
                return rows[keep][:k], scores[keep][:k]
            fetch *= 2
        numbers = np.concatenate([np.arange(h.first, h.first + h.rows) for h in asked])
        all_scores = np.concatenate([held.scores(vector[0]) for held in asked])
        best = best_of(all_scores, k)
        return numbers[best], all_scores[best]

    def _allowed(self, asked: Sequence[HeldWindow]) -> NDArray[np.bool_]:
        names = {held.window for held in asked}
        return np.array([held.window in names for held in self._held])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


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


def _real(
    rows: NDArray[np.int64], scores: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    return rows[rows >= 0], scores[rows >= 0]


def _reopen(path: Path, like: NpyFile) -> NpyFile:
    return open_npy(path, like.dtype, len(like.shape))


def _require_disjoint(windows: Sequence[PackWindow]) -> None:
    for before, after in itertools.pairwise(windows):
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
