"""A folder of photos as a catalogue."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from photosearch.catalogue.catalogue import Catalogue, CatalogueError
from photosearch.catalogue.listing import Listing
from photosearch.init.exif_date import UnbelievableDateError, read_exif_date, taken_at
from photosearch.init.folder_files import find_photos
from photosearch.init.folder_scan import FolderScan, scan_folder
from photosearch.repository.erasures import ErasedListings
from photosearch.settings.settings import Settings
from photosearch.windows import Window

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
FILE_TIME = datetime(2026, 11, 20, 8, tzinfo=UTC)
DAY = Window.parse("daily/2026-11-22").span


def draw(
    file: Path, taken: str | None = None, offset: str | None = None, tag: int = 0x9003
) -> Path:
    """A photo file from FILE_TIME, with an EXIF date if given."""
    exif = Image.Exif()
    exif[0x010F] = "Maker"  # Pillow writes none that holds nested tags alone
    if taken is not None:
        place = exif if tag == 0x0132 else exif.get_ifd(0x8769)
        place[tag] = taken
    if offset is not None:
        exif.get_ifd(0x8769)[{0x9003: 0x9011, 0x9004: 0x9012}.get(tag, 0x9010)] = offset
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 10), "red").save(file, exif=exif)
    os.utime(file, (FILE_TIME.timestamp(),) * 2)
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "photos"


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    with Catalogue.open(Settings(base_dir=tmp_path)) as catalogue:
        yield catalogue


def scan(folder: Path, catalogue: Catalogue) -> FolderScan:
    return scan_folder(folder, catalogue, now=NOW)


def test_each_photo_becomes_a_listing_of_its_own(folder: Path, catalogue: Catalogue) -> None:
    draw(folder / "shoes" / "new" / "red ä.jpg", "2026:11:22 14:05:00")
    draw(folder / "hat.PNG")

    found = scan(folder, catalogue)

    assert (found.photos, found.added) == (2, 2)
    shoe = "shoes/new/red ä.jpg"
    taken = datetime(2026, 11, 22, 14, 5, tzinfo=UTC)
    assert catalogue.listings([shoe, "hat.PNG"]) == {
        shoe: Listing(shoe, "red ä", None, "shoes", "live", taken, (shoe,)),
        "hat.PNG": Listing("hat.PNG", "hat", None, None, "live", FILE_TIME, ("hat.PNG",)),
    }
    photo = catalogue.photo(shoe)
    assert photo is not None
    assert photo.path == shoe


def test_a_second_scan_adds_changes_and_removes_what_differs(
    folder: Path, catalogue: Catalogue
) -> None:
    for name in ("same.jpg", "touched.jpg", "gone.jpg"):
        draw(folder / name)
    scan(folder, catalogue)
    _execute(catalogue, "UPDATE listings SET status = 'sold' WHERE id = 'same.jpg'")

    (folder / "gone.jpg").unlink()
    os.utime(folder / "touched.jpg", (FILE_TIME.timestamp() + 60,) * 2)
    draw(folder / "added.jpg")
    found = scan(folder, catalogue)
    third = scan(folder, catalogue)

    assert (found.added, found.changed, found.removed) == (1, 1, 1)
    assert (third.added, third.changed, third.removed) == (0, 0, 0)
    listings = catalogue.listings(["same.jpg", "touched.jpg", "gone.jpg", "added.jpg"])
    assert sorted(listings) == ["added.jpg", "same.jpg", "touched.jpg"]
    assert listings["same.jpg"].status == "sold"
    assert listings["touched.jpg"].listed_at == FILE_TIME + timedelta(minutes=1)
    assert catalogue.size().photos_without_listing == 0


def test_a_photo_replaced_in_place_changes_its_hour_and_no_other(
    folder: Path, catalogue: Catalogue
) -> None:
    replaced = draw(folder / "replaced.jpg", "2026:11:22 14:05:00")
    draw(folder / "same.jpg", "2026:11:22 15:05:00")
    scan(folder, catalogue)
    _execute(catalogue, "UPDATE listings SET status = 'sold' WHERE id = 'replaced.jpg'")
    before = catalogue.hour_digests(DAY)

    draw(replaced, "2026:11:22 14:05:00")
    os.utime(replaced, (FILE_TIME.timestamp() + 60,) * 2)
    found = scan(folder, catalogue)
    third = scan(folder, catalogue)

    assert (found.added, found.changed, found.removed, third.changed) == (0, 1, 0, 0)
    after = catalogue.hour_digests(DAY)
    assert [hour.start.hour for hour in after if after[hour] != before[hour]] == [14]
    assert catalogue.listings(["replaced.jpg"])["replaced.jpg"].status == "sold"


def test_a_folder_that_can_not_be_read_loses_no_listings(
    folder: Path, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw(folder / "a.jpg")
    draw(folder / "shut" / "deep" / "b.jpg")
    gone = draw(folder / "shut too" / "c.jpg")
    scan(folder, catalogue)
    gone.unlink()
    read = os.scandir

    def refuse(path: str) -> object:
        if path == str(folder / "shut"):
            raise PermissionError
        return read(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = scan(folder, catalogue)

    assert (found.removed, found.passed_over["folders that may not be read"]) == (1, 1)
    assert sorted(catalogue.listing_times()) == ["a.jpg", "shut/deep/b.jpg"]


def test_a_scan_asks_once_what_was_erased(
    folder: Path, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    known = ErasedListings.known

    def counted(erased: ErasedListings, max_age_s: float = 0.0) -> frozenset[str]:
        asked.append(erased)
        return known(erased, max_age_s)

    monkeypatch.setattr(ErasedListings, "known", counted)
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        draw(folder / name)
        scan(folder, catalogue)
        once, asked = len(asked), []

    assert once == 3  # of the folder's photos, and of the listings and photos that were known


def test_a_catalogue_of_an_earlier_release_gets_what_it_lacks(
    folder: Path, catalogue: Catalogue
) -> None:
    photo = draw(folder / "photo.jpg", "2026:11:22 14:05:00")
    scan(folder, catalogue)
    _execute(catalogue, "ALTER TABLE photos DROP COLUMN content_version")

    scan(folder, catalogue)
    before = catalogue.hour_digests(DAY)
    os.utime(photo, (FILE_TIME.timestamp() + 60,) * 2)

    assert scan(folder, catalogue).changed == 1
    assert catalogue.hour_digests(DAY) != before


def test_an_empty_folder_changes_nothing(folder: Path, catalogue: Catalogue) -> None:
    draw(folder / "a.jpg")
    scan(folder, catalogue)
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "notes.txt").write_text("no photo")
    (folder / "b.heic").write_bytes(b"")

    with pytest.raises(CatalogueError, match=r"1 \.heic files, a format that is not read"):
        scan(folder, catalogue)

    assert catalogue.photo_count() == 1


def test_a_folder_that_is_none_is_refused(tmp_path: Path, catalogue: Catalogue) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(CatalogueError, match="found nothing there"):
        scan(tmp_path / "nowhere", catalogue)
    with pytest.raises(CatalogueError, match="found a file"):
        scan(tmp_path / "file", catalogue)


def test_what_is_passed_over_is_counted_by_its_reason(folder: Path, tmp_path: Path) -> None:
    draw(folder / "a.jpg")
    draw(tmp_path / "outside.jpg")
    draw(folder / ".hidden" / "b.jpg")
    draw(folder / "._a.jpg")
    (folder / "inside.jpg").symlink_to("a.jpg")
    (folder / "outside.jpg").symlink_to(tmp_path / "outside.jpg")
    (folder / "broken.jpg").symlink_to(folder / "nowhere.jpg")
    (folder / "around").symlink_to(folder)
    (folder / "folder.jpg").mkdir()
    os.mkfifo(folder / "pipe.jpg")
    for name in ("x.HEIC", "y.heic", "z.cr2", "readme.txt", "tab\t.jpg"):
        (folder / name).touch()
    Path(os.fsdecode(os.fsencode(folder) + b"/latin\xe4.jpg")).touch()

    found = find_photos(folder)

    assert [photo.path for photo in found.photos] == ["a.jpg", "inside.jpg"]
    assert found.passed_over == {
        ".heic files, a format that is not read": 2,
        ".cr2 files, a format that is not read": 1,
        "links to folders, which are not entered": 1,
        "links out of the folder": 1,
        "links to nothing": 1,
        "things that are no files": 1,
        "names with control characters": 1,
        "names that are not UTF-8": 1,
        ".txt files, no photos by their bytes": 1,
        "hidden files, whose names begin with a dot": 1,
        "hidden folders, whose names begin with a dot: not entered": 1,
    }


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become someone who may not read")
def test_a_folder_that_may_not_be_read_is_said() -> None:
    with TemporaryDirectory() as folder:  # pytest's own folders are closed to others
        closed = Path(folder) / "closed"
        draw(closed / "b.jpg")
        draw(closed / "shut" / "a.jpg").parent.chmod(0o700)
        Path(folder).chmod(0o755)

        run = _look_as_nobody(closed)

    assert run.stdout == "1 {'folders that may not be read': 1} ['shut']\n"
    assert "shut can't be read: found Permission denied" in run.stderr


def _look_as_nobody(folder: Path) -> subprocess.CompletedProcess[str]:
    # Rights are a whole process's, so another one looks.
    code = (
        "import os, sys; from pathlib import Path\n"
        "from photosearch.init.folder_files import find_photos\n"
        "os.setuid(65534); found = find_photos(Path(sys.argv[1]))\n"
        "print(len(found.photos), dict(found.passed_over), found.unread)\n"
        "find_photos(Path(sys.argv[1]) / 'shut')"
    )
    command = [sys.executable, "-c", code, str(folder)]
    return subprocess.run(command, capture_output=True, text=True)


def test_damaged_photos_are_listed_to_fail_by_themselves(
    folder: Path, catalogue: Catalogue
) -> None:
    folder.mkdir()
    (folder / "empty.jpg").touch()
    (folder / "text.png").write_text("no photo")

    assert scan(folder, catalogue).dated_by_file == 2


def test_progress_tells_how_many_of_how_many(folder: Path, catalogue: Catalogue) -> None:
    draw(folder / "a.jpg")
    draw(folder / "b.jpg")
    heard: list[tuple[int, int]] = []

    scan_folder(folder, catalogue, now=NOW, on_progress=lambda *done: heard.append(done))

    assert heard == [(1, 2), (2, 2)]


# Dates


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".avif"])
def test_the_cameras_date_is_read_from_every_format(tmp_path: Path, suffix: str) -> None:
    tag = 0x0132 if suffix == ".tif" else 0x9003  # Pillow writes no nested tags to TIFF
    file = draw(tmp_path / f"a{suffix}", "2026:11:22 14:05:00", tag=tag)

    assert taken_at(file, NOW) == datetime(2026, 11, 22, 14, 5, tzinfo=UTC)


def test_a_date_with_an_offset_is_moved_to_utc(tmp_path: Path) -> None:
    file = draw(tmp_path / "a.jpg", "2026:11:22 14:05:00", offset="+02:00")

    assert taken_at(file, NOW) == datetime(2026, 11, 22, 12, 5, tzinfo=UTC)


@pytest.mark.parametrize("tag", [0x9004, 0x0132])
def test_without_the_original_date_the_next_best_counts(tmp_path: Path, tag: int) -> None:
    file = draw(tmp_path / "a.jpg", "2026:11:22 14:05:00", tag=tag)

    assert taken_at(file, NOW) == datetime(2026, 11, 22, 14, 5, tzinfo=UTC)


@pytest.mark.parametrize("date", [None, "", "    :  :     :  :  "])
def test_a_photo_without_a_date_says_nothing(tmp_path: Path, date: str | None) -> None:
    file = draw(tmp_path / "a.jpg", date)

    if date and date.strip():
        with pytest.raises(UnbelievableDateError):
            taken_at(file, NOW)
    else:
        assert taken_at(file, NOW) is None


ABSURD = ["0000:00:00 00:00:00", "1904:01:01 00:00:00", "1970:01:01 00:00:00"]
ABSURD += ["2026:11:23 12:00:01", "2099:01:01 00:00:00", "2026:02:30 10:00:00", "yesterday"]


@pytest.mark.parametrize("date", ABSURD)
def test_a_date_that_can_not_be_true_gives_way_to_the_files(
    folder: Path, catalogue: Catalogue, date: str
) -> None:
    draw(folder / "a.jpg", date)

    found = scan(folder, catalogue)

    assert (found.dated_by_camera, found.dated_by_file, found.unbelievable_dates) == (0, 1, 1)
    assert catalogue.time_range() == (FILE_TIME, FILE_TIME)


def test_a_files_time_in_the_future_that_is_left_out_is_reported_by_the_catalogue(
    folder: Path, catalogue: Catalogue
) -> None:
    file = draw(folder / "a.jpg")
    os.utime(file, (NOW.timestamp() + 60,) * 2)

    scan(folder, catalogue)

    assert [misplaced.listing_id for misplaced in catalogue.outside(FILE_TIME, NOW)] == ["a.jpg"]


# Files without a time of their own


FIRST_SEEN = NOW - timedelta(hours=1)
LATER = NOW + timedelta(days=9)


def scan_later(folder: Path, catalogue: Catalogue, now: datetime) -> FolderScan:
    return scan_folder(folder, catalogue, now=now, first_seen=now - timedelta(hours=1))


@pytest.mark.parametrize("moment", [0, 315532800, -1e18, NOW.timestamp() + 1, 4e9])
def test_a_file_without_a_believable_time_keeps_that_of_the_scan_that_saw_it_first(
    folder: Path, catalogue: Catalogue, moment: float
) -> None:
    file = draw(folder / "a.jpg")
    os.utime(file, (max(moment, -62e9),) * 2)

    first = scan_later(folder, catalogue, NOW)
    again = scan_later(folder, catalogue, NOW + timedelta(days=9))

    assert (first.dated_by_scan, first.dated_by_file) == (1, 0)
    assert (again.dated_by_scan, again.changed) == (1, 0)
    assert catalogue.time_range() == (FIRST_SEEN, FIRST_SEEN)


def test_a_cameras_clock_that_is_ahead_is_not_believed_later(
    folder: Path, catalogue: Catalogue
) -> None:
    file = draw(folder / "a.jpg", "2026:11:24 10:00:00")  # tomorrow
    os.utime(file, (0, 0))
    scan_later(folder, catalogue, NOW)

    found = scan_later(folder, catalogue, LATER)

    assert (found.dated_by_camera, found.dated_by_scan) == (0, 1)
    assert catalogue.time_range() == (FIRST_SEEN, FIRST_SEEN)


def test_a_file_that_is_given_its_true_time_takes_it(folder: Path, catalogue: Catalogue) -> None:
    file = draw(folder / "a.jpg")
    os.utime(file, (0, 0))
    scan_later(folder, catalogue, NOW)

    os.utime(file, (FILE_TIME.timestamp(),) * 2)
    found = scan_later(folder, catalogue, LATER)

    assert (found.dated_by_scan, found.changed) == (0, 1)
    assert catalogue.time_range() == (FILE_TIME, FILE_TIME)


def test_a_listing_that_was_left_out_comes_in_when_the_setting_says_so(
    folder: Path, catalogue: Catalogue
) -> None:
    os.utime(draw(folder / "a.jpg"), (0, 0))
    scan(folder, catalogue)

    assert scan_later(folder, catalogue, NOW).changed == 1
    assert catalogue.time_range() == (FIRST_SEEN, FIRST_SEEN)


@given(st.datetimes())
def test_every_exif_date_is_read_to_the_second(moment: datetime) -> None:
    text = f"{moment.year:04}:{moment:%m:%d %H:%M:%S}"

    assert read_exif_date(text) == moment.replace(microsecond=0, tzinfo=UTC)


@given(st.text(max_size=25), st.none() | st.text(max_size=8))
def test_any_text_is_a_date_or_none(date: str, offset: str | None) -> None:
    found = read_exif_date(date, offset)

    assert found is None or found.tzinfo is UTC


def _execute(catalogue: Catalogue, statement: str) -> None:
    engine = sa.create_engine(catalogue.shown_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()
