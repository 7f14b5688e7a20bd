"""Fetching photos from a folder and from a server that has its troubles."""

import asyncio
import hashlib
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photosearch.catalogue.listing import Photo
from photosearch.images.cache import ImageCache
from photosearch.images.fetch import fetch_photos
from photosearch.images.photo_error import ImageStoreError, PhotoError
from photosearch.images.photo_path import require_relative
from photosearch.images.report import FetchReport
from photosearch.images.store import ImageStore
from photosearch.settings.settings import Settings
from tests.images.photo_server import PhotoServer, photo_server

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def photo(path: str) -> Photo:
    return Photo(path, path, path, NOON)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of photos with a secret beside it."""
    photos = tmp_path / "photos"
    (photos / "shoes").mkdir(parents=True)
    (photos / "a.jpg").write_bytes(b"a")
    (photos / "shoes" / "b c#1 ä%20[x]?.jpg").write_bytes(b"bb")
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    return photos


@pytest.fixture
def cache(tmp_path: Path) -> ImageCache:
    return ImageCache(tmp_path / "cache")


@pytest.fixture
def server() -> Iterator[PhotoServer]:
    with photo_server() as server:
        yield server


def fetch(
    url: str, cache: ImageCache, *paths: str, progress: list[int] | None = None, **options: object
) -> FetchReport:
    settings = Settings.model_validate(options)
    return fetch_photos(
        [photo(path) for path in paths],
        ImageStore.open(url),
        cache,
        settings=settings,
        on_progress=None if progress is None else progress.append,
    )


def test_photos_of_a_folder_are_read_where_they_lie(folder: Path, cache: ImageCache) -> None:
    report = fetch(folder.as_uri(), cache, "a.jpg", "shoes/b c#1 ä%20[x]?.jpg")

    assert [(p.sha256, p.bytes) for p in report.fetched.values()] == [
        (sha256(b"a"), 1),
        (sha256(b"bb"), 2),
    ]
    assert (report.failed, report.from_cache, report.downloaded_bytes) == ([], 0, 0)
    assert cache.path_of("a.jpg") == folder / "a.jpg"
    assert not (cache.folder / "photos").exists()


def test_another_process_finds_the_photos_of_the_folder(folder: Path, cache: ImageCache) -> None:
    settings = Settings(state_dir=cache.folder.parent, photos_url=folder.as_uri())

    assert ImageCache.of(settings).read("shoes/b c#1 ä%20[x]?.jpg") == b"bb"


UNSAFE = ("../secret.jpg", "shoes/../../secret.jpg", "/etc/passwd", "", "shoes//a.jpg", "./a", "\0")
OUTSIDE = ("link.jpg", "way_out/secret.jpg")
NO_PHOTO = ("nothing.jpg", "shoes", "pipe.jpg", "a.jpg/b.jpg", "broken.jpg", "x" * 300)


@pytest.mark.parametrize("path", [*UNSAFE, *OUTSIDE, *NO_PHOTO])
def test_a_path_that_leads_to_no_photo_fails_alone(
    folder: Path, cache: ImageCache, path: str
) -> None:
    (folder / "link.jpg").symlink_to("../secret.jpg")
    (folder / "way_out").symlink_to(folder.parent)
    (folder / "broken.jpg").symlink_to("nowhere.jpg")
    os.mkfifo(folder / "pipe.jpg")

    report = fetch(folder.as_uri(), cache, "a.jpg", path)

    assert list(report.fetched) == ["a.jpg"]
    assert [failure.photo_id for failure in report.failed] == [path]
    assert repr(path) in report.failed[0].reason
    assert cache.read(path) is None


def test_a_link_inside_the_folder_is_followed(folder: Path, cache: ImageCache) -> None:
    (folder / "again.jpg").symlink_to("shoes/../a.jpg")

    assert fetch(folder.as_uri(), cache, "again.jpg").fetched["again.jpg"].sha256 == sha256(b"a")


def test_a_folder_that_is_gone_ends_the_fetch(folder: Path, cache: ImageCache) -> None:
    store = ImageStore.open(folder.as_uri())
    shutil.rmtree(folder)

    with pytest.raises(ImageStoreError, match="is gone"):
        fetch_photos([photo("a.jpg")] * 20, store, cache, settings=Settings())


def test_a_file_that_is_too_large_is_refused_unread(folder: Path, cache: ImageCache) -> None:
    with (folder / "huge.jpg").open("wb") as file:
        file.truncate(1 << 40)  # sparse

    failed = fetch(folder.as_uri(), cache, "huge.jpg", max_photo_bytes=2_000_000).failed

    assert failed[0].reason == (
        "photo 'huge.jpg' is too large: found 1099511.6 MB, the limit is 2.0 MB; "
        "make it smaller, or raise max_photo_bytes"
    )


def test_progress_is_told_of_every_photo(folder: Path, cache: ImageCache) -> None:
    heard: list[int] = []

    fetch(folder.as_uri(), cache, "a.jpg", "missing.jpg", "a.jpg", progress=heard)

    assert heard == [1, 1, 1]


def test_no_photos_need_no_fetch(folder: Path, cache: ImageCache) -> None:
    assert fetch(folder.as_uri(), cache) == FetchReport()


def test_an_event_loop_and_a_thread_read_the_same(folder: Path) -> None:
    store = ImageStore.open(folder.as_uri())

    assert asyncio.run(store.get("a.jpg", 10)) == store.read("a.jpg") == b"a"
    with pytest.raises(PhotoError, match="no path inside"):
        asyncio.run(store.get("../secret.jpg", 10))
    with pytest.raises(PhotoError, match="too large"):
        asyncio.run(store.get("shoes/b c#1 ä%20[x]?.jpg", 1))


@pytest.mark.parametrize("url", ["file:///no/such/folder", "shop://photos", "s3://"])
def test_a_store_that_can_not_be_opened_is_named(url: str) -> None:
    with pytest.raises(ImageStoreError, match="can't be"):
        ImageStore.open(url)


# Photos behind a URL


def test_photos_behind_a_url_are_downloaded_once(server: PhotoServer, cache: ImageCache) -> None:
    server.photos = {"a.jpg": b"aaa", "b.jpg": b"bb"}

    first = fetch(server.url, cache, "a.jpg", "b.jpg")
    second = fetch(server.url, cache, "a.jpg", "b.jpg")

    assert first.fetched == second.fetched
    assert (first.from_cache, first.downloaded_bytes) == (0, 5)
    assert (second.from_cache, second.downloaded_bytes) == (2, 0)
    assert server.requests == {"a.jpg": 1, "b.jpg": 1}
    assert cache.read("a.jpg") == b"aaa"


def test_an_empty_copy_as_a_power_cut_leaves_it_comes_anew(
    server: PhotoServer, cache: ImageCache
) -> None:
    server.photos = {"a.jpg": b"aaa"}
    cache.put("a.jpg", b"")

    report = fetch(server.url, cache, "a.jpg")

    assert report.fetched["a.jpg"].sha256 == sha256(b"aaa")
    assert cache.read("a.jpg") == b"aaa"


def test_errors_that_pass_are_tried_again(server: PhotoServer, cache: ImageCache) -> None:
    server.photos = {"a.jpg": b"a", "b.jpg": b"b"}
    server.failures.update({"a.jpg": 2, "b.jpg": 99})

    report = fetch(server.url, cache, "a.jpg", "b.jpg", fetch_attempts=3)

    assert list(report.fetched) == ["a.jpg"]
    assert server.requests == {"a.jpg": 3, "b.jpg": 3}
    assert "photo 'b.jpg' could not be read" in report.failed[0].reason
    assert "503" in report.failed[0].reason


def test_a_missing_photo_is_not_asked_for_again(server: PhotoServer, cache: ImageCache) -> None:
    report = fetch(server.url, cache, "nothing.jpg")

    assert server.requests == {"nothing.jpg": 1}
    assert "photo 'nothing.jpg' is missing" in report.failed[0].reason


def test_a_server_that_is_not_there_fails_every_photo(cache: ImageCache) -> None:
    report = fetch("http://127.0.0.1:1/photos", cache, "a.jpg", "b.jpg", fetch_attempts=1)

    assert [failure.photo_id for failure in report.failed] == ["a.jpg", "b.jpg"]


def test_no_more_are_fetched_at_once_than_allowed(server: PhotoServer, cache: ImageCache) -> None:
    names = [f"{n}.jpg" for n in range(40)]
    server.photos = dict.fromkeys(names, b"x")

    report = fetch(server.url, cache, *names, fetch_concurrency=5)

    assert len(report.fetched) == 40
    assert 2 <= server.most_at_once <= 5


segments = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
paths = st.lists(segments | st.sampled_from(["..", ".", "", "a"]), max_size=5).map("/".join)


@given(paths)
def test_no_path_that_passes_leads_above_the_folder(path: str) -> None:
    try:
        require_relative(path)
    except PhotoError:
        return

    assert os.path.normpath(f"/photos/{path}") == f"/photos/{path}"


def test_photos_that_a_thread_takes_together_are_counted_each_on_its_own(
    folder: Path, cache: ImageCache
) -> None:
    paths = [f"{number:03}.jpg" for number in range(100)]
    for path in paths:
        (folder / path).write_bytes(path.encode())
    for gone in ("040.jpg", "041.jpg", "099.jpg"):
        (folder / gone).unlink()
    progress: list[int] = []

    report = fetch(str(folder), cache, *paths, progress=progress, fetch_concurrency=2)

    assert [one.photo_id for one in report.failed] == ["040.jpg", "041.jpg", "099.jpg"]
    assert {name: one.sha256 for name, one in report.fetched.items()} == {
        path: sha256(path.encode()) for path in paths if (folder / path).exists()
    }
    assert sum(progress) == 100
