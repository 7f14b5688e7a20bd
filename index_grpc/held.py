"""One window inside a pack: a range of the pack's rows, and its own files kept open.

Rows and vectors are read from the window's files when they are needed, with ``pread``: they
cost no memory, need no lock between threads, and stay readable when the files' names are
deleted under a running server.
"""

import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index_grpc.errors import DamagedIndex
from index_grpc.exact import score_rows
from index_grpc.index_files import IndexFolder
from index_grpc.rows import RowTable
from photosearch.windows import Window

_SCAN_ROWS_AT_ONCE = 8192


@dataclass(frozen=True)
class HeldWindow:
    """Rows ``[first, first + rows)`` of a pack; made by :func:`hold`, ended by ``close``."""

    window: Window
    version: str
    first: int
    index: IndexFolder
    table: RowTable
    vectors_file: int

    @property
    def rows(self) -> int:
        return self.index.rows

    def scores(self, query: NDArray[np.float32]) -> NDArray[np.float32]:
        """Dot products float32 [rows] of ``query`` float32 [dim] with every row.

        Raises:
            DamagedIndex: if the file has become shorter since it was opened.
        """
        vectors = self.index.vectors
        row_bytes = 2 * self.index.dimension
        scores = np.empty(self.rows, np.float32)
        for start in range(0, self.rows, _SCAN_ROWS_AT_ONCE):
            wanted = min(_SCAN_ROWS_AT_ONCE, self.rows - start) * row_bytes
            read = os.pread(self.vectors_file, wanted, vectors.offset + start * row_bytes)
            if len(read) != wanted:
                raise DamagedIndex(
                    f"{vectors.path} became shorter while it was served",
                    remedy="build the index anew",
                )
            bits = np.frombuffer(read, np.int16).reshape(-1, self.index.dimension)
            scores[start : start + len(bits)] = score_rows(bits, query)
        return scores

    def close(self) -> None:
        self.table.close()
        os.close(self.vectors_file)


def hold(window: Window, version: str, index: IndexFolder, first: int) -> HeldWindow:
    """Open a checked index as the rows from ``first`` on."""
    table = index.row_table()
    try:
        vectors_file = os.open(index.vectors.path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        table.close()
        raise
    return HeldWindow(window, version, first, index, table, vectors_file)
