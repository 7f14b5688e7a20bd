"""Step ``images``: the photos of an hour brought into the image cache.

What it leaves is a report: for each photo the digest of its bytes or the reason why it could
not be had, and the digest of the catalogue's rows that it is about. An hour whose rows
changed has another digest, and everything after it follows from that. Photos that failed
are tried again whenever their hour is asked for, and make it due after pauses that grow: a
photo may be uploaded after its listing.
"""

import time
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime

from photosearch.catalogue.listing import Photo, catalogue_digest
from photosearch.images.fetch import fetch_photos
from photosearch.images.report import FetchReport, PhotoReport
from photosearch.windows import Window
from photosearch_assets.steps.checks import coverage, failure_rate
from photosearch_assets.steps.context import StepContext
from photosearch_assets.steps.photo_strip import Strips
from photosearch_assets.steps.photos_by_hour import digests_by_hour, photos_by_hour
from photosearch_assets.steps.result import StepResult

NAME = "images"
_PHOTOS_AT_ONCE = 2048
EMPTY = catalogue_digest(())


def due(windows: Collection[Window], context: StepContext) -> list[Window]:
    """The hours without a report of the catalogue's present rows, or with photos to try again."""
    now = datetime.now(UTC)
    digests = digests_by_hour(context.catalogue, windows)
    found = []
    for window in windows:
        report = context.image_cache.read_report(window)
        wanted = digests[window].digest if window in digests else EMPTY
        if report is None or report.catalogue_digest != wanted or report.may_retry(now):
            found.append(window)
    return found


def run(windows: Sequence[Window], context: StepContext) -> Iterator[StepResult]:
    """Fetch the photos of ``windows``; one result for each.

    Raises:
        ImageStoreError: if the image store is gone or the cache's disk is full.
        StoreUnreachable: if a bucket went away meanwhile: its photos are not lost, and their
            hours stay due.
        CatalogueError: if ids of listings or photos repeat.
    """
    context.catalogue.require_distinct_ids()
    photos = photos_by_hour(context.catalogue, windows)
    strips = Strips([window for window in windows if photos[window]], context)
    to_fetch: list[Window] = []
    waiting = 0
    for window in windows:
        report = context.image_cache.read_report(window)
        if report is not None and _is_current(report, photos[window]):
            context.on_photos(len(photos[window]))
            yield _result(window, report, photos[window], context, strips, 0.0, done=False)
            continue
        to_fetch.append(window)
        waiting += len(photos[window])
        if waiting >= _PHOTOS_AT_ONCE:
            yield from _fetch(to_fetch, photos, strips, context)
            to_fetch, waiting = [], 0
    yield from _fetch(to_fetch, photos, strips, context)


def _is_current(report: PhotoReport, photos: Sequence[Photo]) -> bool:
    return not report.failures and report.catalogue_digest == catalogue_digest(photos)


def _fetch(
    windows: Sequence[Window],
    photos: dict[Window, list[Photo]],
    strips: Strips,
    context: StepContext,
) -> Iterator[StepResult]:
    if not windows:
        return
    started = time.monotonic()
    wanted = [photo for window in windows for photo in photos[window]]
    for window in windows:
        _discard_replaced(window, photos[window], context)
    fetched = FetchReport()
    if wanted:
        fetched = fetch_photos(
            wanted,
            context.image_store,
            context.image_cache,
            settings=context.settings,
            on_progress=context.on_photos,
        )
    if fetched.unreachable:
        context.require_image_store()
    failed = {failure.photo_id: failure for failure in fetched.failed}
    shared_s = (time.monotonic() - started) / len(windows)
    for window in windows:
        started = time.monotonic()
        # Fetching takes a while, in which a listing may have been erased.
        still = context.catalogue.without_erased(photos[window])
        part = FetchReport(
            fetched={p.path: fetched.fetched[p.path] for p in still if p.path in fetched.fetched},
            failed=[failed[p.photo_id] for p in still if p.path not in fetched.fetched],
        )
        before = context.image_cache.read_report(window)
        report = PhotoReport.of(window, still, part).after(before, datetime.now(UTC))
        changed = before is None or before.digest != report.digest
        if changed or report.failures:
            context.image_cache.write_report(window, report)
        seconds = shared_s + time.monotonic() - started
        yield _result(window, report, still, context, strips, seconds, done=changed)


def _discard_replaced(window: Window, photos: Sequence[Photo], context: StepContext) -> None:
    """Drop the copies of photos whose bytes the catalogue says are others by now."""
    report = context.image_cache.read_report(window)
    if report is None:
        return
    versions = {photo.path: photo.version for photo in report.photos}
    for photo in photos:
        if versions.get(photo.path, photo.version) != photo.version:
            context.image_cache.discard(photo.path)


def _result(
    window: Window,
    report: PhotoReport,
    photos: Sequence[Photo],
    context: StepContext,
    strips: Strips,
    seconds: float,
    *,
    done: bool,
) -> StepResult:
    accounted = len(report.photos) + len(report.failures)
    limit = context.settings.max_failure_rate
    return StepResult(
        step=NAME,
        window=window,
        version=report.digest[:16],
        digest=report.digest,
        rows=len(report.photos),
        photos=len(photos),
        size_bytes=sum(photo.bytes for photo in report.photos),
        seconds=seconds,
        done=done,
        failures=tuple(report.failures),
        checks=(
            coverage(len(photos), accounted),
            failure_rate(len(photos), len(report.failures), limit),
        ),
        strip=strips.of(window, [photo.path for photo in report.photos]),
    )
