"""Every file of a folder is one of its photos, or counted by the reason why it is none."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from photosearch.catalogue.catalogue import Catalogue
from photosearch.init.folder_files import FolderFiles, find_photos
from photosearch.init.folder_scan import scan_folder
from photosearch.init.ignored_names import SYSTEM_FILES, SYSTEM_FOLDERS, IgnoredNames
from photosearch.settings.settings import Settings

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def draw(file: Path, form: str = "JPEG") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 10), "red").save(file, form)
    return file


def paths(found: FolderFiles) -> list[str]:
    return [photo.path for photo in found.photos]


@pytest.mark.parametrize("form", ["JPEG", "AVIF"])
@pytest.mark.parametrize(
    "name",
    [
        *("IMG_1", "a.pjpeg", "a.pjp", "a.apng", "a.hif", "a.heic", "a.jpg_large", "a.jpg!thumb"),
        *("a.jpg.1", "a.JPG~", "a.tga", "a.jpg-large", "a.jpg (2)", "a.", "a.photo", "a.txt"),
    ],
)
def test_a_photo_is_taken_whatever_it_is_called(tmp_path: Path, name: str, form: str) -> None:
    draw(tmp_path / name, form)

    found = find_photos(tmp_path)

    assert (paths(found), found.passed_over) == ([name], {})


def test_what_is_no_photo_is_counted_by_its_suffix(tmp_path: Path) -> None:
    for name in ("a.txt", "b.TXT", "c", "d.", "e.1", "f.jpg_large", "g.a-name-that-goes-on"):
        (tmp_path / name).write_text("no photo")
    (tmp_path / "empty").touch()

    found = find_photos(tmp_path)

    assert found.photos == []
    assert found.passed_over == {
        ".txt files, no photos by their bytes": 2,
        "files without a suffix, no photos by their bytes": 2,
        "files with other suffixes, no photos by their bytes": 4,
    }


def test_a_format_that_is_not_read_is_named_whatever_its_file_is_called(tmp_path: Path) -> None:
    for name in ("a.hif", "b", "c.jpg.1"):
        (tmp_path / name).write_bytes(HEIC)
    (tmp_path / "d.NEF").write_bytes(b"MM\0*\0\0\0\x08")
    (tmp_path / "e.tga").write_bytes(b"\0\0\x02" + bytes(20))

    assert find_photos(tmp_path).passed_over == {
        ".hif files, a format that is not read": 1,
        "files without a suffix, a format that is not read": 1,
        "files with other suffixes, a format that is not read": 1,
        ".nef files, a format that is not read": 1,
        ".tga files, a format that is not read": 1,
    }


def test_a_file_with_a_photos_suffix_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(9):
        (tmp_path / f"{number}.jpg").write_text("damaged")
    (tmp_path / "notes.txt").write_text("no photo")
    opened = []
    really = os.open

    def counted(path: str, *arguments: int) -> int:
        opened.append(os.path.basename(path))  # noqa: PTH119
        return really(path, *arguments)

    monkeypatch.setattr(os, "open", counted)
    found = find_photos(tmp_path)

    assert (len(found.photos), opened) == (9, ["notes.txt"])


def test_a_pipe_without_a_suffix_holds_no_scan_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    assert find_photos(tmp_path).passed_over == {"things that are no files": 1}


def test_a_file_that_can_not_be_read_is_told_and_keeps_its_listing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "photos"
    draw(folder / "a.jpg")
    draw(folder / "b")
    with Catalogue.open(Settings(base_dir=tmp_path)) as catalogue:
        scan_folder(folder, catalogue, now=NOW)
        really = os.open

        def fail(path: str, *arguments: int) -> int:
            if path == str(folder / "b"):
                raise OSError(5, "Input/output error")
            return really(path, *arguments)

        monkeypatch.setattr(os, "open", fail)
        found = scan_folder(folder, catalogue, now=NOW)

        assert found.passed_over == {"files that can't be read: Input/output error": 1}
        assert sorted(catalogue.listing_times()) == ["a.jpg", "b"]


# Names


CONTROLS = [*map(chr, range(1, 32)), *map(chr, range(127, 160)), "\u2028", "\u2029"]


@pytest.mark.parametrize("place", ["{}.jpg", "a{}b.jpg", "a.jpg{}", "in {} a folder/a.jpg"])
def test_a_name_with_a_control_character_is_passed_over_and_told(
    tmp_path: Path, place: str
) -> None:
    for character in CONTROLS:
        draw(tmp_path / place.format(character), "PNG")

    found = find_photos(tmp_path)

    assert (found.photos, found.passed_over) == (
        [],
        {"names with control characters": len(CONTROLS)},
    )


def test_a_name_that_is_no_utf_8_is_passed_over_and_told(tmp_path: Path) -> None:
    for name in (b"latin\xe4.jpg", b"\xff", b"half\xed\xa0\x80.png", b"in\xe9/a.jpg"):
        file = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
        draw(file, "PNG")

    assert find_photos(tmp_path).passed_over == {"names that are not UTF-8": 4}


def test_a_path_that_no_bucket_could_hold_is_passed_over_and_told(tmp_path: Path) -> None:
    names = ["ü" * 100] * 5 + ["x" * 12, "abc.jpg"]  # 1,005 and 20 bytes with their slashes
    draw(tmp_path / "/".join(names[:-1]) / "ab.jpg")
    draw(tmp_path / "/".join(names))

    found = find_photos(tmp_path)

    reason = "paths of more than 1,024 bytes, longer than a store's keys can be"
    assert (len(found.photos), found.passed_over) == (1, {reason: 1})


# Folders and files of systems


@pytest.mark.parametrize(
    "name", [*SYSTEM_FOLDERS, "@EADIR", "$Recycle.Bin", "system volume information"]
)
def test_a_systems_folder_is_not_entered(tmp_path: Path, name: str) -> None:
    draw(tmp_path / "a.jpg")
    draw(tmp_path / name / "deep" / "thumb.jpg")
    draw(tmp_path / "shoes" / name / "thumb.jpg")

    found = find_photos(tmp_path)

    known = next(folder for folder in SYSTEM_FOLDERS if folder.lower() == name.lower())
    assert paths(found) == ["a.jpg"]
    assert found.passed_over == {f"{known} folders, which a system makes: not entered": 2}


def test_a_systems_files_and_hidden_ones_are_counted(tmp_path: Path) -> None:
    for name in SYSTEM_FILES:
        (tmp_path / name).touch()
    for name in ("._a.jpg", ".DS_Store", ".@__thumb/a.jpg", ".Trashes/b.jpg"):
        draw(tmp_path / name, "PNG")

    assert find_photos(tmp_path).passed_over == {
        **{f"{name} files, which a system makes": 1 for name in SYSTEM_FILES},
        "hidden files, whose names begin with a dot": 2,
        "hidden folders, whose names begin with a dot: not entered": 2,
    }


def test_a_listing_of_a_systems_folder_goes_with_the_next_scan(tmp_path: Path) -> None:
    draw(tmp_path / "photos" / "a.jpg")
    draw(tmp_path / "photos" / "thumbs" / "a.jpg")
    with Catalogue.open(Settings(base_dir=tmp_path)) as catalogue:
        scan_folder(tmp_path / "photos", catalogue, now=NOW)

        found = scan_folder(tmp_path / "photos", catalogue, now=NOW, ignore=["thumbs"])

        assert (found.removed, sorted(catalogue.listing_times())) == (1, ["a.jpg"])


@pytest.mark.parametrize(
    ("pattern", "left_out"),
    [
        ("*_thumb.jpg", ["a_thumb.jpg", "drafts/b_THUMB.JPG"]),
        ("drafts", ["drafts/a.jpg", "drafts/b_THUMB.JPG", "shoes/Drafts"]),
        ("drafts/", ["drafts/a.jpg", "drafts/b_THUMB.JPG"]),
        ("/drafts", ["drafts/a.jpg", "drafts/b_THUMB.JPG"]),
        ("shoes/*", ["shoes/Drafts", "shoes/old/c.jpg"]),
        ("shoes/old/", ["shoes/old/c.jpg"]),
        ("shoes/o?d/[a-c].jpg", ["shoes/old/c.jpg"]),
        ("nothing of it", []),
    ],
)
def test_a_shop_leaves_out_what_its_patterns_say(
    tmp_path: Path, pattern: str, left_out: list[str]
) -> None:
    every = ["a.jpg", "a_thumb.jpg", "drafts/a.jpg", "drafts/b_THUMB.JPG", "shoes/Drafts"]
    every.append("shoes/old/c.jpg")
    for name in every:
        draw(tmp_path / name)

    found = find_photos(tmp_path, [pattern])

    assert sorted(set(every) - set(paths(found))) == sorted(left_out)
    assert all(f"photos_ignore leaves out ({pattern})" in reason for reason in found.passed_over)
    assert bool(found.passed_over) == bool(left_out)


@given(st.text(max_size=12), st.text(min_size=1, max_size=12))
def test_any_pattern_can_be_asked_about_any_name(pattern: str, name: str) -> None:
    ignored = IgnoredNames([pattern])

    for why in (ignored.why_file(name, name), ignored.why_folder(name, name)):
        assert why is None or isinstance(why, str)


# All of it


_NAMES = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=20
).filter(lambda name: name not in (".", ".."))
_CONTENTS = st.sampled_from([b"", b"no photo", HEIC, b"\xff\xd8\xff\xe0", b"GIF89a", b"<svg>"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.dictionaries(_NAMES | _NAMES.map("{}.jpg".format), _CONTENTS, max_size=8))
def test_photos_and_what_is_passed_over_are_together_all_files(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]
) -> None:
    folder = tmp_path_factory.mktemp("photos")
    for name, content in files.items():
        (folder / name).write_bytes(content)

    found = find_photos(folder)

    assert len(found.photos) + sum(found.passed_over.values()) == len(files)
