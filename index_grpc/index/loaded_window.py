"""One window inside a pack: a range of the pack's rows, and its own files kept open.

Rows and vectors are read from the window's files when they are needed: they cost no memory
and stay readable when the files' names are deleted under a running server.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index_grpc.errors import DamagedIndex
from index_grpc.index.exact import score_rows
from index_grpc.index.index_files import IndexFolder
from index_grpc.index.open_file import OpenFile
from index_grpc.index.rows import RowTable
from photosearch.windows import Window

_SCAN_ROWS_AT_ONCE = 8192


@dataclass(frozen=True)
class LoadedWindow:
    """Rows ``[first, first + rows)`` of a pack; made by :func:`open_window`, ended by ``close``."""

    window: Window
    version: str
    first: int
    rows: int
    index: IndexFolder
    table: RowTable
    vectors_file: OpenFile

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
            read = self.vectors_file.read_at(vectors.offset + start * row_bytes, wanted)
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
        self.vectors_file.close()


def open_window(window: Window, version: str, index: IndexFolder, first: int) -> LoadedWindow:
    """Open a checked index as the rows from ``first`` on."""
    vectors_file = OpenFile(index.vectors.path)
    return LoadedWindow(window, version, first, index.rows, index, index.row_table(), vectors_file)
