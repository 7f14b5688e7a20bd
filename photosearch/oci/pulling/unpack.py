"""A layer and the folder of its files: from one to the other, and whether they agree.

Only plain files and folders are unpacked, below the folder and nowhere else: what is pulled
are our own layers, and whatever else an archive may hold is refused. So the files never have
more bytes than the layer has by its image's manifest, which is asked of the disk beforehand.
"""

import hashlib
import io
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from photosearch.oci.building.layers import CHUNK_BYTES, Layer, LayerFile
from photosearch.oci.documents import LAYER, Descriptor
from photosearch.oci.errors import DamagedImage, RegistryRefused
from photosearch.oci.pulling.tar_entries import Entry, OddArchive, entries

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

#: Left free on the disk for others, of a disk that has so much: logs and the catalogue go on.
SPARED_BYTES = 1 << 30
_SPARED_SHARE = 0.05
_REMEDY = "delete the image; the sensor builds it again"


def unpack(chunks: Iterator[bytes], folder: Path, layer: Descriptor) -> None:
    """Unpack a layer into ``folder`` while it is compared with its digest.

    Raises:
        DamagedImage: if it is not the layer, or holds more than files and folders. What was
            unpacked until then is worthless.
        RegistryRefused: if the disk has no room for it.
    """
    _require_kind(layer)
    _require_room(folder, layer)
    try:
        for entry, content in layer_entries(chunks, layer):
            _extract(entry, content, folder)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise _odd(layer, str(error)) from error


def layer_entries(
    chunks: Iterator[bytes], layer: Descriptor
) -> Iterator[tuple[Entry, Iterator[bytes]]]:
    """The files and folders of a layer, which is compared with its digest on the way.

    Raises:
        DamagedImage: if it is not the layer, or holds more than files and folders. What was
            read of it until then is worthless.
    """
    _require_kind(layer)
    stream = _Hashed(chunks, layer)
    buffered = cast(BinaryIO, io.BufferedReader(stream, CHUNK_BYTES))
    with _judged(stream, layer):
        for entry, content in entries(buffered, layer.size):
            yield entry, _judged_content(content, stream, layer)
    stream.finish()


def _judged_content(
    content: Iterator[bytes], stream: "_Hashed", layer: Descriptor
) -> Iterator[bytes]:
    with _judged(stream, layer):
        yield from content


@contextmanager
def _judged(stream: "_Hashed", layer: Descriptor) -> Iterator[None]:
    try:
        yield
    except OddArchive as error:
        stream.finish()  # of one that is damaged besides, that is the fault
        raise _odd(layer, str(error)) from error


def _require_kind(layer: Descriptor) -> None:
    if layer.media_type != LAYER:
        raise _odd(layer, f"an archive of another kind: {layer.media_type}")


def digest_of_files(folder: Path) -> str | None:
    """The digest that a layer of these files has: archives are reproducible.

    None if something in the folder is no plain file or folder: no layer of ours has it.
    """
    found = files_in(folder)
    if found is None:
        return None
    files = [
        LayerFile(
            file.relative_to(folder).as_posix(), partial(Path, file), file.stat().st_size, None
        )
        for file in found
    ]
    digest = hashlib.sha256()
    try:
        for chunk in Layer(files):
            digest.update(chunk)
    except DamagedImage:  # it changes while it is read
        return None
    return f"sha256:{digest.hexdigest()}"


def files_in(folder: Path) -> list[Path] | None:
    """Every file below, at any depth, sorted; None if there are links or devices among them."""
    if folder.is_symlink() or not folder.is_dir():
        return None
    found = []
    for place, folders, names in os.walk(folder):
        for name in (*folders, *names):
            mode = os.lstat(f"{place}/{name}").st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                return None
        found += [Path(place, name) for name in names]
    return sorted(found)


def _require_room(folder: Path, layer: Descriptor) -> None:
    usage = shutil.disk_usage(folder)
    spared = min(SPARED_BYTES, int(usage.total * _SPARED_SHARE))
    if layer.size > usage.free - spared:
        raise RegistryRefused(
            f"there is no room to unpack layer {layer.digest} in {folder}",
            found=f"{layer.size} bytes",
            limit=f"{max(usage.free - spared, 0)} bytes, so that {spared} stay free",
            remedy="make room on the disk, or move state_dir",
        )


def _odd(layer: Descriptor, found: str) -> DamagedImage:
    return DamagedImage(
        f"layer {layer.digest} holds what no layer of ours does", found=found, remedy=_REMEDY
    )


def _extract(entry: Entry, content: Iterator[bytes], folder: Path) -> None:
    target = folder / entry.path
    if entry.is_folder:
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as file:
        file.writelines(content)
    target.chmod(0o444)  # shared by hard links: whoever writes would damage them all


class _Hashed(io.RawIOBase):
    """Chunks as a stream that is hashed while it is read, and never longer than it should."""

    def __init__(self, chunks: Iterator[bytes], layer: Descriptor) -> None:
        self._chunks = chunks
        self._layer = layer
        self._digest = hashlib.sha256()
        self._read = 0
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        if not self._rest:
            self._rest = memoryview(next(self._chunks, b""))
            self._digest.update(self._rest)
            self._read += len(self._rest)
            if self._read > self._layer.size:
                self.finish()
        into = memoryview(buffer).cast("B")
        count = min(len(into), len(self._rest))
        into[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def finish(self) -> None:
        """Read what is left and compare.

        Raises:
            DamagedImage: if it was not the layer.
        """
        while self._read <= self._layer.size and (chunk := next(self._chunks, b"")):
            self._digest.update(chunk)
            self._read += len(chunk)
        found = f"sha256:{self._digest.hexdigest()}"
        if found != self._layer.digest:
            raise DamagedImage(
                f"layer {self._layer.digest} is damaged in the registry",
                found=f"{self._read} bytes, {found}",
                limit=f"{self._layer.size} bytes",
                remedy="delete that layer there; the sensor builds it again",
            )
