"""A photo of a folder that is replaced in place: its hour is made again, and no other is read."""

import os
from datetime import timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from index_grpc.index.index_files import EmbeddingsFolder
from photosearch.catalogue.catalogue import Catalogue
from photosearch.catalogue.listing import Listing, Photo
from photosearch.init.folder_scan import scan_folder
from photosearch.repository.addresses import Kind
from photosearch.windows import Window
from photosearch_assets.steps import build_embedder, embed_photos, fetch_images
from photosearch_assets.steps.context import StepContext
from tests.assets.conftest import START, Shop, hours
from tests.images.photo_server import photo_server

NOW = START + timedelta(days=1)


def photograph(file: Path, colour: str, hour: int) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif.get_ifd(0x8769)[0x9003] = (START + timedelta(hours=hour)).strftime("%Y:%m:%d %H:%M:%S")
    picture = Image.new("RGB", (64, 64), colour)
    picture.paste("white", (0, 0, 20 + len(colour) * 4, 30))
    picture.save(file, exif=exif)


def scan(shop: Shop) -> None:
    with Catalogue.open(shop.settings) as catalogue:
        scan_folder(shop.root / "photos", catalogue, now=NOW)


def make(shop: Shop, windows: list[Window]) -> None:
    with StepContext(shop.settings) as context:
        for step in (fetch_images, embed_photos):
            assert all(result.done for result in step.run(windows, context))


def due(shop: Shop, windows: list[Window]) -> list[Window]:
    with StepContext(shop.settings) as context:
        return fetch_images.due(windows, context)


def vector(shop: Shop, window: Window) -> NDArray[np.float32]:
    with StepContext(shop.settings) as context:
        shelf = context.shelf(Kind.EMBEDDINGS)
        folder = shelf.folder(shelf.require(window, ""))
        vectors: NDArray[np.float32] = EmbeddingsFolder.open(folder).read_vectors()
    (only,) = vectors
    return np.asarray(only, np.float32)


def test_a_photo_replaced_in_place_makes_its_hour_and_its_vector_anew(shop: Shop) -> None:
    both = hours(0, 2)
    replaced = shop.root / "photos" / "replaced.jpg"
    photograph(replaced, "red", 0)
    photograph(shop.root / "photos" / "same.jpg", "blue", 1)
    scan(shop)
    with StepContext(shop.settings) as context:
        list(build_embedder.run([], context))
    make(shop, both)
    before = vector(shop, both[0])
    scan(shop)
    assert due(shop, both) == []

    photograph(replaced, "darkolivegreen", 0)
    os.utime(replaced, (NOW.timestamp(),) * 2)
    assert due(shop, both) == []  # nothing but a scan looks at the files
    scan(shop)

    assert due(shop, both) == both[:1]
    make(shop, both[:1])
    assert float(vector(shop, both[0]) @ before) < 0.99
    assert due(shop, both) == []


def test_a_copy_is_downloaded_again_when_the_catalogue_says_that_its_photo_is_another(
    shop: Shop,
) -> None:
    window = hours(0, 1)
    listing = Listing("lamp", None, None, None, "live", START, ("a", "b"))

    def list_photos(version: str) -> None:
        photos = [
            Photo("a", "lamp", "a.jpg", START, version),
            Photo("b", "lamp", "b.jpg", START, "1"),
        ]
        with Catalogue.open(shop.settings) as catalogue:
            catalogue.create_tables()
            catalogue.write([listing], photos)

    with photo_server() as server:
        shop.configure(photos_url=server.url)
        server.photos = {"a.jpg": b"first", "b.jpg": b"other"}
        list_photos("1")
        with StepContext(shop.settings) as context:
            (first,) = fetch_images.run(window, context)

        server.photos["a.jpg"] = b"second"
        list_photos("2")
        with StepContext(shop.settings) as context:
            (second,) = fetch_images.run(window, context)
            copy = context.image_cache.read("a.jpg")

    assert (first.rows, second.rows) == (2, 2)
    assert copy == b"second"
    assert server.requests == {"a.jpg": 2, "b.jpg": 1}
    assert second.digest != first.digest
