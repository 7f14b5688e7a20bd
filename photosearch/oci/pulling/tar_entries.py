"""The files and folders of an archive that anybody may have written.

A general reader of archives knows what decades of tar have brought: links, devices, files with
holes of which 1.5 kB become a terabyte, headers about headers without end. A layer of ours has
none of that (building/layers.py): plain files and folders, and before one with a long path or
size the extended header that says so. Only this is read, so what comes out is never more than
went in, and everything else, wherever it stands, is a damaged image.
"""

import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO

BLOCK = tarfile.BLOCKSIZE
#: Entries of one archive: a year of hourly indexes in one layer makes some 90,000.
MOST_ENTRIES = 1 << 18
MOST_PATH_BYTES = 1024
MOST_NAME_BYTES = 255
_MOST_EXTENDED_BYTES = 4096
_CHUNK_BYTES = 1 << 20
_KIND = slice(156, 157)
_RECORD = re.compile(rb"([1-9][0-9]{0,4}) (path|size)=")
_ZEROS = bytes(BLOCK)


class OddArchive(Exception):
    """What no archive of ours holds; the text says what it is."""


@dataclass(frozen=True)
class Entry:
    """A folder, or a file of ``size`` bytes; ``path`` is relative and has no ``..``."""

    path: PurePosixPath
    is_folder: bool
    size: int


def entries(stream: BinaryIO, size: int) -> Iterator[tuple[Entry, Iterator[bytes]]]:
    """Each entry of an archive of ``size`` bytes, and a file's content in pieces.

    A content that was not read to its end is skipped.

    Raises:
        OddArchive: for all that is no plain file or folder, is not where it says or as long as
            it says, or follows the archive's end.
    """
    reader = _Reader(stream, size)
    for _ in range(MOST_ENTRIES):
        block = reader.block()
        if block == _ZEROS:
            reader.finish()
            return
        told: dict[str, bytes] = {}
        if block[_KIND] == tarfile.XHDTYPE:
            told = _extended(reader, _header(block))
            block = reader.block()
        entry = _entry(_header(block), block[_KIND], told)
        if entry.size > reader.left:
            raise OddArchive(f"{entry.path} says that it has {entry.size} bytes")
        content = reader.content(entry.size)
        yield entry, content
        for _ in content:
            pass
    raise OddArchive(f"more than {MOST_ENTRIES} files and folders")


class _Reader:
    """Reads forwards; never more than the archive should have."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream = stream
        self.left = size

    def read(self, count: int) -> bytes:
        if count > self.left:
            raise OddArchive("the archive ends before its end")
        content = self._stream.read(count)
        if len(content) < count:
            raise OddArchive("the archive ends before its end")
        self.left -= count
        return content

    def block(self) -> bytes:
        return self.read(BLOCK)

    def content(self, size: int) -> Iterator[bytes]:
        left = size
        while left:
            chunk = self.read(min(left, _CHUNK_BYTES))
            left -= len(chunk)
            yield chunk
        padding = self.read(-size % BLOCK)
        if any(padding):
            raise OddArchive("bytes between two files")

    def finish(self) -> None:
        """The second of the two empty blocks at the end, and after it nothing but more."""
        if self.block() != _ZEROS:
            raise OddArchive("one empty block and not two at the end")
        while self.left:
            if any(self.read(min(self.left, _CHUNK_BYTES))):
                raise OddArchive("bytes after the end")


def _header(block: bytes) -> tarfile.TarInfo:
    try:
        return tarfile.TarInfo.frombuf(block, "utf-8", "strict")
    except (tarfile.HeaderError, ValueError, OverflowError) as error:
        raise OddArchive(f"no header where one should be: {error}") from error


def _extended(reader: _Reader, header: tarfile.TarInfo) -> dict[str, bytes]:
    """What an extended header says of the entry behind it: its path, its size, or both."""
    if not 0 < header.size <= _MOST_EXTENDED_BYTES:
        raise OddArchive(f"an extended header of {header.size} bytes")
    rest = b"".join(reader.content(header.size))
    told: dict[str, bytes] = {}
    while rest:
        found = _RECORD.match(rest)
        length = 0 if found is None else int(found[1])
        if (
            found is None
            or not found.end() < length <= len(rest)
            or rest[length - 1 : length] != (b"\n")
        ):
            raise OddArchive("an extended header of another kind than ours")
        name = found[2].decode()
        if name in told:
            raise OddArchive(f"an extended header with two values of {name}")
        told[name] = rest[found.end() : length - 1]
        rest = rest[length:]
    return told


def _entry(header: tarfile.TarInfo, kind: bytes, told: dict[str, bytes]) -> Entry:
    if kind not in (tarfile.REGTYPE, tarfile.DIRTYPE):
        raise OddArchive(f"{header.name}: no file and no folder, but of kind {kind!r}")
    try:
        name = told["path"].decode() if "path" in told else header.name
    except UnicodeDecodeError as error:
        raise OddArchive(f"a path that is no UTF-8: {told['path']!r}") from error
    size = header.size
    if "size" in told:
        if re.fullmatch(rb"[0-9]{1,18}", told["size"]) is None:
            raise OddArchive(f"{name}: a size that is no number")
        size = int(told["size"])
    is_folder = kind == tarfile.DIRTYPE
    if size < 0 or (is_folder and size):
        raise OddArchive(f"{name} says that it has {size} bytes")
    return Entry(_path(name), is_folder, size)


def _path(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    too_long = len(name.encode()) > MOST_PATH_BYTES or any(
        len(part.encode()) > MOST_NAME_BYTES for part in path.parts
    )
    if too_long:
        raise OddArchive(f"a path that is too long: {name[:80]}...")
    if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in name:
        raise OddArchive(f"a path that leads elsewhere: {name!r}")
    return path
