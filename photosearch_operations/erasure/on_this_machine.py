"""Where a listing may be on this machine, outside of the model repository.

The photo reports and copies of the image cache, and what killed steps left behind.
"""

import hashlib
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from index_grpc.index.index_files import ROWS
from photosearch.catalogue.catalogue import Catalogue, CatalogueError
from photosearch.catalogue.listing import catalogue_digest
from photosearch.files.walk import content_of, files_below
from photosearch.images.cache import ImageCache
from photosearch.images.report import PhotoReport, ReportedPhoto
from photosearch.photo_notes import PhotoFailure
from photosearch.settings.settings import Settings
from photosearch.windows import Window, WindowError
from photosearch_operations.erasure.known_vectors import KnownVectors
from photosearch_operations.erasure.traces import Needles

OUT_OF_DATE = "erased"


@dataclass(frozen=True)
class CleanedReport:
    """A photo report with and without the listing; ``gone`` are its photos that were fetched."""

    before: PhotoReport
    after: PhotoReport
    gone: tuple[ReportedPhoto, ...]


class Places:
    """The places of one machine."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._cache = ImageCache.of(settings)

    def reports_with(
        self, listing_id: str, photo_ids: Collection[str]
    ) -> dict[Window, CleanedReport]:
        """The reports that name the listing or its photos, and how they are without."""
        found = {}
        for window in self._reported():
            report = self._cache.read_report(window)
            if report is None:
                continue
            gone = tuple(p for p in report.photos if p.listing_id == listing_id)
            ids = {*photo_ids, *(photo.photo_id for photo in gone)}
            failures = [f for f in report.failures if f.photo_id not in ids]
            if gone or len(failures) < len(report.failures):
                after = self._without(window, report, gone, failures, listing_id)
                found[window] = CleanedReport(report, after, gone)
        return found

    def clean_cache(self, paths: Collection[str], contents: Collection[str]) -> int:
        """Delete the cached copies of the photos; how many there were."""
        count = sum(self._cache.discard(path) for path in paths)
        for entry in self._cache.entries():
            content = content_of(entry)
            if hashlib.sha256(content).hexdigest() in contents:
                entry.unlink(missing_ok=True)
                count += 1
        return count

    def clean_work(self, needles: Needles, vectors: KnownVectors) -> int:
        """Delete the folders of killed steps and servers that hold it; how many."""
        count = 0
        for folder in self.work_folders():
            if any(_holds(file, needles, vectors) for file in files_below(folder)):
                _remove(folder)
                count += 1
        return count

    def work_folders(self) -> list[Path]:
        """Folders that steps and servers fill while they work, and leave when killed."""
        roots = [self._settings.state / "work"]
        return [folder for root in roots if root.is_dir() for folder in root.iterdir()]

    def clean_copies(self, needles: Needles, vectors: KnownVectors) -> int:
        """Delete the copies of a bucket's versions that hold it; how many.

        Those of versions that are deleted here go with them. Another machine may have deleted
        one of which this machine has a copy.
        """
        count = 0
        for folder in {file.parent for file in files_below(self._settings.artifacts_dir)}:
            rows = folder / ROWS
            looked_at = (
                [rows] if rows.exists() else [f for f in files_below(folder) if f.parent == folder]
            )
            if any(_holds(file, needles, vectors) for file in looked_at):
                _remove(folder)
                count += 1
        return count

    def _without(
        self,
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
            with Catalogue.open(self._settings) as catalogue:
                left = [p for p in catalogue.photos_in(window) if p.listing_id != listing_id]
            with Catalogue.open(self._settings, with_erased=True) as catalogue:
                own = [p for p in catalogue.photos_in(window) if p.listing_id == listing_id]
            # Its rows may be gone from the catalogue already.
            before = [catalogue_digest([*left, *mine]) for mine in (own, [p.photo for p in gone])]
            digest = catalogue_digest(left) if report.catalogue_digest in before else OUT_OF_DATE
        except CatalogueError:
            digest = OUT_OF_DATE  # an erasure does not wait for a database that is down
        photos = [photo for photo in report.photos if photo not in gone]
        update = {"photos": photos, "failures": failures, "catalogue_digest": digest}
        return report.model_copy(update=update)

    def _reported(self) -> list[Window]:
        found = []
        root = self._cache.folder / "reports"
        for path in sorted(root.glob("*/*.json")):
            try:
                found.append(Window.parse(f"{path.parent.name}/{path.stem}"))
            except WindowError:
                continue
        return found


def _remove(folder: Path) -> None:
    def failed(_call: object, _path: str, error: Any) -> None:
        if not issubclass(error[0], FileNotFoundError):  # gone meanwhile, as a step's own
            raise error[1]

    shutil.rmtree(folder, onerror=failed)


def _holds(file: Path, needles: Needles, vectors: KnownVectors) -> bool:
    content = content_of(file)
    if file.name == ROWS:
        return needles.are_in(content)
    return vectors.are_in(content)
