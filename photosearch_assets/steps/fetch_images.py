"""Step ``images``: the photos of an hour brought into the image cache.

What it leaves is a report in the model repository: for each photo the digest of its bytes or the
reason why it could not be had, and the digest of the catalogue's rows that it is about. An hour
whose rows changed has another digest, and everything after it follows from that. Photos that
failed are tried again whenever their hour is asked for, and make it due after pauses that grow: a
photo may be uploaded after its listing.
"""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from photosearch.catalogue.listing import Photo, catalogue_digest
from photosearch.images.fetch import fetch_photos
from photosearch.images.report import FetchReport, PhotoReport
from photosearch.images.reports import KnownReport, failing_since, may_retry
from photosearch.repository.errors import HeadMoved
from photosearch.windows import Window
from photosearch_assets.errors import StepError
from photosearch_assets.steps.checks import coverage, failure_rate
from photosearch_assets.steps.context import StepContext
from photosearch_assets.steps.parallel import in_parallel
from photosearch_assets.steps.photo_strip import Strips
from photosearch_assets.steps.photos_by_hour import digests_by_hour, photos_by_hour
from photosearch_assets.steps.result import StepResult

NAME = "images"
_PHOTOS_AT_ONCE = 2048
_TRIES = 8
EMPTY = catalogue_digest(())


def due(windows: Collection[Window], context: StepContext) -> list[Window]:
    """The hours without a report of the catalogue's present rows, or with photos to try again."""
    now = datetime.now(UTC)
    digests = digests_by_hour(context.catalogue, windows, context.hour_digests)
    reports = context.photo_reports
    known, failing = reports.facts, reports.failing
    found = []
    for window in windows:
        report, wanted = known.get(window), digests.get(window)
        if (
            report is None
            or report.catalogue_digest != (EMPTY if wanted is None else wanted.digest)
            or (window in failing and may_retry(failing[window], now))
        ):
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
    known = {window: context.photo_reports.known(window) for window in windows}
    current = [window for window in windows if _is_current(known[window], photos[window])]
    reports = context.photo_reports.read_many(current)
    to_fetch: list[Window] = []
    waiting = 0
    for window in windows:
        report = reports.get(window)
        if report is not None:
            context.on_photos(len(photos[window]))
            yield _result(window, report, photos[window], context, strips, 0.0, done=False)
            continue
        to_fetch.append(window)
        waiting += len(photos[window])
        if waiting >= _PHOTOS_AT_ONCE:
            yield from _fetch(to_fetch, photos, strips, context)
            to_fetch, waiting = [], 0
    yield from _fetch(to_fetch, photos, strips, context)


def _is_current(report: KnownReport | None, photos: Sequence[Photo]) -> bool:
    if report is None or report.failing is not None:
        return False
    return report.catalogue_digest == catalogue_digest(photos)


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
    before = _reports_until_now(windows, context)
    for window in windows:
        _discard_replaced(before.get(window), photos[window], context)
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

    def report_now(window: Window) -> tuple[PhotoReport, list[Photo]]:
        # Fetching takes a while, in which a listing may have been erased.
        still = context.catalogue.without_erased(photos[window])
        part = FetchReport(
            fetched={p.path: fetched.fetched[p.path] for p in still if p.path in fetched.fetched},
            failed=[failed[p.photo_id] for p in still if p.path not in fetched.fetched],
        )
        return PhotoReport.of(window, still, part), still

    with context.work_folder(NAME) as work:

        def keep(window: Window) -> _Kept:
            return _keep(window, report_now, work, context, mend=window not in before)

        for done in in_parallel(keep, windows):
            kept, seconds = done.result, shared_s + done.seconds
            yield _result(
                done.item, kept.report, kept.photos, context, strips, seconds, done=kept.is_another
            )


class _Kept(NamedTuple):
    """An hour's report, the photos that it is about, and whether it says something new."""

    report: PhotoReport
    photos: list[Photo]
    is_another: bool


def _keep(
    window: Window,
    report_now: Callable[[Window], tuple[PhotoReport, list[Photo]]],
    work: Path,
    context: StepContext,
    *,
    mend: bool,
) -> _Kept:
    """Make the hour's report current. One that is known is published again only to ``mend`` it.

    Raises:
        StepError: if others make reports of this hour again and again.
    """
    reports = context.photo_reports
    for attempt in range(_TRIES):
        head = reports.seen(window)
        before = None if head is None else reports.known_at(window, head)
        report, photos = report_now(window)
        failing = failing_since(report, before, datetime.now(UTC))
        is_another = before is None or before.digest != report.digest
        try:
            if is_another or mend:
                reports.put(report, head, work, failing, context.run_id)
            elif failing is not None:
                reports.point(window, report.version, head, failing)
            return _Kept(report, photos, is_another)
        except HeadMoved:
            time.sleep(0.01 * attempt)
    raise StepError(
        f"the photo report of {window.key} is moved by others again and again",
        found=f"{_TRIES} changes while this one waited",
        remedy="run one materialization of this window at a time",
    )


def _reports_until_now(
    windows: Sequence[Window], context: StepContext
) -> dict[Window, PhotoReport]:
    reports = context.photo_reports
    return reports.read_many([window for window in windows if window in reports.heads])


def _discard_replaced(
    report: PhotoReport | None, photos: Sequence[Photo], context: StepContext
) -> None:
    """Drop the copies of photos whose bytes the catalogue says are others by now."""
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
