"""Work that one alone may do at a time, on whatever machine: a lease.

An object of the repository that is put by compare-and-swap, so that one of many who ask has
it. It says who has it and until when, by the store's clock: machines' clocks differ. A holder
that lives puts it off again and again from a thread beside its work; one that was killed does
not, and the next takes over when the time is past.

A holder may be held up for so long that another has taken over without its knowing. So it asks
before each step that it must not do beside another.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, ValidationError

from photosearch.repository.errors import DamagedArtifact, RepositoryError, StorageError
from photosearch.repository.storage.port import Storage, TagMoved

_log = logging.getLogger(__name__)

_RENEWED_IN_ONE = 4
"""Beats while it lasts: three may fail, as while a store is away for a moment."""

_POLL_S = 1.0
_FREE = b""


class LeaseHeld(RepositoryError):
    """Another has the lease, and goes on having it."""


class LeaseLost(RepositoryError):
    """It was not put off in time, and another may have taken over."""


class Holder(BaseModel):
    """Who has a lease: ``name`` is for people, ``place`` for who can tell whether it lives."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str
    place: str = ""


class _Held(Holder):
    #: Seconds since 1970 by the store's clock.
    until_s: float

    def __str__(self) -> str:
        until = datetime.fromtimestamp(self.until_s, UTC)
        return f"{self.name}, until {until:%Y-%m-%dT%H:%M:%SZ}"


@dataclass
class Lease:
    """A lease that is held; made by :func:`leased`."""

    _storage: Storage
    _path: str
    _holder: Holder
    _lasts_s: float
    _tag: str
    _renewed_at: float

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._is_lost = False

    def require(self) -> None:
        """See that it is still ours.

        Raises:
            LeaseLost: if it is not.
            StorageError: if it ran out and the store can't be asked.
        """
        if not self._is_lost and _now_s() - self._renewed_at > self._lasts_s:
            self.renew()
        if self._is_lost:
            raise LeaseLost(
                f"{self._path} was lost while this worked",
                found=_in_words(self._storage, self._path),
                limit=f"put off every {self._lasts_s:.0f} s",
                remedy="let the other end, then run this again",
            )

    def renew(self) -> None:
        """Put its end off.

        Raises:
            StorageError: if the store refuses; until it runs out, that is no loss.
        """
        with self._lock:
            if self._is_lost:
                return
            at = _now_s()
            content = _content(self._storage, self._holder, self._lasts_s)
            try:
                self._tag = self._storage.replace(self._path, content, self._tag)
                self._renewed_at = at
            except TagMoved:
                self._is_lost = True

    def release(self) -> None:
        """Leave it to the next at once; one that is lost is left alone."""
        with self._lock:
            if not self._is_lost:
                self._is_lost = True
                try:
                    self._storage.replace(self._path, _FREE, self._tag)
                except (TagMoved, StorageError) as error:
                    _log.warning("%s could not be given back, and runs out: %s", self._path, error)


@contextmanager
def leased(
    storage: Storage,
    name: str,
    holder: Holder,
    *,
    wait_s: float,
    lasts_s: float,
    is_dead: Callable[[Holder], bool] = lambda _holder: False,
    tell: Callable[[str], None] = lambda _text: None,
) -> Iterator[Lease]:
    """Have the lease ``name`` while the block runs.

    ``is_dead`` says of a holder whether it is known to have ended, so that nobody need wait for
    the end of its lease. ``tell`` hears once whom this waits for.

    Raises:
        LeaseHeld: if another has it, and still after ``wait_s``.
        DamagedArtifact: if nobody can tell who has it.
    """
    path = lease_path(name)
    lease = _take(storage, path, holder, wait_s, lasts_s, is_dead, tell)
    ended = threading.Event()
    beats = threading.Thread(target=_beat, args=[lease, ended, lasts_s], daemon=True)
    beats.start()
    try:
        yield lease
    finally:
        ended.set()
        beats.join()
        lease.release()


def lease_path(name: str) -> str:
    """Where the lease of this name lies."""
    return f"leases/{name}"


def _take(
    storage: Storage,
    path: str,
    holder: Holder,
    wait_s: float,
    lasts_s: float,
    is_dead: Callable[[Holder], bool],
    tell: Callable[[str], None],
) -> Lease:
    deadline = time.monotonic() + wait_s
    told = False
    while True:
        stored = storage.read(path)
        held = None if stored is None else _parse(path, stored.content)
        if held is None or is_dead(held) or storage.now_s() > held.until_s:
            at = _now_s()
            content = _content(storage, holder, lasts_s)
            try:
                tag = storage.replace(path, content, None if stored is None else stored.tag)
                return Lease(storage, path, holder, lasts_s, tag, at)
            except TagMoved:
                continue  # another was quicker: look who
        if time.monotonic() > deadline:
            raise LeaseHeld(
                f"{path} is held by another, and one alone may do this at a time",
                found=str(held),
                limit=f"{wait_s:.0f} s",
                remedy="let it end, then run this again; if it was killed, its time runs out",
            )
        if not told:
            tell(f"waiting for {held}")
            told = True
        time.sleep(min(_POLL_S, lasts_s / 10))


def _beat(lease: Lease, ended: threading.Event, lasts_s: float) -> None:
    while not ended.wait(lasts_s / _RENEWED_IN_ONE):
        try:
            lease.renew()
        except StorageError as error:
            _log.warning("a lease could not be put off, and will be tried again: %s", error)


def _content(storage: Storage, holder: Holder, lasts_s: float) -> bytes:
    held = _Held(**holder.model_dump(), until_s=storage.now_s() + lasts_s)
    return held.model_dump_json().encode()


def _parse(path: str, content: bytes) -> _Held | None:
    if content == _FREE:
        return None
    try:
        return _Held.model_validate_json(content)
    except ValidationError as error:
        raise DamagedArtifact(
            f"{path} says of nobody that he holds it",
            found=repr(content[:80]),
            remedy="when nobody does, delete it, then run this again",
        ) from error


def _in_words(storage: Storage, path: str) -> str:
    stored = storage.read(path)
    held = None if stored is None else _parse(path, stored.content)
    return "nobody has it" if held is None else str(held)


def _now_s() -> float:
    """Also while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
