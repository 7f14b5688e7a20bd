"""Where an artifact lies.

An address names a line of versions (one hour's index, say); with a version it names one
immutable artifact. The path is made for a person who looks into the folder: it reads
``windows/<fingerprint>/hourly/2026-11-22T14/index``, and of an hour's photos, of which every
embedder makes its own, ``photos/hourly/2026-11-22T14``.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from photosearch.repository.errors import RepositoryError
from photosearch.windows import Window

HEAD = "HEAD"
MANIFEST = "manifest.json"
TOP_FOLDERS = ("embedders", "quantisers", "photos", "windows")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Kind(StrEnum):
    EMBEDDER = "embedder"
    PHOTOS = "photos"
    QUANTISER = "quantiser"
    EMBEDDINGS = "embeddings"
    INDEX = "index"


WINDOW_KINDS = (Kind.PHOTOS, Kind.EMBEDDINGS, Kind.INDEX)
OF_NO_EMBEDDER = (Kind.EMBEDDER, Kind.PHOTOS)


@dataclass(frozen=True)
class Address:
    """A line of versions. Made by the class methods below."""

    kind: Kind
    fingerprint: str | None
    window: Window | None

    def __post_init__(self) -> None:
        if (self.fingerprint is None) != (self.kind in OF_NO_EMBEDDER) or (
            self.window is not None
        ) != (self.kind in WINDOW_KINDS):
            raise RepositoryError(
                f"a {self.kind} has no such address", found=f"{self.fingerprint}, {self.window}"
            )
        if self.fingerprint is not None:
            require_name("a fingerprint", self.fingerprint)

    @classmethod
    def embedders(cls) -> "Address":
        """Every embedder; a version is an embedder's fingerprint."""
        return cls(Kind.EMBEDDER, None, None)

    @classmethod
    def quantisers(cls, fingerprint: str) -> "Address":
        """The quantisers trained on this embedder's vectors."""
        return cls(Kind.QUANTISER, fingerprint, None)

    @classmethod
    def photos(cls, window: Window) -> "Address":
        """The reports on the photos of a window, whatever embedder they are for."""
        return cls(Kind.PHOTOS, None, window)

    @classmethod
    def embeddings(cls, fingerprint: str, window: Window) -> "Address":
        return cls(Kind.EMBEDDINGS, fingerprint, window)

    @classmethod
    def index(cls, fingerprint: str, window: Window) -> "Address":
        return cls(Kind.INDEX, fingerprint, window)

    @classmethod
    def locate(cls, path: str) -> "ArtifactKey | None":
        """The address whose folder holds ``path``, and the rest of the path.

        None for a path that lies in no address, such as a file someone left there.
        """
        parts = path.split("/")
        try:
            if parts[0] == "embedders" and len(parts) > 1:
                return cls.embedders(), "/".join(parts[1:])
            if parts[0] == "quantisers" and len(parts) > 2:
                return cls.quantisers(parts[1]), "/".join(parts[2:])
            if parts[0] == "photos" and len(parts) > 3:
                return _of_window(None, *parts[1:3], "photos"), "/".join(parts[3:])
            if parts[0] == "windows" and len(parts) > 5:
                return _of_window(*parts[1:5]), "/".join(parts[5:])
        except (RepositoryError, ValueError):  # no such kind, no such window
            return None
        return None

    @property
    def path(self) -> str:
        """The folder that holds the versions and HEAD, relative to the repository."""
        if self.kind is Kind.EMBEDDER:
            return "embedders"
        if self.kind is Kind.QUANTISER:
            return f"quantisers/{self.fingerprint}"
        assert self.window is not None
        if self.kind is Kind.PHOTOS:
            return f"photos/{self.window.key}"
        return f"windows/{self.fingerprint}/{self.window.key}/{self.kind}"

    @property
    def head_path(self) -> str:
        return f"{self.path}/{HEAD}"

    def folder(self, version: str) -> str:
        """The folder of one version's files."""
        return f"{self.path}/{require_name('a version', version)}"

    def manifest_path(self, version: str) -> str:
        return f"{self.folder(version)}/{MANIFEST}"

    def __str__(self) -> str:
        return self.path


#: One immutable artifact: its address and its version.
ArtifactKey = tuple[Address, str]


@lru_cache(maxsize=65_536)  # a listing asks for each address once a file
def _of_window(fingerprint: str | None, granularity: str, start: str, kind: str) -> Address:
    return Address(Kind(kind), fingerprint, Window.parse(f"{granularity}/{start}"))


def require_name(what: str, name: str) -> str:
    """``name``, if it can be one folder's or file's name in any store.

    Raises:
        RepositoryError: if it cannot, or is one of the repository's own names.
    """
    if not _NAME.fullmatch(name) or name in (HEAD, MANIFEST):
        raise RepositoryError(
            f"{what} is made of letters, digits, '.', '_' and '-'", found=repr(name)
        )
    return name
