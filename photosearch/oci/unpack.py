"""A layer and the folder of its files: from one to the other, and whether they agree.

Only plain files and folders are unpacked, below the folder and nowhere else: what is pulled
are our own layers, and whatever else an archive may hold is refused.
"""

import hashlib
import io
import shutil
import tarfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from photosearch.oci.documents import Descriptor
from photosearch.oci.errors import DamagedImage
from photosearch.oci.layers import CHUNK_BYTES, Layer, LayerFile

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


def unpack(chunks: Iterator[bytes], folder: Path, layer: Descriptor) -> None:
    """Unpack a layer into ``folder`` while it is compared with its digest.

    Raises:
        DamagedImage: if it is not the layer, or holds more than files and folders. What was
            unpacked until then is worthless.
    """
    stream = _Hashed(chunks, layer)
    try:
        _extract(stream, folder, layer)
    except tarfile.TarError as error:
        raise DamagedImage(f"layer {layer.digest} is no archive", found=str(error)) from error
    stream.finish()


def digest_of_files(folder: Path) -> str:
    """The digest that a layer of these files has: archives are reproducible."""
    files = [
        LayerFile(
            file.relative_to(folder).as_posix(), partial(Path, file), file.stat().st_size, None
        )
        for file in files_in(folder)
    ]
    digest = hashlib.sha256()
    for chunk in Layer(files):
        digest.update(chunk)
    return f"sha256:{digest.hexdigest()}"


def files_in(folder: Path) -> list[Path]:
    """Every file below, at any depth, sorted."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _extract(stream: "_Hashed", folder: Path, layer: Descriptor) -> None:
    with tarfile.open(fileobj=io.BufferedReader(stream, CHUNK_BYTES), mode="r|") as archive:
        for entry in archive:
            path = PurePosixPath(entry.name)
            if path.is_absolute() or ".." in path.parts or not (entry.isreg() or entry.isdir()):
                raise DamagedImage(
                    f"layer {layer.digest} holds what no layer of ours does", found=entry.name
                )
            target = folder / path
            if entry.isdir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            content = archive.extractfile(entry)
            assert content is not None
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                shutil.copyfileobj(content, file, CHUNK_BYTES)
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
