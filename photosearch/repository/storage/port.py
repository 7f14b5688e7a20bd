"""What the repository needs of the place where artifacts lie.

Few operations, each with a meaning that a folder and an object store can both keep: whole
objects, one create-if-absent, one compare-and-swap. A folder keeps the last two with a
link and a lock (folder.py); S3 and GCS have them as conditions on etag or generation
(bucket.py).
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from photosearch.repository.manifest import FileEntry


@dataclass(frozen=True)
class Stored:
    """An object's content, and the tag that changes whenever the content is replaced."""

    content: bytes
    tag: str


@dataclass(frozen=True)
class StoredFile:
    """One object of a listing; ``modified_s`` in seconds since 1970.

    ``staged``: a writer had not finished it; no reader looks at it.
    """

    path: str
    size: int
    modified_s: float
    staged: bool


class TagMoved(Exception):
    """The object is no longer the one that was expected."""


class Storage(Protocol):
    """Paths are relative to the repository, with ``/``. All failures are StorageErrors.

    ``is_far`` says whether each call waits for a network.
    """

    is_far: bool

    def now_s(self) -> float:
        """The time, in seconds since 1970, by the clock that ``modified_s`` is taken from."""

    def read(self, path: str) -> Stored | None:
        """The object, or None when there is none."""

    def list_each(self, folder: str, tails: Sequence[str]) -> list[dict[str, Hashable]]:
        """For each tail ``{child: tag of folder/child/tail}`` for the children that have it.

        By one listing; the tails are all HEADs or none is. A tag is the listing's own, and another
        one whenever the object is.
        """

    def exists(self, path: str) -> bool: ...

    def folders(self, folder: str) -> list[str]:
        """Names of the folders directly below, sorted."""

    def files(self, folder: str) -> list[StoredFile]:
        """Every object below at any depth, staged leftovers of killed writers too."""

    def write_version(
        self, folder: str, files: Mapping[str, Path], last: str, content: bytes
    ) -> bool:
        """Put the files, and when all of them are safe the object ``last``, if absent.

        Returns False when ``last`` was there already.
        """

    def replace(self, path: str, content: bytes, expected: str | None) -> str:
        """Put an object if its tag is still ``expected`` (None: if absent); its new tag.

        Raises:
            TagMoved: if it is not.
        """

    def refresh(self, path: str) -> bool:
        """Make the object young again, so that no grace period is over for it.

        False if there is none. From then on :meth:`remove` fails for who saw it before.
        """

    def remove(self, path: str, tag: str) -> bool:
        """Delete the object if its tag is still ``tag``; False if it is not."""

    def delete(self, paths: Iterable[str]) -> None:
        """Delete objects; those that are gone already are fine."""

    def fence(self, name: str, *, wait: bool = True) -> AbstractContextManager[bool]:
        """Keep others who take the same name out; gives whether it is ours. Not reentrant.

        A store without locks gives True to everyone: there, conditions and grace
        periods alone keep writers apart, and a race costs work, not correctness.
        """

    def local_folder(
        self, folder: str, files: Mapping[str, FileEntry], *, fresh: bool = False
    ) -> Path:
        """The folder on this machine that has a version's files, as the store has them.

        What lies elsewhere is copied here, and with ``fresh`` copied again.
        """

    def using(self) -> AbstractContextManager[None]:
        """Copies made inside the block may go afterwards; otherwise they stay with the process."""
