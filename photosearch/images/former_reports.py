"""Reports that release 0.1.0 kept in the image cache, taken over into the model repository.

The first process that finds them does it, and they are gone afterwards. Each report goes for
itself: it is published, made current, and only then its file is deleted. So whoever is killed
leaves the rest to the next, and of two at once each finds done what the other did. Where the
repository has a report of the hour already, that one is newer.
"""

import logging
import shutil
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from photosearch.images.report import PhotoReport
from photosearch.images.reports import PhotoReports
from photosearch.repository.erasures import is_erased
from photosearch.repository.errors import HeadMoved
from photosearch.repository.heads import Failing
from photosearch.repository.repository import Repository
from photosearch.repository.seal import Seal, seal_of

_AT_ONCE = 16
_log = logging.getLogger(__name__)


class _FormerReport(PhotoReport):
    from_cache: int = 0
    downloaded_bytes: int = 0
    failing_since: datetime | None = None
    tried_at: datetime | None = None

    def as_now(self) -> tuple[PhotoReport, Failing | None]:
        """The report, and what HEAD is to say of its failures."""
        report = PhotoReport(**{name: getattr(self, name) for name in PhotoReport.model_fields})
        if not self.failures:
            return report, None
        now = datetime.now(UTC)
        return report, Failing(self.failing_since or now, self.tried_at or now)


def former_reports(cache: Path) -> list[Path]:
    """The files of reports in an image cache."""
    return sorted((cache / "reports").glob("*/*.json"))


def take_over(cache: Path, repository: Repository, erased: Collection[str], work: Path) -> None:
    """Make the reports in an image cache the repository's, where it has none.

    ``erased`` are the listings that were erased: a report that names one is not taken over, and
    its hour is made anew. ``work`` is a folder for files on the way.

    Raises:
        StorageError: if the repository can't be written; the rest is for the next.
    """
    files, reports = former_reports(cache), PhotoReports(repository)
    if files:
        _log.info("taking over the reports of %d hours from %s", len(files), cache)

    def one(file: Path) -> None:
        found = _read(file)
        if found is not None and found.window not in reports.heads:
            report, failing = found.as_now()
            if not any(is_erased(photo.listing_id, erased) for photo in report.photos):
                with suppress(HeadMoved):  # by another that takes it over, or made it anew
                    reports.put(report, None, work, failing)
        file.unlink(missing_ok=True)

    reports.heads  # noqa: B018 (listed once, before threads ask for it)
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="reports") as pool:
        for _ in pool.map(one, files):
            pass
    if not former_reports(cache):
        shutil.rmtree(cache / "reports", ignore_errors=True)  # drafts of killed processes too


def _read(file: Path) -> _FormerReport | None:
    """A report; None of a file that is damaged, or gone."""
    try:
        content = file.read_bytes()
        report = _FormerReport.model_validate_json(content)
        is_its_own = report.window.key == f"{file.parent.name}/{file.stem}"
    except (FileNotFoundError, ValidationError):
        return None
    # The first ones had no checksum, and no line of their own for each member.
    if b"\n" in content and seal_of(content, _FormerReport.model_fields) is Seal.BROKEN:
        return None
    return report if is_its_own else None
