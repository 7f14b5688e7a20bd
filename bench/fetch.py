"""Fetching photos from S3 into the image cache, against a bare loop over the same server.

The bare loop asks obstore for each photo from as many threads and keeps nothing. What the
fetch does more is the SHA-256 of every photo, a file in the cache, and the report. Two servers:
moto's, which is a whole S3 and about as fast as a distant one; and a few lines that answer
every GET from memory, where nothing is waited for and each microsecond of the fetch shows.
Photos are random bytes of a phone's upload size. Both ways go in turns within one run, and the
ratio is that of the medians.
"""

import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import obstore

from bench.rows import BenchRow
from photosearch.catalogue.listing import Photo
from photosearch.images.cache import ImageCache
from photosearch.images.fetch import fetch_photos
from photosearch.images.store import ImageStore
from photosearch.object_store import open_object_store
from photosearch.settings.settings import Settings

PHOTOS = 400
PHOTO_BYTES = 120_000
ROUNDS = 7
_SERVER = Path(__file__).with_name("s3_from_memory.py")


def measure() -> list[BenchRow]:
    """Photos a second of both ways, and their ratio, on both servers."""
    rows: list[BenchRow] = []
    for name, server, aim in (("moto", _moto, "≥ 0.9"), ("memory", _memory, None)):
        with tempfile.TemporaryDirectory(prefix="bench-fetch-") as scratch, server() as url:
            settings = Settings(
                base_dir=Path(scratch),
                photos_url="s3://photos",
                s3_endpoint=url,
                s3_region="us-east-1",
                anonymous_stores=name == "memory",
            )
            rows += _compare(name, settings, Path(scratch), aim)
    return rows


def _compare(server: str, settings: Settings, scratch: Path, aim: str | None) -> list[BenchRow]:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    photos = [Photo(name, name, name, at) for name in (f"{n}.jpg" for n in range(PHOTOS))]
    fetched: list[float] = []
    bare: list[float] = []
    cached: list[float] = []
    for turn in range(ROUNDS + 1):
        with tempfile.TemporaryDirectory(dir=scratch) as empty:
            cache = ImageCache(Path(empty))
            first = _fetch(photos, settings, cache)
            again = _fetch(photos, settings, cache)
        loop = _bare_loop(photos, settings)
        if turn:  # the first warms up
            fetched.append(PHOTOS / first)
            cached.append(PHOTOS / again)
            bare.append(PHOTOS / loop)
    how = (
        f"{PHOTOS} photos of {PHOTO_BYTES // 1000} kB, {settings.fetch_concurrency} at once, "
        f"median of {ROUNDS} rounds in turns"
    )
    ratio = statistics.median(fetched) / statistics.median(bare)
    rows = [
        BenchRow(f"fetch from S3 ({server})", statistics.median(fetched), "photos/s", None, how),
        BenchRow(f"a bare obstore loop ({server})", statistics.median(bare), "photos/s", None, how),
        BenchRow(f"fetch from S3 over the bare loop ({server})", ratio, "", aim, how),
    ]
    if aim is not None:
        again_how = "the same photos again, which asks the store for nothing"
        rows.append(
            BenchRow(
                "fetch of what is cached", statistics.median(cached), "photos/s", None, again_how
            )
        )
    return rows


def _fetch(photos: list[Photo], settings: Settings, cache: ImageCache) -> float:
    start = time.perf_counter()
    report = fetch_photos(photos, ImageStore.of(settings), cache, settings=settings)
    seconds = time.perf_counter() - start
    assert len(report.fetched) == PHOTOS, report.failed[:1]
    return seconds


def _bare_loop(photos: list[Photo], settings: Settings) -> float:
    store = open_object_store(settings.image_store_url, settings, retries=0)

    def read(photo: Photo) -> int:
        return len(obstore.get(store, photo.path).bytes())

    start = time.perf_counter()
    with ThreadPoolExecutor(settings.fetch_concurrency) as pool:
        sizes = list(pool.map(read, photos))
    seconds = time.perf_counter() - start
    assert set(sizes) == {PHOTO_BYTES}
    return seconds


@contextmanager
def _memory() -> Iterator[str]:
    """The URL of a server of its own process, so that it does not share our interpreter."""
    command = [sys.executable, str(_SERVER), str(PHOTO_BYTES), secrets.token_hex(4)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        process.kill()


@contextmanager
def _moto() -> Iterator[str]:
    """moto's server with the photos in it."""
    from tests.stores.buckets import s3_server

    environment = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench"}
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        with s3_server() as server:
            bucket = server.bucket("photos")
            url = f"http://127.0.0.1:{server.port}"  # without the tests' front
            settings = Settings(s3_endpoint=url, s3_region="us-east-1")
            store = open_object_store(bucket.url, settings)
            for number in range(PHOTOS):
                store.put(f"{number}.jpg", secrets.token_bytes(PHOTO_BYTES))
            yield url
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
