"""A layer: files as an uncompressed tar archive that is the same on every machine.

Files are sorted by path; owner, mode and time are fixed; a folder comes before what is in it.
So the bytes follow from the paths and contents alone, and the size is known before a byte is
read. Not compressed: bfloat16 vectors and codes lose a few percent for many times the
processor time, another release of zlib would give another digest, and without compression
the digest of the layer is that of its content (``diff_id``) too.

Every file is checked against the SHA-256 that it should have while it is read, by a thread
beside the one that hashes the layer, so what reaches a registry is what was published.
"""

import hashlib
import tarfile
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from photosearch.oci.errors import DamagedImage

CHUNK_BYTES = 1 << 20
#: The header's format, fixed with it the digests: a change of it is a change of every layer.
FORMAT = 1
_BLOCK = tarfile.BLOCKSIZE


@dataclass(frozen=True)
class LayerFile:
    """One file of a layer. ``path`` is the one in the image, without a leading ``/``.

    Where it is on this machine is asked when it is read: from a bucket it is fetched first.
    """

    path: str
    source: Callable[[], Path] | bytes
    size: int
    #: None: not compared.
    sha256: str | None

    @classmethod
    def of_bytes(cls, path: str, content: bytes) -> "LayerFile":
        """A file made here."""
        return cls(path, content, len(content), hashlib.sha256(content).hexdigest())


class Layer:
    """The archive of ``files``; each iteration reads them anew."""

    def __init__(self, files: Iterable[LayerFile]) -> None:
        self.files = sorted(files, key=lambda file: file.path)

    @cached_property
    def key(self) -> str:
        """SHA-256 of what decides the layer's bytes; known without reading the files."""
        told = [f"{FORMAT}", *(f"{file.path}\0{file.size}\0{file.sha256}" for file in self.files)]
        return hashlib.sha256("\n".join(told).encode()).hexdigest()

    @cached_property
    def size(self) -> int:
        """Bytes of the archive."""
        headers = sum(len(header) for header, _ in self._entries())
        return headers + sum(_padded(file.size) for file in self.files) + 2 * _BLOCK

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[bytes]:
        """The archive in pieces.

        Raises:
            DamagedImage: if a file is missing or not what it should be. What was read of the
                layer until then is worthless.
        """
        with ThreadPoolExecutor(1, thread_name_prefix="verify") as beside:
            for header, file in self._entries():
                yield header
                if file is None:
                    continue
                with closing(_checked(file, beside)) as chunks:
                    yield from chunks
                yield bytes(_padded(file.size) - file.size)
        yield bytes(2 * _BLOCK)

    def _entries(self) -> Iterator[tuple[bytes, LayerFile | None]]:
        made: set[PurePosixPath] = set()
        for file in self.files:
            for folder in reversed(PurePosixPath(file.path).parents[:-1]):
                if folder not in made:
                    made.add(folder)
                    yield _header(f"{folder}/", tarfile.DIRTYPE, 0, 0o755), None
            yield _header(file.path, tarfile.REGTYPE, file.size, 0o644), file


def _header(path: str, kind: bytes, size: int, mode: int) -> bytes:
    entry = tarfile.TarInfo(path)
    entry.type, entry.size, entry.mode, entry.mtime = kind, size, mode, 0
    return entry.tobuf(tarfile.PAX_FORMAT)


def _padded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _checked(file: LayerFile, beside: ThreadPoolExecutor) -> Generator[bytes]:
    """The file's bytes; its digest is taken by another thread, one piece behind."""
    if isinstance(file.source, bytes):
        yield file.source
        return
    digest = hashlib.sha256()
    read = 0
    pending: Future[None] | None = None
    path = file.source()
    with _telling(file, path), path.open("rb") as opened:
        while chunk := opened.read(CHUNK_BYTES):
            read += len(chunk)
            if read > file.size:
                break
            if file.sha256 is not None:
                if pending is not None:
                    pending.result()
                pending = beside.submit(digest.update, chunk)
            yield chunk
    if pending is not None:
        pending.result()
    if read != file.size:
        raise _damaged(file, path, f"{read} bytes{' or more' if read > file.size else ''}")
    if file.sha256 is not None and digest.hexdigest() != file.sha256:
        raise _damaged(file, path, f"sha256 {digest.hexdigest()}")


@contextmanager
def _telling(file: LayerFile, path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise _damaged(file, path, "no file") from error
    except OSError as error:
        raise _damaged(file, path, str(error)) from error


def _damaged(file: LayerFile, path: Path, found: str) -> DamagedImage:
    return DamagedImage(
        f"{path} should have {file.size} bytes and sha256 {file.sha256}",
        found=found,
        remedy="run 'photosearch verify --discard', then 'photosearch materialize'",
    )
