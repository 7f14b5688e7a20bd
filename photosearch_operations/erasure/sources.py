"""The photos themselves, in the image store: left there, or deleted when that is asked for.

The receipt keeps the digest of each path with what became of it. So a later run knows photos
whose rows are gone from the catalogue by now, a photo that was deleted before stays told as
deleted, and ``photosearch verify`` finds one that is there again.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Collection, Iterator

import obstore
from obstore.exceptions import BaseError

from photosearch.catalogue.ownership import paths_of_others
from photosearch.errors import PhotosearchError
from photosearch.images.deletion import Deletion, Fate, delete_photos
from photosearch.images.photo_error import PhotoError
from photosearch.images.store import ImageStore
from photosearch.object_store import open_object_store, unreachable
from photosearch.repository.erasures import ErasedListings, Receipt, SourcePhoto, digest_of
from photosearch.repository.storage.opening import open_storage
from photosearch.settings.settings import Settings

LEFT = "left in the image store"
_IN_WORDS = {
    Fate.DELETED: "deleted from the image store",
    Fate.UNLINKED: "of which a name was deleted and the bytes were not",
    Fate.LEFT: LEFT,
    Fate.MISSING: "not in the image store",
    Fate.FAILED: "that could not be deleted",
}
_GONE = {Fate.DELETED, Fate.UNLINKED}


def leave_sources(receipt: Receipt, paths: Collection[str]) -> None:
    """Note that the photos at ``paths`` stay, but for those that were deleted before."""
    known = {source.path: source.fate for source in receipt.sources}
    for path in map(digest_of, paths):
        if known.get(path) not in _GONE:
            known[path] = Fate.LEFT
    _note(receipt, known)


def delete_sources(
    settings: Settings, listing_id: str, paths: Collection[str], receipt: Receipt
) -> str | None:
    """Delete the photos at ``paths``, and those that an earlier run noted.

    What became of them goes into the receipt. Returns why some could not be deleted that another
    try may delete; none if there are none.
    """
    known = {source.path: source.fate for source in receipt.sources}
    try:
        store = ImageStore.of(settings)
        wanted = {*paths, *(path for path, _ in find_paths(store, settings, known))}
        erased = ErasedListings(open_storage(settings.repository_url, settings)).known()
        others = paths_of_others(settings, listing_id, erased)
        found = delete_photos(store, wanted, others)
    except PhotosearchError as error:
        found = [Deletion(path, Fate.FAILED) for path in paths]
        reason: str | None = str(error)
    else:
        reason = "; ".join(s for one in found if one.fate is Fate.FAILED for s in one.told) or None
    for one in found:
        path = digest_of(one.path)
        if not (one.fate is Fate.MISSING and known.get(path) in _GONE):
            known[path] = one.fate
    receipt.left = sorted({sentence for one in found for sentence in one.told})
    _note(receipt, known)
    return reason


def sources_again(settings: Settings, found: Collection[Receipt]) -> Iterator[str]:
    """The photos that were deleted and are there again, with the same bytes."""
    digests = {s.path for receipt in found for s in receipt.sources if s.fate in _GONE}
    contents = {digest for receipt in found for digest in receipt.contents}
    if not digests:
        return
    try:
        store = ImageStore.of(settings)
        for path, shown in find_paths(store, settings, digests):
            if hashlib.sha256(_bytes(store, path)).hexdigest() in contents:
                yield f"{shown}: a photo that was erased and deleted is there again"
    except PhotosearchError as error:
        yield f"the image store can't be searched for what was erased: {error}"


def find_paths(
    store: ImageStore, settings: Settings, digests: Collection[str]
) -> Iterator[tuple[str, str]]:
    """The paths in the store whose digest is one of these, each also as it is shown."""
    if not digests:
        return
    if store.folder is not None:
        for folder, _, names in os.walk(store.folder):
            for name in names:
                whole = f"{folder}/{name}"
                path = whole[len(store.folder.rstrip("/")) + 1 :]
                if digest_of(path) in digests:
                    yield path, whole
        return
    bucket = open_object_store(store.url, settings)
    try:
        for page in obstore.list(bucket):
            for meta in page:
                if digest_of(meta["path"]) in digests:
                    yield meta["path"], f"{store.url}/{meta['path']}"
    except (BaseError, OSError) as error:
        raise unreachable(store.url, "the image store", error) from error


def _bytes(store: ImageStore, path: str) -> bytes:
    try:
        return store.read(path)
    except PhotoError:
        return b""  # too large, or a link out of the folder: not the photo that was read before


def _note(receipt: Receipt, known: dict[str, str]) -> None:
    receipt.sources = [SourcePhoto(path=path, fate=known[path]) for path in sorted(known)]
    count = Counter(known.values())
    told = [f"{count[fate]} {words}" for fate, words in _IN_WORDS.items() if count[fate]]
    receipt.source_photos = ", ".join(told) or "none is known"
