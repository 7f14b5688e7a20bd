"""The reports on hours' photos, which are artifacts of the model repository.

They decide what is due, so every machine has to see the same ones: losing a cache of photos
costs fetching, and no work. Of a report the photos are a file, one a line; everything else
stands in the manifest, so that a look at ten thousand hours reads no file. Its version begins
the digest that the embeddings name it by.

That photos can't be had is noted in HEAD with the times of trying: to try again in vain makes
no version, and a version never changes.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

from pydantic import JsonValue, ValidationError

from photosearch.images.report import PhotoReport, ReportedPhoto
from photosearch.repository.addresses import Address, Kind
from photosearch.repository.errors import (
    MAKE_AGAIN,
    ArtifactMissing,
    DamagedArtifact,
)
from photosearch.repository.facts import CATALOGUE, Facts, facts_of
from photosearch.repository.heads import Current, Failing, Head
from photosearch.repository.manifest import REPORT_DIGEST, Input, Manifest
from photosearch.repository.repository import Repository
from photosearch.repository.watch import Look
from photosearch.windows import Window

PHOTOS = "photos.jsonl"
HOW: dict[str, JsonValue] = {"step": "fetch", "format": 1}
FIRST_RETRY = timedelta(hours=1)
_READ_AT_ONCE = 16


@dataclass(frozen=True)
class KnownReport:
    """What is known of an hour's current report without reading its photos."""

    version: str
    digest: str
    catalogue_digest: str
    failing: Failing | None


class PhotoReports:
    """Reports by hour. What this object puts, and HEADs as they were at its first look."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    @cached_property
    def _look(self) -> Look:
        return self._repository.look(None, Kind.PHOTOS)

    @cached_property
    def heads(self) -> dict[Window, Current]:
        """What each hour's HEAD says; read once, by one listing."""
        return dict(self._look.current)

    @property
    def facts(self) -> Mapping[Window, Facts]:
        """What is known of the reports that were current at the first look, of all at once."""
        return self._look.facts

    @property
    def failing(self) -> Mapping[Window, Failing]:
        """The hours of which photos could not be had at the first look."""
        return self._look.once(_failing)

    def known(self, window: Window) -> KnownReport | None:
        """What is known of the hour's report; None if there is none, or it can't be read."""
        current = self.heads.get(window)
        return None if current is None else self.known_at(window, current)

    def known_at(self, window: Window, current: Current | Head) -> KnownReport | None:
        """:meth:`known` of the report that HEAD names there."""
        try:
            manifest = self._repository.manifest(Address.photos(window), current.version)
        except (ArtifactMissing, DamagedArtifact):
            return None  # the images step makes it anew
        return _known(manifest, current.failing)

    def read(self, window: Window) -> PhotoReport | None:
        """The hour's report as it is now; None if there is none, or it can't be read."""
        try:
            head = self._repository.head(Address.photos(window))
            return None if head is None else self.read_version(window, head.version)
        except (ArtifactMissing, DamagedArtifact):
            return None

    def read_many(self, windows: Collection[Window]) -> dict[Window, PhotoReport]:
        """:meth:`read` of many hours, some at once; those without a report are left out."""
        if not windows:
            return {}
        with ThreadPoolExecutor(min(len(windows), _READ_AT_ONCE)) as pool:
            found = zip(windows, pool.map(self.read, windows), strict=True)
            return {window: report for window, report in found if report is not None}

    def read_version(self, window: Window, version: str) -> PhotoReport:
        """One version of an hour's report.

        Raises:
            ArtifactMissing: if there is none.
            DamagedArtifact: if it is not what its version and its files' digests say.
        """
        address = Address.photos(window)
        manifest = self._repository.manifest(address, version)
        with self._repository.storage.using():
            folder = self._repository.local_files(address, version)
            report = _parsed(manifest, (folder / PHOTOS).read_bytes())
        if report is None or report.digest != manifest.report_digest:
            raise DamagedArtifact(
                f"{address.folder(version)} is not the report that its version says",
                found="photos that can't be read" if report is None else report.digest,
                limit=manifest.report_digest,
                remedy=MAKE_AGAIN,
            )
        return report

    def check(self, window: Window, version: str) -> Iterator[DamagedArtifact]:
        """An error if a version is not the report that it says; of one that is there."""
        try:
            self.read_version(window, version)
        except DamagedArtifact as damage:
            yield damage
        except ArtifactMissing:
            return  # gc took it since it was listed

    def seen(self, window: Window) -> Head | None:
        """HEAD as it is now; one that is damaged is taken away, as if there had been none."""
        address = Address.photos(window)
        try:
            return self._repository.head(address)
        except DamagedArtifact:
            self._repository.discard(address, None)
            return self._repository.head(address)

    def put(
        self,
        report: PhotoReport,
        seen: Head | None,
        work: Path,
        failing: Failing | None,
        run_id: str | None = None,
    ) -> Head:
        """Publish a report and make it the current one, if HEAD is still the one ``seen``.

        ``work`` is a folder for its file on the way.

        Raises:
            HeadMoved: if it is not.
        """
        window = report.window
        address = Address.photos(window)
        file = work / f"{window.start_text}-{report.version}.jsonl"
        file.write_text(_lines(report.photos), encoding="ascii")
        digest = report.catalogue_digest
        manifest = self._repository.publish(
            address,
            {PHOTOS: file},
            rows=len(report.photos),
            dimension=None,
            inputs=[Input(kind=CATALOGUE, window=window, version=digest[:16], digest=digest)],
            recipe=HOW,
            failures=report.failures,
            details={REPORT_DIGEST: report.digest},
            run_id=run_id,
            version=report.version,
        )
        file.unlink()
        return self.point(window, manifest.version, seen, failing)

    def point(
        self, window: Window, version: str, seen: Head | None, failing: Failing | None
    ) -> Head:
        """Make a version current, or note when failures were tried, if HEAD is still ``seen``.

        Raises:
            HeadMoved: if it is not.
        """
        head = self._repository.move_head(Address.photos(window), version, seen, failing)
        if "heads" in self.__dict__:
            self.heads[window] = Current(head.version, head.pinned_at, head.failing)
        return head


def may_retry(failing: Failing, now: datetime) -> bool:
    """Whether failures are to be tried again: photos arrive late, and stores recover.

    After an hour, and then whenever they have been failing for twice as long.
    """
    return now - failing.tried_at >= max(FIRST_RETRY, failing.tried_at - failing.since)


def failing_since(report: PhotoReport, before: KnownReport | None, now: datetime) -> Failing | None:
    """What HEAD is to say of the failures of a report that was made ``now``, after another.

    A late listing begins the pauses anew: with it other photos may have come.
    """
    if not report.failures:
        return None
    since = now
    if before is not None and before.catalogue_digest == report.catalogue_digest:
        since = now if before.failing is None else before.failing.since
    return Failing(since, now)


def _failing(look: Look) -> dict[Window, Failing]:
    return {window: one.failing for window, one in look.current.items() if one.failing is not None}


def _known(manifest: Manifest, failing: Failing | None) -> KnownReport:
    facts = facts_of(manifest)
    return KnownReport(facts.version, facts.report_digest, facts.catalogue_digest, failing)


def _parsed(manifest: Manifest, content: bytes) -> PhotoReport | None:
    try:
        return PhotoReport(
            window=manifest.window,
            catalogue_digest=facts_of(manifest).catalogue_digest,
            photos=[ReportedPhoto.model_validate_json(line) for line in content.splitlines()],
            failures=manifest.failures,
        )
    except ValidationError:
        return None


def _lines(photos: Iterable[ReportedPhoto]) -> str:
    # A listing is looked for in these bytes as in an index's rows, which begin with the same.
    lines: Iterable[Mapping[str, object]] = (photo.model_dump(mode="json") for photo in photos)
    return "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
