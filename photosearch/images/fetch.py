"""Fetching an hour's photos, some at once, each on its own.

What goes wrong with one photo is kept beside it and the others go on; only what would go
wrong with all of them (the folder is gone, the disk is full) ends the fetch. Errors that may
pass are tried again after growing, random pauses, so that a store in trouble is not stormed.

Threads, because obstore works outside Python's lock and a call from a thread costs less
than one from an event loop; most of the time of a photo is its SHA-256.
"""

import hashlib
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from obstore import Bytes
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from photosearch.catalogue.listing import Photo
from photosearch.images.cache import ImageCache
from photosearch.images.photo_error import PhotoError, PhotoUnreachable
from photosearch.images.report import FetchedPhoto, FetchReport
from photosearch.images.store import ImageStore
from photosearch.photo_notes import PhotoFailure
from photosearch.settings.settings import Settings

_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 10.0
_HANDED_OVER = 8
"""Photos a thread takes at once: one by one, handing over costs as much as a near photo."""


def fetch_photos(
    photos: Sequence[Photo],
    store: ImageStore,
    cache: ImageCache,
    *,
    settings: Settings,
    on_progress: Callable[[int], None] | None = None,
) -> FetchReport:
    """Bring photos into the cache. ``on_progress`` hears how many more are done.

    Raises:
        ImageStoreError: if the store is gone or the cache can't be written.
    """
    cache.reads_through = store.folder
    report = FetchReport()
    if store.folder is None:
        cache.sweep(settings.cache_days, settings.cache_bytes)  # before: what is old comes anew
    with cache.keep(photo.path for photo in photos):
        _fetch(photos, store, cache, settings, report, on_progress)
    if store.folder is None:
        cache.sweep(settings.cache_days, settings.cache_bytes, report.downloaded_bytes)
    return report


def _fetch(
    photos: Sequence[Photo],
    store: ImageStore,
    cache: ImageCache,
    settings: Settings,
    report: FetchReport,
    on_progress: Callable[[int], None] | None,
) -> None:
    workers = max(1, min(settings.fetch_concurrency, len(photos)))
    at_once = max(1, min(_HANDED_OVER, len(photos) // (4 * workers)))
    parts = [photos[start : start + at_once] for start in range(0, len(photos), at_once)]
    pool = ThreadPoolExecutor(workers, thread_name_prefix="fetch")
    try:
        fetcher = _Fetcher(store, cache, settings)
        for part, outcomes in zip(parts, pool.map(fetcher.outcomes, parts), strict=True):
            for photo, outcome in zip(part, outcomes, strict=True):
                _count(report, photo, outcome)
            if on_progress is not None:
                on_progress(len(part))
    finally:
        pool.shutdown(cancel_futures=True)


@dataclass(frozen=True, slots=True)
class _Had:
    photo: FetchedPhoto
    from_cache: bool
    downloaded_bytes: int


class _Fetcher:
    """One fetch: what its threads share."""

    def __init__(self, store: ImageStore, cache: ImageCache, settings: Settings) -> None:
        self._store, self._cache = store, cache
        self._max_bytes = settings.max_photo_bytes
        self._attempts = settings.fetch_attempts
        self._retrying = Retrying(
            retry=retry_if_exception_type(PhotoUnreachable),
            stop=stop_after_attempt(max(1, self._attempts - 1)),
            wait=wait_random_exponential(_FIRST_PAUSE_S, _LONGEST_PAUSE_S),
            reraise=True,
        )

    def outcomes(self, photos: Sequence[Photo]) -> list[_Had | PhotoError]:
        return [self._outcome(photo) for photo in photos]

    def _outcome(self, photo: Photo) -> _Had | PhotoError:
        try:
            if self._store.folder is not None:
                return _Had(_identity(self._download(photo.path)), False, 0)
            kept = self._cache.read(photo.path)
            if kept:  # nothing is what a power cut may leave of a copy
                return _Had(_identity(kept), True, 0)
            content = self._download(photo.path)
            self._cache.put(photo.path, content)
            return _Had(_identity(content), False, len(content))
        except PhotoError as error:
            return error

    def _download(self, path: str) -> bytes | Bytes:
        try:
            return self._store.buffer(path, self._max_bytes)
        except PhotoUnreachable:
            if self._attempts == 1:
                raise
            # Only now: what counts and waits costs a photo that comes at once a tenth of its time.
            time.sleep(random.uniform(0, _FIRST_PAUSE_S))
            return self._retrying(self._store.buffer, path, self._max_bytes)


def _identity(content: bytes | Bytes) -> FetchedPhoto:
    return FetchedPhoto(hashlib.sha256(content).hexdigest(), len(content))


def _count(report: FetchReport, photo: Photo, outcome: _Had | PhotoError) -> None:
    if isinstance(outcome, PhotoError):
        report.failed.append(PhotoFailure(photo_id=photo.photo_id, reason=str(outcome)))
        report.unreachable += isinstance(outcome, PhotoUnreachable)
        return
    report.fetched[photo.path] = outcome.photo
    report.from_cache += outcome.from_cache
    report.downloaded_bytes += outcome.downloaded_bytes
