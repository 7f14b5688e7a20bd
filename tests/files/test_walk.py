"""Folders in which others work are walked to the end."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from photosearch.files.walk import content_of, files_below


def test_a_folder_that_goes_meanwhile_ends_no_walk(tmp_path: Path) -> None:
    for name in ("a", "b/c", "b/d", "e"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "file").touch()

    walk = files_below(tmp_path)
    first = next(walk)
    others = {path for path in tmp_path.glob("*") if path not in first.parents}
    gone = min(others)
    for file in [*gone.rglob("file")]:
        file.unlink()
    for folder in [*sorted(gone.rglob("*"), reverse=True), gone]:
        folder.rmdir()

    left = {first, *walk}
    assert left == set(tmp_path.rglob("file"))
    assert not any(gone in path.parents for path in left)


def test_none_are_below_what_is_not_there(tmp_path: Path) -> None:
    assert [*files_below(tmp_path / "none")] == []
    (tmp_path / "file").touch()
    assert [*files_below(tmp_path / "file")] == []
    assert content_of(tmp_path / "none") == b""


def test_a_folder_that_can_not_be_read_is_no_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "closed").mkdir()
    real: Callable[..., object] = os.scandir

    def scandir(path: object) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)  # root, as which tests run, may read all
    with pytest.raises(PermissionError):
        [*files_below(tmp_path)]


def test_walks_end_beside_somebody_who_makes_and_removes(tmp_path: Path) -> None:
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            for number in range(20):
                (tmp_path / f"{number}" / "deep").mkdir(parents=True, exist_ok=True)
                (tmp_path / f"{number}" / "deep" / "file").write_bytes(b"x")
            for number in range(20):
                (tmp_path / f"{number}" / "deep" / "file").unlink()
                (tmp_path / f"{number}" / "deep").rmdir()
                (tmp_path / f"{number}").rmdir()

    churning = threading.Thread(target=churn)
    churning.start()
    try:
        for _ in range(300):
            for file in files_below(tmp_path):
                assert content_of(file) in (b"", b"x")
    finally:
        stop.set()
        churning.join()
