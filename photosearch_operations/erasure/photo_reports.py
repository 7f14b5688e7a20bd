"""Photo reports without a listing.

A report says what an hour's embeddings are made from, so the current ones are made again first,
and what became of which is noted: the versions that are made without the listing name them.
Former reports are deleted with the other versions that hold it.
"""

from collections.abc import Collection
from dataclasses import dataclass

from photosearch.catalogue.catalogue import Catalogue, CatalogueError
from photosearch.catalogue.listing import catalogue_digest
from photosearch.images.report import PhotoReport, ReportedPhoto
from photosearch.images.reports import PhotoReports
from photosearch.photo_notes import PhotoFailure
from photosearch.repository.addresses import Address
from photosearch.repository.errors import ArtifactMissing, DamagedArtifact
from photosearch.repository.heads import Head
from photosearch.repository.repository import Repository
from photosearch.settings.settings import Settings
from photosearch.windows import Window
from photosearch_operations.erasure.traces import REPORTS, Needles, find_traces

OUT_OF_DATE = "erased"


@dataclass(frozen=True)
class CleanedReport:
    """A photo report with and without the listing; ``gone`` are its photos that were fetched."""

    head: Head
    before: PhotoReport
    after: PhotoReport
    gone: tuple[ReportedPhoto, ...]


def current_reports_with(
    settings: Settings, repository: Repository, listing_id: str, needles: Needles
) -> dict[Window, CleanedReport]:
    """The current reports that name the listing or its photos, and how they are without."""
    found = {}
    for address in {address for address, _ in find_traces(repository, needles, tops=[REPORTS])}:
        window = address.window
        assert window is not None
        read = _current(repository, window)
        if read is None:
            continue
        head, report = read
        gone = tuple(p for p in report.photos if p.listing_id == listing_id)
        ids = {*needles.photo_ids, *(photo.photo_id for photo in gone)}
        failures = [f for f in report.failures if f.photo_id not in ids]
        if gone or len(failures) < len(report.failures):
            after = _without(settings, window, report, gone, failures, listing_id)
            found[window] = CleanedReport(head, report, after, gone)
    return found


def _current(repository: Repository, window: Window) -> tuple[Head, PhotoReport] | None:
    try:
        head = repository.head(Address.photos(window))
        if head is None:
            return None
        return head, PhotoReports(repository).read_version(window, head.version)
    except (ArtifactMissing, DamagedArtifact):
        return None  # it goes with the versions that hold the listing, and is made anew


def _without(
    settings: Settings,
    window: Window,
    report: PhotoReport,
    gone: Collection[ReportedPhoto],
    failures: list[PhotoFailure],
    listing_id: str,
) -> PhotoReport:
    """The report that the step would write of a catalogue without the listing.

    One that was out of date stays so: the step makes it anew.
    """
    try:
        # As a step sees it, without the others that were erased before and are hidden.
        with Catalogue.open(settings) as catalogue:
            left = [p for p in catalogue.photos_in(window) if p.listing_id != listing_id]
        with Catalogue.open(settings, with_erased=True) as catalogue:
            own = [p for p in catalogue.photos_in(window) if p.listing_id == listing_id]
        # Its rows may be gone from the catalogue already.
        before = [catalogue_digest([*left, *mine]) for mine in (own, [p.photo for p in gone])]
        digest = catalogue_digest(left) if report.catalogue_digest in before else OUT_OF_DATE
    except CatalogueError:
        digest = OUT_OF_DATE  # an erasure does not wait for a database that is down
    photos = [photo for photo in report.photos if photo not in gone]
    update = {"photos": photos, "failures": failures, "catalogue_digest": digest}
    return report.model_copy(update=update)
