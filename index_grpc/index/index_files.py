"""The files of one window: embeddings as they are made, an index as it is served.

Each is a few flat arrays and a list of rows in one order, ``(listed_at, photo_id)``, so that
a day is its hours laid end to end. ScaNN ends the process on arrays that contradict one
another; opening checks all that can be seen from headers and line counts, ``check`` reads
every value once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index_grpc.errors import DamagedIndex
from index_grpc.index.bfloat16 import count_beyond
from index_grpc.index.npy_files import NpyFile, open_npy, write_npy
from index_grpc.index.rows import Row, RowTable, write_rows

VECTORS = "vectors.npy"
ROWS = "rows.jsonl"
TOKENS = "tokens.npy"
CODES = "codes.npy"

CODE_VALUES = 16
"""A code is one of 16 centres of a block of two dimensions (LUT16)."""

_CHECKED_AT_ONCE = 1 << 21
_REMEDY = "build the index anew"


@dataclass(frozen=True)
class EmbeddingsFolder:
    """Embeddings of one window: ``vectors.npy`` float32 [rows, dim] and ``rows.jsonl``."""

    folder: Path
    vectors: NpyFile

    @classmethod
    def open(cls, folder: Path) -> "EmbeddingsFolder":
        """Check the headers and the number of lines.

        Raises:
            DamagedIndex: if a file is missing or contradicts another.
        """
        vectors = open_npy(folder / VECTORS, np.float32, 2)
        with RowTable(folder / ROWS) as table:
            _require_rows(folder / ROWS, len(table), vectors.rows)
        return cls(folder, vectors)

    @property
    def rows(self) -> int:
        return self.vectors.rows

    @property
    def dimension(self) -> int:
        return self.vectors.shape[1]

    def read_vectors(self) -> NDArray[np.float32]:
        """The vectors, float32 [rows, dim].

        Raises:
            DamagedIndex: if one holds a NaN or an infinity.
        """
        vectors = self.vectors.read()
        if not np.isfinite(vectors).all():
            bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
            raise DamagedIndex(
                f"{self.vectors.path} has rows with NaN or infinite values",
                found=f"{len(bad)} of {self.rows} rows, the first is row {bad[0]}",
                remedy="embed the window again",
            )
        return vectors

    def row_table(self) -> RowTable:
        return RowTable(self.folder / ROWS)


def write_embeddings(folder: Path, vectors: NDArray[np.float32], rows: Sequence[Row]) -> None:
    """Write one window's embeddings; ``vectors`` float32 [rows, dim], in the rows' order.

    Raises:
        DamagedIndex: if there are not as many vectors as rows, or one is not finite.
    """
    _require_rows(folder, len(rows), len(vectors))
    if vectors.ndim != 2 or not np.isfinite(vectors).all():
        raise DamagedIndex(
            f"the embeddings for {folder} must be finite vectors [rows, dim]",
            found=f"shape {list(vectors.shape)}",
            remedy="embed the window again",
        )
    folder.mkdir(parents=True, exist_ok=True)
    write_npy(folder / VECTORS, np.asarray(vectors, np.float32))
    write_rows(folder / ROWS, rows)


@dataclass(frozen=True)
class IndexFolder:
    """An index: bfloat16 ``vectors``, ``rows``, and with a quantiser ``tokens`` and ``codes``.

    ``vectors`` holds bits as int16 [rows, dim], ``tokens`` the leaf of each row as int32
    [rows], ``codes`` one byte a block of two dimensions as uint8 [rows, dim / 2].
    """

    folder: Path
    vectors: NpyFile
    tokens: NpyFile | None
    codes: NpyFile | None
    rows_bytes: int

    @classmethod
    def open(cls, folder: Path) -> "IndexFolder":
        """Check the files against one another by headers and line counts; read no vectors.

        Raises:
            DamagedIndex: if a file is missing or contradicts another.
        """
        vectors = open_npy(folder / VECTORS, np.int16, 2)
        tokens = codes = None
        present = [name for name in (TOKENS, CODES) if (folder / name).exists()]
        if len(present) == 1:
            raise DamagedIndex(
                f"the index {folder} needs {TOKENS} and {CODES} together",
                found=f"only {present[0]}",
                remedy=_REMEDY,
            )
        if present:
            tokens = open_npy(folder / TOKENS, np.int32, 1)
            codes = open_npy(folder / CODES, np.uint8, 2)
            _require_rows(tokens.path, tokens.rows, vectors.rows)
            _require_rows(codes.path, codes.rows, vectors.rows)
            if codes.shape[1] * 2 != vectors.shape[1]:
                raise DamagedIndex(
                    f"{codes.path} needs one code for two of the {vectors.shape[1]} dimensions",
                    found=f"{codes.shape[1]} codes a row",
                    remedy=_REMEDY,
                )
        with RowTable(folder / ROWS) as table:
            _require_rows(folder / ROWS, len(table), vectors.rows)
            rows_bytes = table.size_bytes
        return cls(folder, vectors, tokens, codes, rows_bytes)

    @property
    def rows(self) -> int:
        return self.vectors.rows

    @property
    def dimension(self) -> int:
        return self.vectors.shape[1]

    @property
    def has_codes(self) -> bool:
        return self.codes is not None

    @property
    def arrays(self) -> dict[str, NpyFile]:
        """The arrays by file name."""
        found = {VECTORS: self.vectors, TOKENS: self.tokens, CODES: self.codes}
        return {name: file for name, file in found.items() if file is not None}

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.arrays.values()) + self.rows_bytes

    def row_table(self) -> RowTable:
        return RowTable(self.folder / ROWS)

    def check(self, leaves: int | None = None) -> None:
        """Read every value once; with ``leaves``, tokens must name one of so many leaves.

        Raises:
            DamagedIndex: naming the file and what is wrong in it.
        """
        for file in self.arrays.values():
            flat = file.map().reshape(-1)
            for start in range(0, len(flat), _CHECKED_AT_ONCE):
                check_values(file, flat[start : start + _CHECKED_AT_ONCE], leaves)


def check_values(file: NpyFile, values: NDArray[Any], leaves: int | None) -> None:
    """Check some of an index array's values, flat; the file's name says what they are.

    Raises:
        DamagedIndex: for a vector that is not finite and below 256, a token that names no leaf (of
            ``leaves``, where given), or a code above 15.
    """
    if file.path.name == VECTORS:
        bad = count_beyond(values.view(np.int16))
        what = "values that are NaN, infinite or beyond ±256"
    elif file.path.name == TOKENS:
        limit = np.iinfo(np.int32).max if leaves is None else leaves
        bad = int(np.count_nonzero((values < 0) | (values >= limit)))
        what = f"tokens that name none of {limit} leaves"
    else:
        bad = int(np.count_nonzero(values >= CODE_VALUES))
        what = f"codes that are not below {CODE_VALUES}"
    if bad:
        raise DamagedIndex(f"{file.path} has {what}", found=str(bad), remedy=_REMEDY)


def _require_rows(path: Path, found: int, expected: int) -> None:
    if found != expected:
        raise DamagedIndex(
            f"{path} needs a row for each of {expected} vectors",
            found=f"{found} rows",
            remedy=_REMEDY,
        )
