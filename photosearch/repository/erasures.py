"""The list of what was erased, which is also the receipts of the erasures.

One object a listing, ``erasures/<key>/receipt.json`` in the model repository, where every
part sees it. It is written before anything is deleted, so that no scan and no late listing
brings back what is just being taken away, and it stays for ever. Ids and vectors are kept as
SHA-256 alone: whoever has an id can find its receipt, and a receipt gives nothing back. Only
while an erasure is under way does it hold the ids and paths in the open, because an erasure
that was killed has to know what it was about after the first half of it is gone.
"""

import hashlib
import logging
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from datetime import datetime

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from photosearch.repository.errors import DamagedArtifact, HeadMoved, NewerFormat, StorageError
from photosearch.repository.manifest import format_of, refuse_newer
from photosearch.repository.seal import Seal, seal_of, sealed
from photosearch.repository.storage.port import Storage, TagMoved
from photosearch.repository.storage.several import read_several

_log = logging.getLogger(__name__)

FORMAT = 1
FOLDER = "erasures"
RECEIPT = "receipt.json"
#: Beside each receipt the digest that it is for. A receipt that is lost leaves no trace, and the
#: listing would come back with the next scan: the mark goes on forbidding it, and tells.
MARK = "listing"
_KEY_DIGITS = 32


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore")


class PendingPhoto(_Model):
    """A photo that is being erased; what is known of it."""

    photo_id: str
    path: str | None = None


class Pending(_Model):
    """What an erasure under way is about, in the open; ``reports`` are digests, old to new."""

    listing_id: str
    photos: list[PendingPhoto] = []
    reports: dict[str, str] = {}
    #: Processes of index servers that hold it.
    servers: list[str] = []

    @field_validator("servers", mode="before")
    @classmethod
    def _of_a_former_release(cls, told: object) -> object:
        """It wrote numbers."""
        return [str(one) for one in told] if isinstance(told, list) else told


class RemovedVersion(_Model):
    """A version that was deleted; ``files`` are the SHA-256 of each."""

    address: str
    version: str
    files: dict[str, str] = {}


class SourcePhoto(_Model):
    """What became of a photo in the image store; ``path`` is the SHA-256 of its path."""

    path: str
    fate: str


class Receipt(_Model):
    """What was erased of one listing. All ids are SHA-256 in hex, as :func:`digest_of`."""

    format: int = FORMAT
    listing: str
    #: Whether a mark was written beside; a former release wrote none.
    marked: bool = False
    photos: list[str] = []
    #: SHA-256 of the photos' bytes.
    contents: list[str] = []
    #: SHA-256 of each photo's vector, as the bytes that lay in the files.
    vectors: list[str] = []
    windows: list[str] = []
    removed: list[RemovedVersion] = []
    #: Serving images that were deleted from the registry, and the layers that held its rows.
    images: list[str] = []
    layers: list[str] = []
    cached_photos: int = 0
    strips: int = 0
    source_photos: str = ""
    sources: list[SourcePhoto] = []
    #: What is left of the photos in the image store, and where: in the open.
    left: list[str] = []
    #: Where was looked, and could not be, on the machine that finished it.
    looked_at: list[str] = []
    notes: list[str] = []
    begun_at: datetime
    finished_at: datetime | None = None
    pending: Pending | None = None


def digest_of(text: str) -> str:
    """SHA-256 (hex) of an id."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def receipt_path(listing: str) -> str:
    """Where the receipt of a listing lies; ``listing`` is :func:`digest_of` its id."""
    return f"{FOLDER}/{listing[:_KEY_DIGITS]}/{RECEIPT}"


def read_receipt(storage: Storage, listing: str) -> tuple[Receipt | None, str | None]:
    """The receipt of a listing, by the digest of its id, and its tag.

    Raises:
        DamagedArtifact: if it can't be read.
        NewerFormat: if a later release wrote it.
    """
    path = receipt_path(listing)
    stored = storage.read(path)
    return (None, None) if stored is None else (_parse(path, stored.content), stored.tag)


def write_receipt(storage: Storage, receipt: Receipt, tag: str | None) -> str:
    """Put a receipt in the place of the one with ``tag`` (None: the first); its new tag.

    Raises:
        HeadMoved: if another erasure of this listing runs.
    """
    path = receipt_path(receipt.listing)
    _write_mark(storage, receipt)
    content = sealed(receipt.model_dump_json(indent=1, exclude_none=True).encode() + b"\n")
    try:
        return storage.replace(path, content, tag)
    except TagMoved:
        raise HeadMoved(
            f"{path} was written by another process",
            found="another erasure of the same listing",
            remedy="let it end, then run this again",
        ) from None


def _write_mark(storage: Storage, receipt: Receipt) -> None:
    """First, so that no receipt that says so is without; again if it is not as it should be."""
    path, content = mark_path(receipt.listing), _mark_of(receipt.listing)
    stored = storage.read(path)
    if stored is None or stored.content != content:
        with suppress(TagMoved):  # by another erasure of this listing, which the receipt tells
            storage.replace(path, content, None if stored is None else stored.tag)
    receipt.marked = True


def mark_path(listing: str) -> str:
    """Where the mark beside a receipt lies; ``listing`` is :func:`digest_of` its id."""
    return f"{FOLDER}/{listing[:_KEY_DIGITS]}/{MARK}"


def _mark_of(listing: str) -> bytes:
    return f"{listing}\n".encode()


def receipts(storage: Storage) -> list[Receipt]:
    """Every receipt, of erasures under way too.

    Raises:
        DamagedArtifact: if one can't be read.
        NewerFormat: if a later release wrote one.
    """
    found = _read_each(storage, RECEIPT)
    return [_parse(f"{FOLDER}/{key}/{RECEIPT}", found[key]) for key in sorted(found)]


def _read_each(storage: Storage, name: str) -> dict[str, bytes]:
    """Each listing's object of this name, by its folder."""
    [tags] = storage.list_each(FOLDER, [name])
    found = read_several(storage, [f"{FOLDER}/{key}/{name}" for key in tags])
    return {key: one.content for key, one in zip(tags, found, strict=True) if one is not None}


def changed_receipts(storage: Storage) -> Iterator[str]:
    """One line for each receipt that is not as it was written, another listing's, or lost."""
    there, marks = _read_each(storage, RECEIPT), _read_each(storage, MARK)
    for key in sorted(marks.keys() - there.keys()):
        yield (
            f"{FOLDER}/{key}/{RECEIPT} is missing: found the mark that a listing was erased, which "
            "is not shown; put the receipt back from a backup, or run 'photosearch erase' for that "
            "listing again"
        )
    for key, content in sorted(there.items()):
        path = f"{FOLDER}/{key}/{RECEIPT}"
        try:
            receipt = _parse(path, content)
        except (DamagedArtifact, NewerFormat) as error:
            yield str(error)
            continue
        if receipt_path(receipt.listing) != path:
            found = f"the receipt of {receipt.listing}"
        elif seal_of(content, Receipt.model_fields) is Seal.BROKEN:
            found = "a checksum of other content, or none where there should be one"
        elif (receipt.marked or key in marks) and marks.get(key) != _mark_of(receipt.listing):
            found = f"no mark beside it that says the same, {FOLDER}/{key}/{MARK}"
        else:
            continue
        yield (
            f"{path} is not as it was written: found {found}; "
            "run 'photosearch erase' for that listing again"
        )


class ErasedListings:
    """Whether a listing was erased; nothing is read before it is asked for.

    Safe to share between threads. Hashing costs 0.5 us an id, and nothing while nothing was
    ever erased.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._lock = threading.Lock()
        self._known: frozenset[str] = frozenset()
        self._read_at: float | None = None

    def known(self, max_age_s: float = 0.0) -> frozenset[str]:
        """The digests of all erased listings' ids, read now.

        With ``max_age_s``, for queries: those that were read last, and when that is longer ago
        a newer reading begins beside. So no query waits for the store, and none fails with it.

        Raises:
            StorageError: if the store can't be read, and with ``max_age_s`` never was.
        """
        if max_age_s and self._read_at is not None:
            if time.monotonic() - self._read_at > max_age_s and self._lock.acquire(blocking=False):
                threading.Thread(target=self._read_beside, daemon=True).start()
            return self._known
        with self._lock:
            self._read()
            return self._known

    def _read_beside(self) -> None:
        try:
            self._read()
        except StorageError as error:
            _log.warning("the list of erased listings can't be read: %s", error)
            self._read_at = time.monotonic()  # the next try is max_age_s away
        finally:
            self._lock.release()

    def _read(self) -> None:
        # By their folders' names: a receipt that can't be read still forbids.
        there, marked = self._storage.list_each(FOLDER, [RECEIPT, MARK])
        self._known = frozenset(there) | frozenset(marked)
        self._read_at = time.monotonic()


class NothingErased:
    """As if nothing had ever been erased."""

    def known(self, max_age_s: float = 0.0) -> frozenset[str]:
        return frozenset()


def is_erased(listing_id: str, known: Collection[str]) -> bool:
    """Whether a listing is among :meth:`ErasedListings.known`."""
    return bool(known) and digest_of(listing_id)[:_KEY_DIGITS] in known


def _parse(path: str, content: bytes) -> Receipt:
    try:
        receipt = Receipt.model_validate_json(content)
    except ValidationError as error:
        refuse_newer(format_of(content), path, "receipt", FORMAT)
        first = error.errors(include_url=False)[0]
        raise DamagedArtifact(
            f"{path} is not a receipt",
            found=f"{'.'.join(map(str, first['loc']))}: {first['msg']}",
            remedy="run 'photosearch erase' for that listing again",
        ) from error
    # Written again without what this release does not know, it would prove less than it did.
    refuse_newer(receipt.format, path, "receipt", FORMAT)
    return receipt
