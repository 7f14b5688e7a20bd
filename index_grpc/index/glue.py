"""Many indexes laid end to end: a day from its hours, a month from its days, a pack.

Under one quantiser a row's code depends on that row alone, so concatenating each file gives
the same bytes as encoding all rows at once. Gluing copies bytes and checks every value as it
passes; it needs no ScaNN and hardly any memory.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from index_grpc.errors import IndexMismatch
from index_grpc.index.index_files import CODES, ROWS, TOKENS, VECTORS, IndexFolder, check_values
from index_grpc.index.npy_files import NpyFile, join_npy


@dataclass(frozen=True)
class GluedIndex:
    """An index that was glued."""

    folder: Path
    rows: int
    dimension: int
    size_bytes: int


def glue_indexes(index_folders: Sequence[Path], out_folder: Path) -> GluedIndex:
    """Concatenate the indexes, in the order given, into ``out_folder``.

    The caller gives windows of one fingerprint and one quantiser, in time order, so that
    rows stay sorted by ``(listed_at, photo_id)``.

    Raises:
        DamagedIndex: if a part is damaged.
        IndexMismatch: if there is no part, or parts differ in dimension or in having codes.
    """
    parts = [IndexFolder.open(folder) for folder in index_folders]
    out_folder.mkdir(parents=True, exist_ok=True)
    join_arrays(parts, out_folder)
    with (out_folder / ROWS).open("wb") as out:
        for part in parts:
            with (part.folder / ROWS).open("rb") as file:
                shutil.copyfileobj(file, out, 1 << 20)
    glued = IndexFolder.open(out_folder)
    return GluedIndex(
        out_folder,
        glued.rows,
        glued.dimension,
        glued.size_bytes,
    )


def join_arrays(
    parts: Sequence[IndexFolder], out_folder: Path, leaves: int | None = None
) -> dict[str, Path]:
    """Concatenate the arrays, not the rows, checking every value; the written files by name.

    Raises:
        DamagedIndex, IndexMismatch: as :func:`glue_indexes`; with ``leaves`` also for tokens
            that name none of so many.
    """
    require_alike(parts)

    def check(file: NpyFile, values: NDArray[Any]) -> None:
        check_values(file, values, leaves)

    written = {}
    for name in (VECTORS, TOKENS, CODES):
        path = out_folder / name
        if name in parts[0].arrays:
            join_npy([part.arrays[name] for part in parts], path, check)
            written[name] = path
        else:
            path.unlink(missing_ok=True)
    return written


def require_alike(parts: Sequence[IndexFolder]) -> None:
    """Refuse parts that do not make one index.

    Raises:
        IndexMismatch: naming the first part that differs from the first of all.
    """
    if not parts:
        raise IndexMismatch("gluing needs at least one index", found="none")
    first = parts[0]
    for part in parts[1:]:
        if (part.dimension, part.has_codes) != (first.dimension, first.has_codes):
            raise IndexMismatch(
                f"{part.folder} can't be glued to {first.folder} ({_shape(first)})",
                found=_shape(part),
                remedy="encode all windows with one quantiser",
            )


def _shape(part: IndexFolder) -> str:
    return f"{part.dimension} dimensions, {'with' if part.has_codes else 'without'} codes"
