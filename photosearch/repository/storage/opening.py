"""The storage that a URL names."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from photosearch.object_store import is_bucket
from photosearch.repository.errors import RepositoryError
from photosearch.repository.storage.bucket import ObjectStorage
from photosearch.repository.storage.folder import FolderStorage
from photosearch.repository.storage.port import Storage
from photosearch.settings.settings import Settings


def open_storage(url: str, settings: Settings | None = None) -> Storage:
    """The storage at ``url``; nothing is read or made yet. A bucket's needs the settings.

    Raises:
        RepositoryError: if nothing stores at such a URL, or a file lies where the folder should.
    """
    parts = urlsplit(url)
    if is_bucket(url) and parts.netloc and settings is not None:
        return ObjectStorage(url, settings)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        raise RepositoryError(
            "the model repository is a folder, or lies in a bucket",
            found=url,
            remedy="set models_url to a folder, or a file://, s3:// or gs:// URL",
        )
    root = Path(unquote(parts.path))
    if root.exists() and not root.is_dir():
        raise RepositoryError(
            f"the model repository {root} is no folder", found="a file", remedy="correct models_url"
        )
    return FolderStorage(root)
