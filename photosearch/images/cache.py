"""Downloaded photos, kept for a set time so that re-indexing never downloads again.

How long and how many is eviction.py's business; what a step works on it keeps by a lease.

A store that is a folder is read through and nothing is copied: the photos are as near as a
copy would be, which would cost their size in disk and, *measured*, six times the time of
reading them. Which folder that is, the settings say to every process anew: written down, it
would go on leading to the former place of an installation that was moved or copied. Hard links
were rejected: editing a photo in place would change the cached one too, and they need one file
system.

Losing it costs fetching and no work: which bytes a photo had, its hour's report says, which is no
part of the cache (reports.py).
"""

import hashlib
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Self

from obstore import Bytes

from photosearch.files.disk import remedy_for
from photosearch.files.leases import keeping
from photosearch.files.walk import files_below
from photosearch.files.whole import write_whole
from photosearch.images.eviction import evict, used
from photosearch.images.photo_error import ImageStoreError, PhotoError
from photosearch.images.photo_path import file_inside, require_relative
from photosearch.images.store import folder_at
from photosearch.settings.settings import Settings

_LEASES = "pins"
_READABLE = 0o644


class ImageCache:
    """Photos in a folder; safe to share between threads and processes.

    ``reads_through`` is the real path of the folder of photos that are read where they lie; none
    if copies are kept.
    """

    def __init__(self, folder: Path, reads_through: str | None = None) -> None:
        self.folder = folder
        self.reads_through = reads_through
        self._photos = str(folder / "photos")

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The cache of these settings, before their image store."""
        photos = None if settings.photos_url is None else folder_at(settings.image_store_url)
        return cls(settings.cache_dir, None if photos is None else str(photos))

    def path_of(self, photo_path: str) -> Path | None:
        """The file with a photo's bytes; none if it is not here, as with an unsafe path."""
        try:
            if self.reads_through is not None:
                return Path(file_inside(self.reads_through, photo_path))
            entry = self._entry(photo_path)
        except (PhotoError, ImageStoreError):
            return None  # the fetch says why
        return Path(entry) if os.path.isfile(entry) else None  # noqa: PTH113

    def read(self, photo_path: str) -> bytes | None:
        """A photo's bytes; none if they are not here, as with an unsafe path, or can't be read."""
        if self.reads_through is not None:
            path = self.path_of(photo_path)
            with suppress(OSError):  # the fetch says why
                return None if path is None else path.read_bytes()
            return None
        try:
            entry = self._entry(photo_path)
            with open(entry, "rb", buffering=0) as file:  # noqa: PTH123 (per photo)
                content = file.read()
        except (OSError, PhotoError):
            return None  # the fetch brings it, or says why it can't
        used(entry)
        return content

    def put(self, photo_path: str, content: bytes | Bytes) -> None:
        """Keep a photo's bytes; whole or not at all, whatever happens meanwhile.

        Raises:
            PhotoError: if the path is unsafe.
            ImageStoreError: if the cache can't be written, as on a full disk.
        """
        _keep(self._entry(photo_path), content)

    def discard(self, photo_path: str) -> bool:
        """Delete the copy of a photo; whether there was one."""
        try:
            Path(self._entry(photo_path)).unlink()
        except (FileNotFoundError, PhotoError):
            return False
        return True

    @contextmanager
    def keep(self, photo_paths: Iterable[str]) -> Iterator[None]:
        """Keep these photos while the block runs, also those that come meanwhile.

        Raises:
            ImageStoreError: if the cache can't be written, as on a full disk.
        """
        if self.reads_through is not None:
            yield
            return
        names = []
        for photo_path in photo_paths:
            with suppress(PhotoError):  # no photo has such a path: the fetch says why
                names.append(self._entry(photo_path).rpartition("/")[2])
        with ExitStack() as held:
            with _telling(str(self.folder / _LEASES)):
                held.enter_context(keeping(self.folder / _LEASES, names))
            yield

    def sweep(self, keep_days: float, max_bytes: int = sys.maxsize, added: int = 0) -> int:
        """Remove copies older than ``keep_days``, and beyond ``max_bytes`` those used longest ago.

        ``added`` is what was put since the last call, in bytes. Says how many went; none that
        is kept by a lease. Cheap when nothing is due.

        Raises:
            ImageStoreError: if the cache can't be written.
        """
        with _telling(str(self.folder)):
            return evict(
                self.folder,
                self.folder / _LEASES,
                keep_days=keep_days,
                max_bytes=max_bytes,
                added=added,
            )

    def copy_of(self, photo_path: str) -> str | None:
        """The name of a photo's copy, whether there is one or not; None for an unsafe path."""
        try:
            return self._entry(photo_path).rpartition("/")[2]
        except PhotoError:
            return None

    def _entry(self, photo_path: str) -> str:
        # A string: building a Path for each of a thousand photos a second is felt.
        name = hashlib.sha256(require_relative(photo_path).encode("utf-8", "surrogatepass"))
        key = name.hexdigest()[:40]
        return f"{self._photos}/{key[:2]}/{key}"

    def entries(self) -> Iterator[Path]:
        """The files of all copies; their names say nothing of their photos."""
        return files_below(self.folder / "photos")


def _keep(path: str, content: bytes | Bytes) -> None:
    with _telling(path):
        write_whole(path, content, mode=_READABLE)


@contextmanager
def _telling(path: str) -> Iterator[None]:
    """Turn the system's errors into ours."""
    try:
        yield
    except OSError as error:
        raise ImageStoreError(
            f"the image cache can't be written: {path}",
            found=error.strerror,
            remedy=remedy_for(error, "state_dir"),
        ) from error
