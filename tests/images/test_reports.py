"""Photo reports: artifacts of the model repository, by which every machine knows what is due."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from photosearch.catalogue.listing import Photo, catalogue_digest
from photosearch.images.report import FetchedPhoto, FetchReport, PhotoReport
from photosearch.images.reports import PHOTOS, KnownReport, PhotoReports, failing_since
from photosearch.photo_notes import PhotoFailure
from photosearch.repository.addresses import Address
from photosearch.repository.errors import DamagedArtifact, HeadMoved
from photosearch.repository.heads import Failing
from photosearch.repository.repository import Repository
from photosearch.windows import Window

HOUR = Window.parse("hourly/2026-11-22T14")
NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository.open((tmp_path / "repository").as_uri())


@pytest.fixture
def reports(repository: Repository) -> PhotoReports:
    return PhotoReports(repository)


def photos() -> list[Photo]:
    return [
        Photo("b", "lamp", "b.jpg", datetime(2026, 11, 22, 14, 5, tzinfo=UTC)),
        Photo("a", "lämp", "a.jpg", datetime(2026, 11, 22, 14, 5, tzinfo=UTC)),
        Photo("c", "hat", "c.jpg", datetime(2026, 11, 22, 14, 1, tzinfo=UTC)),
    ]


def report(sha256: str = "00", reason: str = "missing", from_cache: int = 0) -> PhotoReport:
    fetched = FetchReport(
        fetched={"a.jpg": FetchedPhoto(sha256, 7), "c.jpg": FetchedPhoto("11", 8)},
        failed=[PhotoFailure(photo_id="b", reason=reason)],
        from_cache=from_cache,
    )
    return PhotoReport.of(HOUR, photos(), fetched)


def test_a_report_comes_back_as_it_was_written(reports: PhotoReports, tmp_path: Path) -> None:
    assert reports.read(HOUR) is None

    reports.put(report(), None, tmp_path, Failing(NOW, NOW))

    found = reports.read(HOUR)
    assert found == report()
    assert [photo.photo_id for photo in found.photos] == ["c", "a"]
    assert [photo.photo for photo in found.photos] == [photos()[2], photos()[1]]
    assert found.catalogue_digest == catalogue_digest(photos())
    assert found.failures == [PhotoFailure(photo_id="b", reason="missing")]


def test_what_decides_is_known_without_reading_the_photos(
    repository: Repository, reports: PhotoReports, tmp_path: Path
) -> None:
    head = reports.put(report(), None, tmp_path, Failing(NOW, NOW))
    for file in (tmp_path / "repository").rglob(PHOTOS):
        file.unlink()

    known = PhotoReports(repository).known(HOUR)

    assert known == KnownReport(
        head.version, report().digest, catalogue_digest(photos()), Failing(NOW, NOW)
    )


def test_a_damaged_report_is_none_and_put_again(
    repository: Repository, reports: PhotoReports, tmp_path: Path
) -> None:
    head = reports.put(report(), None, tmp_path, None)
    [file] = (tmp_path / "repository").rglob(PHOTOS)
    file.write_bytes(file.read_bytes().replace(b"a.jpg", b"z.jpg"))

    assert reports.read(HOUR) is None
    assert len(list(repository.check(Address.photos(HOUR), head.version))) == 1
    reports.put(report(), head, tmp_path, None)
    assert reports.read(HOUR) == report()


def test_a_head_that_names_no_version_is_as_none_to_whoever_makes_the_report(
    reports: PhotoReports, tmp_path: Path
) -> None:
    reports.put(report(), None, tmp_path, None)
    (tmp_path / "repository" / Address.photos(HOUR).head_path).write_text("no version\n\n")

    assert reports.read(HOUR) is None
    head = reports.seen(HOUR)
    assert head is None
    reports.put(report(), head, tmp_path, None)
    assert reports.read(HOUR) == report()


def test_photos_that_are_not_those_of_the_digest_are_found(
    repository: Repository, reports: PhotoReports, tmp_path: Path
) -> None:
    """Somebody who writes another file can write its digest into the manifest as well."""
    other = report().model_copy(update={"photos": report(sha256="22").photos})
    assert list(reports.check(HOUR, reports.put(other, None, tmp_path, None).version)) == []
    folder = tmp_path / "forged"
    folder.mkdir()
    (folder / PHOTOS).write_bytes(b"")
    address = Address.photos(HOUR)
    manifest = repository.manifest(address, other.version)
    repository.discard(address, other.version)
    repository.publish(
        address,
        {PHOTOS: folder / PHOTOS},
        rows=0,
        dimension=None,
        inputs=manifest.inputs,
        recipe=manifest.recipe,
        details=manifest.details,
        version=manifest.version,
    )

    [damage] = reports.check(HOUR, other.version)

    assert isinstance(damage, DamagedArtifact)
    assert "is not the report that its version says" in str(damage)


def test_of_two_who_make_a_report_the_second_sees_the_first(
    reports: PhotoReports, tmp_path: Path
) -> None:
    seen = reports.seen(HOUR)
    reports.put(report(), seen, tmp_path, None)

    with pytest.raises(HeadMoved):
        reports.put(report(sha256="22"), seen, tmp_path, None)

    assert reports.read(HOUR) == report()


def test_to_try_in_vain_makes_no_version(
    repository: Repository, reports: PhotoReports, tmp_path: Path
) -> None:
    head = reports.put(report(), None, tmp_path, Failing(NOW, NOW))
    later = NOW + timedelta(hours=2)

    reports.point(HOUR, head.version, head, Failing(NOW, later))

    [manifest] = repository.versions(Address.photos(HOUR))
    known = PhotoReports(repository).known(HOUR)
    assert known is not None
    assert (known.version, known.failing) == (manifest.version, Failing(NOW, later))


def test_failures_are_counted_from_the_first_time_that_they_were_met() -> None:
    first = failing_since(report(), None, NOW)
    assert first == Failing(NOW, NOW)
    known = KnownReport("v", "d", report().catalogue_digest, first)
    later = NOW + timedelta(hours=1)

    assert failing_since(report(), known, later) == Failing(NOW, later)
    other = KnownReport("v", "d", "another catalogue's", first)
    assert failing_since(report(), other, later) == Failing(later, later)
    whole = report().model_copy(update={"failures": []})
    assert failing_since(whole, known, later) is None


def test_a_reports_digest_tells_what_the_photos_are_and_not_how_they_came() -> None:
    assert report().digest == report(reason="busy", from_cache=1).digest
    assert report().digest != report(sha256="22").digest
    fewer = report().model_copy(update={"failures": []})
    assert report().digest != fewer.digest


def test_a_report_of_an_empty_hour_is_a_report(reports: PhotoReports, tmp_path: Path) -> None:
    reports.put(PhotoReport.of(HOUR, [], FetchReport()), None, tmp_path, None)

    found = reports.read(HOUR)
    assert found is not None
    assert (found.photos, found.failures) == ([], [])
