"""The rows of an index: which photo of which listing each vector is.

One JSON object a line, so that gluing indexes is concatenation of bytes and a person can
read an index with ``less``. A table keeps the lines' offsets only and reads a row when it is
asked for: a server of a million photos holds eight bytes a row, not a Python object.
"""

import json
from array import array
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from index_grpc.errors import DamagedIndex
from index_grpc.index.open_file import OpenFile
from photosearch.closing import Closing

_NEWLINE = 0x0A
_CHUNK_BYTES = 1 << 22


class Row(NamedTuple):
    """One photo in an index; ``listed_at`` is in UTC, ``sha256`` is of the photo's bytes."""

    photo_id: str
    listing_id: str
    listed_at: datetime
    sha256: str

    def to_json(self) -> str:
        """The row as one compact line with sorted keys, so that equal rows are equal bytes."""
        return json.dumps(
            {
                "listed_at": self.listed_at.isoformat(),
                "listing_id": self.listing_id,
                "photo_id": self.photo_id,
                "sha256": self.sha256,
            },
            separators=(",", ":"),
        )

    @classmethod
    def from_json(cls, line: str | bytes) -> "Row":
        """Read one line.

        Raises:
            ValueError: if the line is not such an object.
        """
        return _row(_parse(line))


def write_rows(path: Path, rows: Iterable[Row]) -> int:
    """Write ``rows`` to ``path`` and return how many there were."""
    count = 0
    with path.open("w", encoding="ascii", newline="\n") as file:
        for row in rows:
            file.write(row.to_json() + "\n")
            count += 1
    return count


class RowTable(Closing):
    """The rows of one ``rows.jsonl``, read one by one from the open file.

    It may be used from many threads.

    Raises:
        DamagedIndex: if the file is missing, or its last line is cut off; and from indexing,
            if that line can't be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = OpenFile(path)
        # An array gives a plain int twice as fast as numpy does, in as many bytes.
        self._starts = array("q", _line_starts(self._file).tobytes())
        self.size_bytes = self._starts[-1]

    def __len__(self) -> int:
        return len(self._starts) - 1

    def line(self, index: int) -> bytes:
        """The text of one row, as it lies in the file, its newline included."""
        if index < 0:
            raise IndexError(index)
        start = self._starts[index]
        return self._file.read_at(start, self._starts[index + 1] - start)

    def __getitem__(self, index: int) -> Row:
        line = self.line(index)
        try:
            return Row.from_json(line)
        except ValueError as error:
            raise DamagedIndex(
                f"line {index + 1} of {self.path} is not a row of an index",
                found=repr(line[:80]),
                remedy="build the index anew",
            ) from error

    def __iter__(self) -> Iterator[Row]:
        return (self[index] for index in range(len(self)))

    def close(self) -> None:
        self._file.close()


class RowColumns(NamedTuple):
    """Several rows, field by field."""

    photo_ids: list[str]
    listing_ids: list[str]
    listed_at: list[datetime]
    sha256: list[str]


def read_columns(places: Sequence[tuple[RowTable, int]]) -> RowColumns:
    """The rows at some places of several tables.

    A server reads ten rows for each query, and parsing them as JSON cost it as much as all
    else outside of ScaNN. Lines as :class:`Row` writes them, without escapes, are cut at their
    quotes instead, once it is sure that nothing else stands between; others are parsed.

    Raises:
        DamagedIndex: naming the first line that can't be read.
    """
    columns = _cut([table.line(index) for table, index in places])
    if columns is None:
        rows = [table[index] for table, index in places]
        photo_ids, listing_ids, listed_at, digests = map(list, zip(*rows, strict=True))
        columns = RowColumns(photo_ids, listing_ids, listed_at, digests)
    return columns


def _cut(lines: Sequence[bytes]) -> RowColumns | None:
    between, names = _skeleton(len(lines))
    try:
        text = b"".join(lines).decode("ascii")
        parts = text.split('"')
        if "\\" in text or parts[0::2] != between or parts[1::4] != names:
            return None
        listed_at = list(map(datetime.fromisoformat, parts[3::16]))
    except ValueError:
        return None
    return RowColumns(parts[11::16], parts[7::16], listed_at, parts[15::16])


@lru_cache(maxsize=1024)
def _skeleton(rows: int) -> tuple[list[str], list[str]]:
    """What stands outside of the quotes of so many lines, and the fields' names in order."""
    between = ["{", *([":", ",", ":", ",", ":", ",", ":", "}\n{"] * rows)]
    if rows:
        between[-1] = "}\n"
    else:
        between = [""]
    return between, ["listed_at", "listing_id", "photo_id", "sha256"] * rows


def _line_starts(file: OpenFile) -> NDArray[np.int64]:
    """Where each line starts, and the file's end: int64 [rows + 1]."""
    starts = [np.zeros(1, np.int64)]
    offset = 0
    last = b"\n"
    while chunk := file.read_at(offset, _CHUNK_BYTES):
        found = np.flatnonzero(np.frombuffer(chunk, np.uint8) == _NEWLINE)
        starts.append(found.astype(np.int64) + (offset + 1))
        offset += len(chunk)
        last = chunk[-1:]
    if last != b"\n":
        raise DamagedIndex(
            f"the last line of {file.path} is cut off", remedy="build the index anew"
        )
    return np.concatenate(starts)


def _parse(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except RecursionError as error:  # a line of nothing but brackets
        raise ValueError("not a row: nested too deeply") from error


def _row(fields: Any) -> Row:
    try:
        photo_id, listing_id, sha256 = fields["photo_id"], fields["listing_id"], fields["sha256"]
        listed_at = datetime.fromisoformat(fields["listed_at"])
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError(f"not a row: {error}") from error
    if not (type(photo_id) is type(listing_id) is type(sha256) is str):
        raise ValueError("not a row: ids and sha256 are texts")
    return Row(photo_id, listing_id, listed_at, sha256)
