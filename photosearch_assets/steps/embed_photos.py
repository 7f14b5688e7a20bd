"""Step ``embeddings``: the vectors of an hour's photos.

The embedder is opened once for all hours of a run, and small hours go through it together, so
that decoding and the network always overlap. A photo whose bytes had a vector in the hour's
former version keeps it: a late listing costs one photo's embedding, not the hour's.
Photos that cannot be decoded are left out with their reasons, and the hour completes.
"""

import hashlib
import json
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from index_grpc.index.index_files import ROWS, VECTORS, EmbeddingsFolder, write_embeddings
from index_grpc.index.rows import Row
from photosearch.embedder.batch import embed_photos as embed_batch
from photosearch.errors import PhotosearchError
from photosearch.images.fetch import fetch_photos
from photosearch.images.pixels import is_one_colour
from photosearch.images.report import PhotoReport, ReportedPhoto
from photosearch.photo_notes import PhotoFailure, PhotoRemark
from photosearch.repository.addresses import Kind
from photosearch.repository.manifest import REMARKS, VERSION_DIGITS, Input, Manifest
from photosearch.windows import Window
from photosearch_assets.errors import StepError
from photosearch_assets.steps.checks import coverage, failure_rate, vector_health
from photosearch_assets.steps.context import StepContext
from photosearch_assets.steps.current import Part, Recipe, digest_of
from photosearch_assets.steps.parallel import in_parallel
from photosearch_assets.steps.photo_strip import Strips
from photosearch_assets.steps.result import StepResult

NAME = "embeddings"
ONE_COLOUR = "came out in one colour"
HOW: dict[str, JsonValue] = {"step": "embed", "format": 1}
_HOW = json.dumps(HOW)
_PHOTOS_AT_ONCE = 256
_HOURS_AT_ONCE = 128
"""A killed step loses at most the work on so many photos, or so many hours with few."""


def recipe_of(window: Window, report_digest: str, fingerprint: str) -> Recipe:
    """What an hour's embeddings are made from."""
    return Recipe(
        (
            Input(
                kind=Kind.PHOTOS,
                window=window,
                version=report_digest[:VERSION_DIGITS],
                digest=report_digest,
            ),
            Input(kind="embedder", window=None, version=fingerprint, digest=fingerprint),
        ),
        HOW,
    )


def due(windows: Collection[Window], context: StepContext) -> list[Window]:
    """The hours, among those with a photo report, whose embeddings are missing or out of date."""
    made = context.shelf(Kind.EMBEDDINGS).facts
    reports = context.photo_reports.facts
    embedder = Part("embedder", None, context.fingerprint, context.fingerprint)
    found = []
    for window in windows:
        report, facts = reports.get(window), made.get(window)
        if report is None or facts is None:
            found.append(window)
            continue
        digest = report.report_digest
        photos = Part(Kind.PHOTOS, window, digest[:VERSION_DIGITS], digest)
        if facts.recipe_digest != digest_of((photos, embedder), _HOW):
            found.append(window)
    return found


@dataclass
class _Hour:
    """An hour on its way: its report and the vectors it has so far, by the photo's SHA-256."""

    window: Window
    report: PhotoReport
    vectors: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    of_one_colour: set[str] = field(default_factory=set)
    """Photos, by their SHA-256, that show nothing: not unusable, but worth a look."""

    @property
    def missing(self) -> list[ReportedPhoto]:
        return [photo for photo in self.report.photos if photo.sha256 not in self.vectors]


def run(windows: Sequence[Window], context: StepContext) -> Iterator[StepResult]:
    """Embed the photos of ``windows``; one result for each.

    Raises:
        StepError: if an hour's photos have not been fetched.
        StoreUnreachable: if photos are no longer in the cache, and their bucket does not answer.
    """
    reports = context.photo_reports.read_many(windows)
    paths = (photo.path for report in reports.values() for photo in report.photos)
    strips = Strips([one for one in windows if one in reports and reports[one].photos], context)
    # No eviction takes what a later hour of this run needs.
    with context.image_cache.keep(paths):
        yield from _run(windows, reports, strips, context)


def _run(
    windows: Sequence[Window],
    reports: Mapping[Window, PhotoReport],
    strips: Strips,
    context: StepContext,
) -> Iterator[StepResult]:
    shelf = context.shelf(Kind.EMBEDDINGS)
    batch: list[_Hour] = []
    waiting = 0
    for window in windows:
        report = reports.get(window)
        if report is None:
            raise StepError(
                f"the photos of {window.key} have not been fetched",
                remedy="materialize its images first",
            )
        current = shelf.current(window)
        if current is not None and current.recipe_digest == (
            recipe_of(window, report.digest, context.fingerprint).digest
        ):
            context.on_photos(len(report.photos))
            yield _result(window, report, current, context, strips, done=False)
            continue
        hour = _Hour(window, report, *_known(window, context))
        batch.append(hour)
        waiting += len(hour.missing)
        if waiting >= _PHOTOS_AT_ONCE or len(batch) >= _HOURS_AT_ONCE:
            yield from _embed(batch, strips, context)
            batch, waiting = [], 0
    yield from _embed(batch, strips, context)


def _known(window: Window, context: StepContext) -> tuple[dict[str, NDArray[np.float32]], set[str]]:
    """The vectors of the hour's former version by the SHA-256 of their photos, and which of
    those came out in one colour."""
    shelf = context.shelf(Kind.EMBEDDINGS)
    current = shelf.current(window)
    if current is None or not current.rows:
        return {}, set()
    try:
        former = EmbeddingsFolder.open(shelf.folder(current))
        vectors = former.read_vectors()
    except PhotosearchError:
        return {}, set()  # damaged: embed all of it again
    remarked = {one.photo_id for one in current.remarks if one.remark == ONE_COLOUR}
    with former.row_table() as table:
        rows = list(table)
    known = {row.sha256: vectors[place] for place, row in enumerate(rows)}
    return known, {row.sha256 for row in rows if row.photo_id in remarked}


def _embed(hours: Sequence[_Hour], strips: Strips, context: StepContext) -> Iterator[StepResult]:
    if not hours:
        return
    started = time.monotonic()
    photos = {photo.sha256: photo for hour in hours for photo in hour.missing}
    # By names of which none repeats: an id may, if its photo was replaced.
    sha_of: dict[str, str] = {}
    for sha256, photo in photos.items():
        sha_of[photo.photo_id if photo.photo_id not in sha_of else sha256] = sha256
    lost, unreachable = _fetch_lost(photos.values(), context)
    of_one_colour: set[str] = set()

    def decoder(photo: ReportedPhoto) -> Callable[[], NDArray[np.uint8]]:
        return lambda: _decoded(photo, context, lost, unreachable, of_one_colour)

    embedded = embed_batch(
        [(name, decoder(photos[one])) for name, one in sha_of.items()],
        context.embedder,
        on_progress=lambda _done: context.on_photos(1),
    )
    if unreachable:
        context.require_image_store()
    vectors = {
        sha_of[name]: vector
        for name, vector in zip(embedded.photo_ids, embedded.vectors, strict=True)
    }
    reasons = {sha_of[failure.photo_id]: failure.reason for failure in embedded.failures}
    embedding_s = time.monotonic() - started
    total = max(1, len(photos))
    shares = {hour.window: len(hour.missing) / total for hour in hours}
    for hour in hours:
        hour.vectors.update(vectors)
        hour.of_one_colour |= of_one_colour
    with context.work_folder(NAME) as work:
        for done in in_parallel(lambda hour: _publish(hour, reasons, work, context), hours):
            hour, (manifest, rows) = done.item, done.result
            seconds = embedding_s * shares[hour.window] + done.seconds
            yield _result(hour.window, hour.report, manifest, context, strips, True, seconds, rows)


def _publish(
    hour: _Hour, reasons: dict[str, str], work: Path, context: StepContext
) -> tuple[Manifest, NDArray[np.float32]]:
    """Publish the hour; the manifest, and the vectors float32 [rows, dim]."""
    # Of one erased since the report was read nothing is published; the hour is then due again.
    photos = context.catalogue.without_erased(hour.report.photos)
    kept = [photo for photo in photos if photo.sha256 in hour.vectors]
    vectors = np.empty((len(kept), context.embedder.dimension), np.float32)
    for place, photo in enumerate(kept):
        vectors[place] = hour.vectors[photo.sha256]
    rows = [Row(p.photo_id, p.listing_id, p.listed_at, p.sha256) for p in kept]
    failures = [*hour.report.failures]
    failures += [
        PhotoFailure(photo_id=photo.photo_id, reason=reasons.get(photo.sha256, "no vector"))
        for photo in photos
        if photo.sha256 not in hour.vectors
    ]
    remarks = [
        PhotoRemark(photo_id=photo.photo_id, remark=ONE_COLOUR)
        for photo in kept
        if photo.sha256 in hour.of_one_colour
    ]
    folder = work / hour.window.start_text
    write_embeddings(folder, vectors, rows)
    manifest = context.shelf(Kind.EMBEDDINGS).publish(
        hour.window,
        recipe_of(hour.window, hour.report.digest, context.fingerprint),
        {name: folder / name for name in (VECTORS, ROWS)},
        rows=len(rows),
        dimension=context.embedder.dimension,
        failures=failures,
        details={REMARKS: [one.model_dump() for one in remarks]} if remarks else {},
        run_id=context.run_id,
        recipe_now=lambda: recipe_of(
            hour.window,
            (context.photo_reports.read(hour.window) or hour.report).digest,
            context.fingerprint,
        ),
    )
    return manifest, vectors


def _fetch_lost(
    photos: Iterable[ReportedPhoto], context: StepContext
) -> tuple[dict[str, str], list[str]]:
    """Fetch again what is no longer in the cache, which keeps photos for ``cache_days`` only and
    may be another machine's: some at once, before the network waits for them.

    Why photos could not be had, by their ids; and for each that the store did not give an entry.
    """
    cache = context.image_cache
    if cache.reads_through is not None:
        return {}, []
    wanted = [photo.photo for photo in photos if cache.path_of(photo.path) is None]
    if not wanted:
        return {}, []
    report = fetch_photos(wanted, context.image_store, cache, settings=context.settings)
    lost = {failure.photo_id: failure.reason for failure in report.failed}
    return lost, ["one"] * report.unreachable


def _decoded(
    photo: ReportedPhoto,
    context: StepContext,
    lost: Mapping[str, str],
    unreachable: list[str],
    of_one_colour: set[str],
) -> NDArray[np.uint8]:
    """Reads and decodes ``photo``, unless it is ``lost``. Into ``unreachable`` goes one that the
    store did not give, into ``of_one_colour`` one that shows nothing."""
    if photo.photo_id in lost:
        raise StepError(lost[photo.photo_id])
    content = context.image_cache.read(photo.path)
    if content is None:  # it went since this batch began
        report = fetch_photos(
            [photo.photo], context.image_store, context.image_cache, settings=context.settings
        )
        for failure in report.failed:
            unreachable.extend([photo.photo_id] * report.unreachable)
            raise StepError(failure.reason)
        content = context.image_cache.read(photo.path)
    if content is None:
        raise StepError(f"photo {photo.photo_id!r} can't be read from the image cache")
    if hashlib.sha256(content).hexdigest() != photo.sha256:
        raise StepError(
            f"photo {photo.photo_id!r} was replaced after it was fetched",
            remedy="materialize the images of its hour again",
        )
    pixels = context.decoder.decode(content, side=context.embedder.input_side, name=photo.path)
    if is_one_colour(pixels):
        of_one_colour.add(photo.sha256)
    return pixels


def _usable(report: PhotoReport, manifest: Manifest) -> list[ReportedPhoto]:
    unusable = {failure.photo_id for failure in manifest.failures}
    return [photo for photo in report.photos if photo.photo_id not in unusable]


def _result(
    window: Window,
    report: PhotoReport,
    manifest: Manifest,
    context: StepContext,
    strips: Strips,
    done: bool,
    seconds: float = 0.0,
    vectors: NDArray[np.float32] | None = None,
) -> StepResult:
    photos = len(report.photos) + len(report.failures)
    if vectors is None:
        shelf = context.shelf(Kind.EMBEDDINGS)
        vectors = EmbeddingsFolder.open(shelf.folder(manifest)).read_vectors()
    return StepResult(
        step=NAME,
        window=window,
        version=manifest.version,
        digest=manifest.digest,
        rows=manifest.rows,
        photos=photos,
        size_bytes=manifest.size_bytes,
        seconds=seconds,
        done=done,
        failures=tuple(manifest.failures),
        remarks=tuple(manifest.remarks),
        checks=(
            coverage(photos, manifest.rows + len(manifest.failures)),
            failure_rate(photos, len(manifest.failures), context.settings.max_failure_rate),
            vector_health(vectors),
        ),
        strip=strips.of(window, [photo.path for photo in _usable(report, manifest)]),
    )
