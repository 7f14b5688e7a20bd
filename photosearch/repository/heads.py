"""HEAD: which version of an address is current, and whether a person pinned it.

The only object of the repository that changes. Its first line is the version, so that
``cat HEAD`` tells a person what they want to know. A second line, ``pinned`` and since when,
is what a rollback leaves: the pipeline, which would find the window out of date and make it
again, keeps its hands off. The pin is in HEAD and not beside it, because then one
compare-and-swap moves and pins at once, and no writer can slip between the two. Of an hour's
photos a line says since when some can't be had and when that was tried last: versions never
change, and trying makes none. The last line is a checksum over those before it where there is
more than the version: nothing else would tell that a time was changed.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from photosearch.repository.addresses import Address, require_name
from photosearch.repository.errors import (
    MAKE_AGAIN,
    DamagedArtifact,
    HeadMoved,
    HeadPinned,
    RepositoryError,
)
from photosearch.repository.storage.port import Storage, TagMoved

_PINNED = "pinned "
_SEAL = "sha256 "
_FAILING = re.compile("failing since ([^ ]+), tried ([^ ]+)")


class Failing(NamedTuple):
    """Since when some of an hour's photos can't be had, and when that was tried last."""

    since: datetime
    tried_at: datetime


class Current(NamedTuple):
    """What HEAD says: the version, since when it is pinned (None: it is not), and of photos
    whether some can't be had."""

    version: str
    pinned_at: datetime | None = None
    failing: Failing | None = None

    @property
    def is_pinned(self) -> bool:
        return self.pinned_at is not None

    def to_bytes(self) -> bytes:
        lines = self._lines()
        if self.pinned_at is None and self.failing is None:
            return lines
        return lines + f"{_SEAL}{hashlib.sha256(lines).hexdigest()}\n".encode()

    def is_as_written(self, content: bytes) -> bool:
        """Whether HEAD's content is what is written for this, also by a former release."""
        return content in (self.to_bytes(), self._lines())

    def _lines(self) -> bytes:
        pin = "" if self.pinned_at is None else f"{_PINNED}{self.pinned_at.isoformat()}\n"
        tried = ""
        if self.failing is not None:
            since, at = (moment.isoformat() for moment in self.failing)
            tried = f"failing since {since}, tried {at}\n"
        return f"{self.version}\n{pin}{tried}".encode()


@dataclass(frozen=True)
class Head:
    """The current version, and the tag of the object that says so."""

    version: str
    tag: str
    pinned_at: datetime | None = None
    failing: Failing | None = None

    @property
    def is_pinned(self) -> bool:
        return self.pinned_at is not None


def read_head(storage: Storage, address: Address) -> Head | None:
    """See :meth:`Repository.head`."""
    stored = storage.read(address.head_path)
    if stored is None:
        return None
    current = current_in(stored.content)
    if current is None:
        raise DamagedArtifact(
            f"{address.head_path} names no version",
            found=repr(stored.content[:40]),
            remedy=MAKE_AGAIN,
        )
    return Head(current.version, stored.tag, current.pinned_at, current.failing)


def changed_head(storage: Storage, address: Address) -> Iterator[DamagedArtifact]:
    """An error if HEAD's bytes are not those that were written, though it names a version."""
    stored = storage.read(address.head_path)
    current = None if stored is None else current_in(stored.content)
    if stored is not None and current is not None and not current.is_as_written(stored.content):
        yield DamagedArtifact(
            f"{address.head_path} is not as it was written",
            found=repr(stored.content[:120]),
            remedy="'photosearch verify --discard' writes it anew",
        )


def refuse_pinned(address: Address, head: Head | Current | None, version: str) -> None:
    """Nothing if ``head`` may be moved to ``version``.

    Raises:
        HeadPinned: if another version is pinned.
    """
    if head is not None and head.pinned_at is not None and head.version != version:
        raise HeadPinned(
            f"{address} is pinned and is not moved to version {version}",
            found=f"{head.version}, pinned since {head.pinned_at:%Y-%m-%d %H:%M} UTC",
            remedy="release it with 'photosearch rollback WINDOW --release'",
        )


def swap_head(storage: Storage, address: Address, current: Current, expected: str | None) -> Head:
    """Make HEAD say ``current`` if its tag is still ``expected``.

    Raises:
        HeadMoved: if it is not.
    """
    try:
        tag = storage.replace(address.head_path, current.to_bytes(), expected)
        return Head(current.version, tag, current.pinned_at, current.failing)
    except TagMoved:
        stored = storage.read(address.head_path)
        raise HeadMoved(
            f"{address.head_path} was moved by another writer",
            found="no HEAD"
            if stored is None
            else ", ".join(stored.content.decode().splitlines()[:2]),
            remedy="read it again and decide anew",
        ) from None


@lru_cache(maxsize=65_536)
def current_in(head: bytes) -> Current | None:
    """What HEAD's content says; None if it is damaged."""
    try:
        version, *lines = head.decode().strip().split("\n")
        return Current(require_name("a version", version), *_times(lines))
    except (RepositoryError, ValueError):  # of which UnicodeDecodeError is one
        return None


def _times(lines: list[str]) -> tuple[datetime | None, Failing | None]:
    """What the lines below the version say, up to the checksum, which verify looks at."""
    pinned_at, failing = None, None
    left = list(lines)
    if left and left[0].startswith(_PINNED):
        pinned_at = _time(left.pop(0).removeprefix(_PINNED))
    if left and (found := _FAILING.fullmatch(left[0])):
        failing = Failing(_time(found[1]), _time(found[2]))
    if lines and pinned_at is None and failing is None:
        raise ValueError("HEAD's second line says nothing that is known")
    return pinned_at, failing


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.utcoffset() is None:
        raise ValueError("a time has no zone")
    return moment
