"""The image cache: whole or not at all, kept for a while."""

import os
import resource
import shutil
import time
from pathlib import Path

import pytest

from photosearch.catalogue.listing import Photo
from photosearch.images.cache import ImageCache
from photosearch.images.fetch import fetch_photos
from photosearch.images.photo_error import ImageStoreError, PhotoError
from photosearch.images.store import ImageStore
from photosearch.settings.settings import Settings
from photosearch.windows import Window
from tests.repository.artifacts import end_of, in_process

HOUR = Window.parse("hourly/2026-11-22T14")


@pytest.fixture
def cache(tmp_path: Path) -> ImageCache:
    return ImageCache(tmp_path / "cache")


def test_a_photo_is_kept_and_replaced(cache: ImageCache) -> None:
    assert cache.read("a/b.jpg") is None
    assert cache.path_of("a/b.jpg") is None

    cache.put("a/b.jpg", b"first")
    cache.put("a/b.jpg", b"second")

    path = cache.path_of("a/b.jpg")
    assert path is not None
    assert path.read_bytes() == cache.read("a/b.jpg") == b"second"


def test_a_path_that_leads_out_is_refused(cache: ImageCache) -> None:
    with pytest.raises(PhotoError):
        cache.put("../a.jpg", b"")
    assert cache.read("/etc/passwd") is None


def test_a_failed_write_leaves_the_former_photo(
    cache: ImageCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.put("a.jpg", b"first")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(ImageStoreError, match="No space left on device; free space on that disk"):
        cache.put("a.jpg", b"second")

    assert cache.read("a.jpg") == b"first"
    assert len([path for path in cache.folder.rglob("*") if path.is_file()]) == 1


def test_a_full_disk_below_pins_and_counts_is_a_clear_error(cache: ImageCache) -> None:
    cache.put("a.jpg", b"photo")
    cache.sweep(keep_days=30)

    def without_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        with pytest.raises(ImageStoreError, match="File too large"), cache.keep(["a.jpg"]):
            raise AssertionError("nothing was pinned")
        with pytest.raises(ImageStoreError, match="File too large"):
            cache.sweep(keep_days=30, added=1)

    assert end_of(in_process(without_room)) == 0
    assert cache.read("a.jpg") == b"photo"


def test_a_copy_that_can_not_be_read_is_as_none(cache: ImageCache) -> None:
    cache.put("a.jpg", b"photo")
    path = cache.path_of("a.jpg")
    assert path is not None
    path.unlink()
    path.mkdir()

    assert cache.read("a.jpg") is None


def test_old_photos_are_swept_once_a_day(cache: ImageCache) -> None:
    for name in ("old.jpg", "new.jpg"):
        cache.put(name, b"x")
    month_ago = time.time() - 31 * 86_400
    path = cache.path_of("old.jpg")
    assert path is not None
    os.utime(path, (month_ago, month_ago))

    assert cache.sweep(keep_days=30) == 1
    assert cache.sweep(keep_days=0) == 0  # not twice a day

    assert cache.read("old.jpg") is None
    assert cache.read("new.jpg") == b"x"


def test_a_folder_of_photos_is_read_through_and_a_bucket_copied(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "a.jpg").write_bytes(b"near")
    near = ImageCache.of(Settings(base_dir=tmp_path, photos_url="photos"))
    far = ImageCache.of(Settings(base_dir=tmp_path, photos_url="s3://shop/photos"))
    unset = ImageCache.of(Settings(base_dir=tmp_path))

    far.put("a.jpg", b"copy")

    assert near.read("a.jpg") == b"near"
    assert far.read("a.jpg") == unset.read("a.jpg") == b"copy"


def test_a_moved_or_copied_cache_reads_the_photos_of_its_own_place(tmp_path: Path) -> None:
    """Nothing in it may lead back to where it was."""
    first = tmp_path / "first"
    (first / "photos").mkdir(parents=True)
    (first / "photos/a.jpg").write_bytes(b"first")
    settings = Settings(base_dir=first, photos_url="photos")
    store, cache = ImageStore.of(settings), ImageCache.of(settings)
    photo = Photo("a", "lamp", "a.jpg", HOUR.start)
    fetch_photos([photo], store, cache, settings=settings)
    shutil.copytree(first, tmp_path / "second")
    (tmp_path / "second/photos/a.jpg").write_bytes(b"second")

    copy = ImageCache.of(Settings(base_dir=tmp_path / "second", photos_url="photos"))

    assert copy.read("a.jpg") == b"second"
    assert cache.read("a.jpg") == b"first"
