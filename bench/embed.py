"""Fetching, decoding and embedding photos from a folder, against the network alone.

Both run the same embedder with one thread; the whole way may decode on the other core, as the
batch step does. Runs alternate in one process and medians are compared, because machines are
noisy. The photos are JPEGs of 800 x 600, drawn.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.rows import BenchRow
from photosearch.catalogue.listing import Photo
from photosearch.embedder.batch import embed_photos
from photosearch.embedder.build import build_embedder
from photosearch.embedder.calibration import draw_calibration_picture
from photosearch.embedder.embedder import Embedder, open_embedder
from photosearch.images.cache import ImageCache
from photosearch.images.decoding.decoder import Decoder
from photosearch.images.fetch import fetch_photos
from photosearch.images.store import ImageStore
from photosearch.settings.settings import Settings

PHOTOS = 160
ROUNDS = 7


def measure() -> list[BenchRow]:
    """Photos a second of both ways, and their ratio."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        settings = Settings(
            base_dir=folder, photos_url=str(folder / "photos"), embedder_precision="int8"
        )
        photos = _write_photos(folder / "photos")
        built = build_embedder(settings, [], 0, folder / "work")
        embedder = open_embedder(built.folder, threads=1)
        prepared = [embedder.prepare(draw_calibration_picture(seed)) for seed in range(8)]
        whole_way: list[float] = []
        network: list[float] = []
        for turn in range(ROUNDS + 1):
            with tempfile.TemporaryDirectory() as empty:
                first = _seconds(lambda: _whole_way(photos, embedder, settings, Path(empty)))
            second = _seconds(lambda: _forward_only(prepared, embedder))
            if turn:  # the first warms up
                whole_way.append(PHOTOS / first)
                network.append(PHOTOS / second)
    ratio = statistics.median(a / b for a, b in zip(whole_way, network, strict=True))
    how = f"{PHOTOS} JPEGs of 800 x 600, int8, one thread, median of {ROUNDS} rounds in turns"
    return [
        BenchRow("fetch + decode + embed", statistics.median(whole_way), "photos/s", None, how),
        BenchRow("the network alone", statistics.median(network), "photos/s", None, how),
        BenchRow("fetch + decode + embed over the network alone", ratio, "", "≥ 0.9", how),
    ]


def _whole_way(photos: list[Photo], embedder: Embedder, settings: Settings, empty: Path) -> None:
    store, cache = ImageStore.of(settings), ImageCache(empty)
    fetch_photos(photos, store, cache, settings=settings)

    with Decoder(settings) as decoder:

        def decoding(photo: Photo) -> Callable[[], NDArray[np.uint8]]:
            return lambda: decoder.decode(
                cache.read(photo.path) or b"", side=embedder.input_side, name=photo.path
            )

        embedded = embed_photos([(photo.photo_id, decoding(photo)) for photo in photos], embedder)
    assert len(embedded.vectors) == PHOTOS


def _forward_only(prepared: list[NDArray[np.float32]], embedder: Embedder) -> None:
    for number in range(PHOTOS):
        embedder.embed_prepared([prepared[number % len(prepared)]], ["photo"])


def _write_photos(folder: Path) -> list[Photo]:
    folder.mkdir()
    photos = []
    for number in range(PHOTOS):
        picture = Image.fromarray(draw_calibration_picture(number % 16)).resize((800, 600))
        name = f"{number}.jpg"
        picture.save(folder / name, quality=88)
        photos.append(Photo(name, name, name, datetime(2026, 1, 1, tzinfo=UTC)))
    return photos


def _seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
