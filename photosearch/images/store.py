"""Where photos lie, by URL: a folder by default.

obstore gives one client for folders and for object stores. A call from a thread costs a
fraction of one from asyncio (*measured*, 100 kB from a folder: 70 against 400 us), so the
batch fetch uses threads; ``get`` serves those who live in an event loop. Threads read a folder's
files themselves: obstore hands every file to threads of its own, which takes five times as long.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Self
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore

from photosearch.images.photo_error import ImageStoreError, PhotoError, PhotoUnreachable
from photosearch.images.photo_path import file_inside, require_relative
from photosearch.object_store import (
    StoreUnreachable,
    first_line,
    keeps_deleted,
    open_object_store,
)
from photosearch.settings.settings import Settings

DEFAULT_MAX_BYTES = 32 << 20


class ImageStore:
    """Photos by their paths; safe to share between threads.

    ``folder`` is the real path of a store that is a folder, otherwise none.
    """

    def __init__(self, url: str, store: ObjectStore, folder: str | None) -> None:
        self.url = url
        self.folder = folder
        self._store = store

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The store that the settings name. Raises as :meth:`open`, or if none is named."""
        return cls.open(settings.image_store_url, settings)

    @classmethod
    def open(cls, url: str, settings: Settings | None = None) -> Self:
        """The store at a URL: a folder's, a bucket's, or any that obstore knows.

        ``settings`` say where and how buckets are asked; without them, as their makers do.

        Raises:
            ImageStoreError: if the URL is of no known kind, or the folder is not there.
        """
        folder = folder_at(url)
        if folder is not None:
            if not folder.is_dir():
                raise ImageStoreError(
                    f"the folder of photos {folder} can't be used",
                    found="a file" if folder.exists() else "nothing there",
                    remedy="correct photos_url, or run 'photosearch init --photos DIR'",
                )
            return cls(url, LocalStore(folder), str(folder))
        try:
            # No retries of its own: they would multiply with those of the fetch.
            store = open_object_store(url, settings or Settings(), retries=0)
        except StoreUnreachable as error:
            raise ImageStoreError(
                f"the image store {url} can't be opened",
                found=error.found,
                remedy="set photos_url to a folder, or a file://, s3:// or gs:// URL",
            ) from error
        return cls(url, store, None)

    def buffer(self, path: str, max_bytes: int = DEFAULT_MAX_BYTES) -> bytes | obstore.Bytes:
        """A photo's bytes; from a bucket as obstore holds them, which is without a copy.

        Raises:
            PhotoError: if the path is unsafe, the photo is missing or too large.
            PhotoUnreachable: if another try may succeed.
            ImageStoreError: if the store itself is gone.
        """
        file = self._check(path)
        try:
            if file is not None:
                return _read_file(path, file, max_bytes)
            found = obstore.get(self._store, path)
            _require_size(path, found.meta["size"], max_bytes)
            return found.bytes()
        except (BaseError, OSError, ValueError) as error:
            raise self._photo_error(path, error) from error

    def read(self, path: str, max_bytes: int = DEFAULT_MAX_BYTES) -> bytes:
        """A photo's bytes. Raises as :meth:`buffer`."""
        return bytes(self.buffer(path, max_bytes))

    async def get(self, path: str, max_bytes: int = DEFAULT_MAX_BYTES) -> bytes:
        """A photo's bytes, from an event loop. Raises as :meth:`buffer`."""
        self._check(path)
        try:
            found = await obstore.get_async(self._store, path)
            _require_size(path, found.meta["size"], max_bytes)
            return bytes(await found.bytes_async())
        except (BaseError, OSError, ValueError) as error:
            raise self._photo_error(path, error) from error

    def delete_object(self, path: str) -> str | None:
        """Delete a photo from a bucket; what the bucket keeps of it, none if nothing.

        Raises:
            FileNotFoundError: if there is none.
            PhotoUnreachable: if another try may succeed, also after somebody changed rights.
            PhotoError: if the store's client can't address it.
        """
        require_relative(path)
        try:
            meta = obstore.head(self._store, path)
            obstore.delete(self._store, path)
            kept = keeps_deleted(self.url, meta)
            with suppress(FileNotFoundError):
                obstore.head(self._store, path)
                raise PhotoUnreachable(f"photo {path!r} is still there after it was deleted")
            return kept
        except FileNotFoundError:
            raise
        except ValueError as error:
            raise PhotoError(
                f"photo {path!r} has a name that the client of the bucket can't address",
                found=first_line(error),
                remedy="delete it with the bucket's own tools",
            ) from error
        except (BaseError, OSError) as error:
            raise PhotoUnreachable(
                f"photo {path!r} could not be deleted", found=first_line(error)
            ) from error

    def _check(self, path: str) -> str | None:
        """The file of a path in a folder; none in a bucket."""
        if self.folder is None:
            require_relative(path)
            return None
        return file_inside(self.folder, path)

    def _photo_error(self, path: str, error: Exception) -> PhotoError:
        if isinstance(error, FileNotFoundError):
            return PhotoError(
                f"photo {path!r} is missing",
                found=f"nothing at {self.url}",
                remedy="put it back, or remove it from the catalogue",
            )
        if isinstance(error, PermissionError):
            return PhotoError(
                f"photo {path!r} may not be read",
                found=first_line(error),
                remedy=f"allow photosearch to read {self.url}",
            )
        if isinstance(error, ValueError):
            return PhotoError(
                f"photo {path!r} has a path that no store can hold",
                found=first_line(error),
                remedy="rename the photo",
            )
        return PhotoUnreachable(f"photo {path!r} could not be read", found=first_line(error))


def folder_at(url: str) -> Path | None:
    """The real path of an image store that is a folder, whether it is there or not."""
    parts = urlsplit(url)
    return Path(unquote(parts.path)).resolve() if parts.scheme in ("", "file") else None


def _read_file(path: str, file: str, max_bytes: int) -> bytes:
    with open(file, "rb", buffering=0) as opened:  # noqa: PTH123 (per photo)
        _require_size(path, os.fstat(opened.fileno()).st_size, max_bytes)
        return opened.read()


def _require_size(path: str, size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise PhotoError(
            f"photo {path!r} is too large",
            found=f"{size / 1e6:.1f} MB",
            limit=f"{max_bytes / 1e6:.1f} MB",
            remedy="make it smaller, or raise max_photo_bytes",
        )
