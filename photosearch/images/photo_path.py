"""Photo paths come from a database that others fill, so none may lead out of the folder.

Every path is relative, with ``/`` between its parts. In a folder the real file counts: a
symbolic link may lead anywhere inside the folder and nowhere else.
"""

import os
import stat
from pathlib import Path, PurePosixPath

from photosearch.images.photo_error import ImageStoreError, PhotoError


def require_relative(path: str) -> str:
    """The path itself, if it can only mean something below the store's root.

    Raises:
        PhotoError: if it is empty, absolute, climbs with ``..`` or holds a NUL.
    """
    parts = path.split("/")
    if not path or "\0" in path or any(part in ("", ".", "..") for part in parts):
        raise PhotoError(
            f"photo {path!r} has no path inside the image store",
            found="an empty path" if not path else _flaw(path),
            remedy="store paths relative to the folder of photos, like 'shoes/a.jpg'",
        )
    return path


def file_inside(folder: str, path: str) -> str:
    """The real file of a photo in ``folder``, which is a real path itself.

    Raises:
        PhotoError: if there is no such file, it is no regular file, or lies outside.
        ImageStoreError: if the folder itself is gone.
    """
    file = os.path.realpath(f"{folder}/{require_relative(path)}")
    if not file.startswith(folder.rstrip("/") + "/"):
        raise PhotoError(
            f"photo {path!r} leads out of the folder of photos",
            found=file,
            limit=folder,
            remedy="copy the photo into the folder, a link out of it is not followed",
        )
    try:
        mode = os.stat(file).st_mode  # noqa: PTH116  (a third of Path.stat's time, per photo)
    except OSError as error:
        raise _no_file(folder, path, error) from error
    if not stat.S_ISREG(mode):
        raise PhotoError(f"photo {path!r} is not a file", found=stat.filemode(mode))
    return file


def _no_file(folder: str, path: str, error: OSError) -> PhotoError | ImageStoreError:
    if not Path(folder).is_dir():
        return ImageStoreError(
            f"the folder of photos {folder} is gone", remedy="mount it, or correct photos_url"
        )
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return PhotoError(
            f"photo {path!r} is missing",
            found=f"no such file in {folder}",
            remedy="put it back, or remove it from the catalogue",
        )
    return PhotoError(f"photo {path!r} can't be opened", found=error.strerror)


def _flaw(path: str) -> str:
    if "\0" in path:
        return "a NUL in it"
    return "an absolute path" if PurePosixPath(path).is_absolute() else "empty, '.' or '..' parts"
