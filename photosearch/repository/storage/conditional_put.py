"""Put an object only if it is still the one that was seen, and know whether that happened.

S3 compares etags and GCS generations. A condition that failed says little by itself: a first
try may have succeeded unheard, its answer lost to a reset, and the second then fails over the
first's own work. So each content is like no other (written_by.py), and what is there after a
failure is compared with what was to be written.
"""

import time
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import GCSStore, ObjectStore

from photosearch.backoff import pause_s
from photosearch.repository.storage.port import Stored, TagMoved
from photosearch.repository.storage.written_by import with_writer

if TYPE_CHECKING:
    from obstore import ObjectMeta, PutResult

_TOMBSTONE = b"deleted"
TOMBSTONE_SIZES = (len(with_writer(_TOMBSTONE)), len(_TOMBSTONE) + 128)
"""Bytes of a tombstone, and of those that were written until 0.2.0."""
_TRIES = 5
_PAUSE_S = 0.2


def get(store: ObjectStore, path: str) -> Stored | None:
    """The object, tombstones too; None when there is none."""
    try:
        found = obstore.get(store, path)
        return Stored(bytes(found.bytes()), tag_of(store, found.meta))
    except FileNotFoundError:
        return None


def put_if(store: ObjectStore, path: str, content: bytes, expected: str | None) -> str:
    """Put ``content``, which says who wrote it, if the tag is still ``expected``; its new tag.

    ``expected`` None: if there is nothing.

    Raises:
        TagMoved: if it is not. Where another has moved the object since our own success was
            lost, that is told as well: the caller reads again, and finds it done or undone.
    """
    for attempt in range(_TRIES):
        failed: BaseError | None = None
        try:
            if expected is None:
                return tag_of(store, obstore.put(store, path, content, mode="create"))
            key = "version" if isinstance(store, GCSStore) else "e_tag"
            mode = {"version": expected} if key == "version" else {"e_tag": expected}
            return tag_of(store, obstore.put(store, path, content, mode=mode))  # type: ignore[arg-type]
        except (AlreadyExistsError, PreconditionError):
            pass
        except BaseError as error:
            failed = error
        found = get(store, path)
        if found is not None and found.content == content:
            return found.tag
        if (None if found is None else found.tag) != expected:
            raise TagMoved(path)
        if failed is not None and attempt == _TRIES - 1:
            raise failed
        time.sleep(pause_s(attempt + 1, _PAUSE_S))
    raise TagMoved(path)


def create(store: ObjectStore, path: str, content: bytes) -> str:
    """Put ``content``, which says who wrote it, if there is nothing or a tombstone; its tag.

    Raises:
        TagMoved: if there is something.
    """
    try:
        return put_if(store, path, content, None)
    except TagMoved:
        found = get(store, path)
        if found is None or not is_tombstone(found.content):
            raise
        return put_if(store, path, content, found.tag)


def bury(store: ObjectStore, path: str, expected: str) -> None:
    """Put a tombstone in the place of an object whose tag is still ``expected``.

    A delete cannot look first, and would take what another had put meanwhile.

    Raises:
        TagMoved: if it is not.
    """
    put_if(store, path, with_writer(_TOMBSTONE), expected)


def is_tombstone(content: bytes) -> bool:
    """Whether this is what stands for an object that is gone."""
    return len(content) in TOMBSTONE_SIZES and content.startswith(_TOMBSTONE)


def tag_of(store: ObjectStore, meta: "ObjectMeta | PutResult") -> str:
    """The tag that the store's conditions are about."""
    tag = meta["version"] if isinstance(store, GCSStore) else meta["e_tag"]
    assert tag is not None
    return tag
