"""Reading and joining ``.npy`` files whose bytes are not trusted.

ScaNN reads these files itself and believes their headers, so we check first that a file is
as long as its header says and has the dtype and shape we expect. Joining copies the bytes
after the header: nothing is parsed, nothing grows with the number of rows.
"""

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import DTypeLike, NDArray

from index_grpc.errors import DamagedIndex

_REMEDY = "build the index anew"
_CHUNK_BYTES = 1 << 22
# numpy has Python parse a header, and in Python 3.11 two threads that do so at once count each
# other's depth: "AST constructor recursion depth mismatch" (python/cpython#106905).
_one_parser = threading.Lock()


@dataclass(frozen=True)
class NpyFile:
    """One checked ``.npy`` file: C order, exactly as long as its header says."""

    path: Path
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    offset: int

    @property
    def rows(self) -> int:
        return self.shape[0]

    @property
    def size_bytes(self) -> int:
        return self.offset + self.data_bytes

    @property
    def data_bytes(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    def map(self) -> NDArray[Any]:
        """The array, mapped read-only; an empty file gives an empty array."""
        if self.data_bytes == 0:
            return np.empty(self.shape, self.dtype)
        return np.memmap(self.path, self.dtype, "r", self.offset, self.shape)

    def read(self) -> NDArray[Any]:
        """The array in memory."""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            flat = np.fromfile(file, self.dtype, int(np.prod(self.shape, dtype=np.int64)))
        if flat.nbytes != self.data_bytes:
            raise DamagedIndex(f"{self.path} became shorter while it was read", remedy=_REMEDY)
        return flat.reshape(self.shape)


def open_npy(path: Path, dtype: DTypeLike, dimensions: int) -> NpyFile:
    """Check ``path`` against ``dtype`` and its number of ``dimensions``; read no data.

    Raises:
        DamagedIndex: if it is missing, not a .npy file, of another dtype or number of
            dimensions, in Fortran order, or shorter or longer than its header says.
    """
    expected = np.dtype(dtype)
    try:
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            if version != (1, 0):
                raise ValueError(f"version {version}")
            with _one_parser:
                shape, fortran, found = np.lib.format.read_array_header_1_0(file)
            offset = file.tell()
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise DamagedIndex(f"{path} can't be opened: {error.strerror}", remedy=_REMEDY) from error
    except Exception as error:  # a hostile header fails in many ways inside numpy's parser
        raise DamagedIndex(f"{path} is not a .npy file: {error}", remedy=_REMEDY) from error
    if found != expected or len(shape) != dimensions or fortran or min(shape) < 0:
        order = ", Fortran order" if fortran else ""
        raise DamagedIndex(
            f"{path} needs {expected} values in {dimensions} dimensions",
            found=f"{found} {list(shape)}{order}",
            remedy=_REMEDY,
        )
    file_npy = NpyFile(path, expected, tuple(int(n) for n in shape), offset)
    if size != file_npy.size_bytes:
        raise DamagedIndex(
            f"{path} should have {file_npy.size_bytes} bytes for its shape {list(shape)}",
            found=f"{size} bytes",
            remedy=_REMEDY,
        )
    return file_npy


def write_npy(path: Path, array: NDArray[Any]) -> None:
    """Write ``array``, the same bytes for the same array."""
    with path.open("wb") as file:
        _write_header(file, array.dtype, array.shape)
        file.write(np.ascontiguousarray(array).data.cast("B") if array.size else b"")


def join_npy(
    parts: Sequence[NpyFile],
    path: Path,
    check: Callable[[NpyFile, NDArray[Any]], None] | None = None,
) -> None:
    """Write the ``parts``, one after the other, to ``path`` as one array.

    ``check`` sees every chunk (flat, of the parts' dtype) before it is written. The bytes
    equal those of :func:`write_npy` over the concatenated array.
    """
    first = parts[0]
    shape = (sum(part.rows for part in parts), *first.shape[1:])
    with path.open("wb") as out:
        _write_header(out, first.dtype, shape)
        for part in parts:
            with part.path.open("rb") as file:
                file.seek(part.offset)
                left = part.data_bytes
                while left:
                    chunk = file.read(min(left, _CHUNK_BYTES))
                    if not chunk:
                        raise DamagedIndex(
                            f"{part.path} became shorter while it was read", remedy=_REMEDY
                        )
                    if check is not None:
                        check(part, np.frombuffer(chunk, part.dtype))
                    out.write(chunk)
                    left -= len(chunk)


def _write_header(file: BinaryIO, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    np.lib.format.write_array_header_1_0(
        file,
        {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape},
    )
