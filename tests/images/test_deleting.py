"""Deleting photos from a folder: which bytes go, which names stay, and what is said of it."""

import os
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from photosearch.images.deletion import Deletion, Fate, delete_photos
from photosearch.images.store import ImageStore

BYTES = b"the photo's own bytes"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / ".objects").mkdir(parents=True)
    (folder / "shoes").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/key.jpg").write_bytes(BYTES)
    (folder / ".objects/key").write_bytes(BYTES)
    (folder / "other.jpg").write_bytes(b"another photo")
    return folder


def delete(folder: Path, *paths: str, others: Iterable[str] = ()) -> list[Deletion]:
    return delete_photos(ImageStore.open(str(folder)), paths, others)


def left(folder: Path) -> set[str]:
    """Every name that is there, links to nothing too."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir()
    }


def test_a_plain_photo_goes(folder: Path) -> None:
    [one] = delete(folder, "other.jpg", others=["shoes/x.jpg", "../..", "", "\0"])

    assert one == Deletion("other.jpg", Fate.DELETED)
    assert left(folder) == {".objects/key"}


@pytest.mark.parametrize("hops", [1, 2, 3])
def test_the_file_that_links_lead_to_goes_with_them(folder: Path, hops: int) -> None:
    target = "../.objects/key"
    for hop in range(hops):
        (folder / f"shoes/{hop}.jpg").symlink_to(target)
        target = f"{hop}.jpg"

    [one] = delete(folder, f"shoes/{hops - 1}.jpg")

    assert one.fate is Fate.DELETED
    assert left(folder) == {"other.jpg"}


def test_a_file_in_a_linked_folder_goes_and_the_link_to_the_folder_stays(folder: Path) -> None:
    (folder / "linked").symlink_to(".objects")

    [one] = delete(folder, "linked/key")

    assert one.fate is Fate.DELETED
    assert left(folder) == {"other.jpg", "linked"}


def test_of_a_link_out_of_the_folder_the_link_goes_and_the_photos_place_is_told(
    folder: Path, tmp_path: Path
) -> None:
    (folder / "a.jpg").symlink_to(tmp_path / "outside/key.jpg")
    (folder / "b.jpg").symlink_to("a.jpg")
    (folder / "away").symlink_to(tmp_path / "outside")

    first, second = delete(folder, "b.jpg", "away/key.jpg")

    assert second.fate is Fate.UNLINKED
    assert str(tmp_path / "outside/key.jpg") in second.told[0]
    assert first.fate is Fate.LEFT  # its name itself lies outside
    assert str(tmp_path / "outside/key.jpg") in first.told[0]
    assert (tmp_path / "outside/key.jpg").read_bytes() == BYTES
    assert not (folder / "a.jpg").is_symlink()


def test_a_file_that_is_another_listings_photo_too_stays_for_it(folder: Path) -> None:
    """As of a store that keeps equal photos once."""
    for name in ("s1.jpg", "s2.jpg"):
        (folder / "shoes" / name).symlink_to("../.objects/key")

    [one] = delete(folder, "shoes/s1.jpg", others=["other.jpg", "shoes/s2.jpg"])

    assert one.fate is Fate.UNLINKED
    assert "is a photo of another listing" in one.told[0]
    assert one.told[0].endswith(": .objects/key")
    assert left(folder) == {"other.jpg", "shoes/s2.jpg", ".objects/key"}
    assert (folder / "shoes/s2.jpg").read_bytes() == BYTES


def test_a_file_that_anothers_link_leads_to_stays(folder: Path) -> None:
    (folder / "a.jpg").write_bytes(BYTES)
    (folder / "b.jpg").symlink_to("a.jpg")
    (folder / "c.jpg").symlink_to("b.jpg")

    found = delete(folder, "a.jpg", "b.jpg", others=["c.jpg"])

    assert [one.fate for one in found] == [Fate.LEFT, Fate.LEFT]
    assert (folder / "c.jpg").read_bytes() == BYTES


def test_a_path_that_two_listings_share_stays(folder: Path) -> None:
    [one] = delete(folder, "other.jpg", others=["other.jpg"])

    assert one.fate is Fate.LEFT
    assert left(folder) == {"other.jpg", ".objects/key"}


def test_of_a_hard_link_that_another_listing_has_the_own_name_goes(folder: Path) -> None:
    os.link(folder / "other.jpg", folder / "twin.jpg")

    [one] = delete(folder, "other.jpg", others=["twin.jpg"])

    assert one.fate is Fate.UNLINKED
    assert left(folder) == {"twin.jpg", ".objects/key"}


def test_hard_links_are_told_inside_and_outside(folder: Path, tmp_path: Path) -> None:
    os.link(folder / "other.jpg", folder / ".objects/kept")
    os.link(folder / "other.jpg", tmp_path / "outside/kept")

    [one] = delete(folder, "other.jpg")

    assert one.fate is Fate.UNLINKED
    assert one.told[0].endswith(": .objects/kept")
    assert "1 more names outside of the folder" in one.told[1]


def test_copies_and_links_to_nothing_are_told_and_stay(folder: Path) -> None:
    (folder / "copy.jpg").write_bytes(BYTES)
    (folder / "a.jpg").symlink_to(".objects/key")
    (folder / "b.jpg").symlink_to(".objects/key")

    [one] = delete(folder, "a.jpg")

    assert one.fate is Fate.DELETED
    assert "same bytes, and stay: copy.jpg" in one.told[0]
    assert "lead to nothing: b.jpg" in one.told[1]
    assert left(folder) == {"other.jpg", "copy.jpg", "b.jpg"}


def test_links_to_nothing_and_circles_go(folder: Path) -> None:
    (folder / "a.jpg").symlink_to("nothing")
    (folder / "b.jpg").symlink_to("c.jpg")
    (folder / "c.jpg").symlink_to("b.jpg")

    found = delete(folder, "a.jpg", "b.jpg")

    assert [one.fate for one in found] == [Fate.UNLINKED, Fate.UNLINKED]
    assert all("a link to nothing" in one.told[0] for one in found)
    assert left(folder) == {"other.jpg", ".objects/key"}


@pytest.mark.parametrize(
    "name", ["del\x7fx.jpg", "tab\tx.jpg", "line\nx.jpg", "\x1b[2Jx.jpg", "a\\b.jpg", "\u202e.jpg"]
)
def test_whatever_name_a_file_has_it_goes(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"x")

    [one] = delete(folder, name)

    assert one.fate is Fate.DELETED
    assert not (folder / name).exists()


NEVER = ["../outside/key.jpg", "/etc/passwd", "", "a//b", "./a", "\0", "shoes", "x" * 300, "\ud800"]


@pytest.mark.parametrize("path", NEVER)
def test_what_is_no_photos_path_is_left_and_told(folder: Path, tmp_path: Path, path: str) -> None:
    before = left(tmp_path)

    [one] = delete(folder, path)

    assert one.fate is Fate.LEFT
    assert one.told
    assert left(tmp_path) == before


@pytest.mark.parametrize("path", ["gone.jpg", "gone/a.jpg", "other.jpg/a.jpg", "http://x/a.jpg"])
def test_what_is_not_there_is_told_as_missing(folder: Path, path: str) -> None:
    [one] = delete(folder, path)

    assert one.fate in (Fate.MISSING, Fate.LEFT)
    assert left(folder) == {"other.jpg", ".objects/key"}


def test_a_file_that_may_not_be_deleted_is_a_failure(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str) -> None:
        raise PermissionError(13, "Permission denied", name)

    monkeypatch.setattr(os, "unlink", refuse)
    [one] = delete(folder, "other.jpg")

    assert one.fate is Fate.FAILED
    assert "Permission denied" in one.told[0]


@settings(deadline=None)
@given(
    links=st.lists(
        st.tuples(st.sampled_from(["s", "h"]), st.integers(0, 9), st.integers(0, 9)), max_size=8
    ),
    gone=st.integers(0, 9),
    others=st.sets(st.integers(0, 9)),
)
def test_no_other_listing_ever_loses_its_photo(
    tmp_path_factory: pytest.TempPathFactory,
    links: list[tuple[str, int, int]],
    gone: int,
    others: set[int],
) -> None:
    """Whatever links there are between ten names, of which some are other listings' photos."""
    folder = tmp_path_factory.mktemp("linked")
    for number in (0, 1, 2):
        (folder / f"{number}").write_bytes(b"photo %d" % number)
    for kind, source, name in links:
        file, target = folder / f"{name}", folder / f"{source}"
        if file.exists() or file.is_symlink():
            continue
        if kind == "s":
            file.symlink_to(f"{source}")
        elif target.exists():
            os.link(target.resolve(), file)
    kept = {f"{number}" for number in others if number != gone and (folder / f"{number}").exists()}
    before = {name: (folder / name).read_bytes() for name in kept}
    bytes_before = (folder / f"{gone}").read_bytes() if (folder / f"{gone}").exists() else None

    [one] = delete_photos(ImageStore.open(str(folder)), [f"{gone}"], kept)

    assert {name: (folder / name).read_bytes() for name in kept} == before
    there = {path.read_bytes() for path in folder.iterdir() if path.exists()}
    if one.fate is Fate.DELETED:
        assert bytes_before not in there
    elif bytes_before in there:
        assert one.told
