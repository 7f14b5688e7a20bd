"""Ids that repeat are refused before anything is made of them, and lead to no other photo."""

import sqlite3
from contextlib import closing

import numpy as np
import pytest

from index_grpc.index.find_row import find_row
from index_grpc.index.index_files import EmbeddingsFolder
from photosearch.catalogue.catalogue import Catalogue, CatalogueError
from photosearch.repository.addresses import Address, Kind
from photosearch.windows import Window
from photosearch_assets.steps import build_embedder, embed_photos, fetch_images
from photosearch_assets.steps.context import StepContext
from tests.assets.conftest import START, Shop, draw, hours

Row = tuple[int, int, str]


def keep(shop: Shop, *photos: Row) -> None:
    """Write a shop's own database of (photo, listing, path); a listing's id is its hour."""
    for _, _, path in photos:
        draw(shop.root / "photos" / path, seed=sum(map(ord, path)))
    with closing(sqlite3.connect(shop.root / "shop.db")) as database:
        database.executescript(
            "CREATE TABLE listings (id INTEGER PRIMARY KEY, title, price, category, status,"
            " listed_at); CREATE TABLE photos (id INTEGER, listing_id INTEGER, path TEXT)"
        )
        for hour in {listing // 10 for _, listing, _ in photos}:
            at = START.replace(hour=hour, minute=5).isoformat()
            ids = sorted({listing for _, listing, _ in photos if listing // 10 == hour})
            database.executemany(
                "INSERT INTO listings (id, status, listed_at) VALUES (?, 'live', ?)",
                [(one, at) for one in ids],
            )
        database.executemany("INSERT INTO photos VALUES (?, ?, ?)", photos)
        database.commit()
    shop.configure(database_url="sqlite:///shop.db")


def make(shop: Shop, windows: list[Window]) -> None:
    with StepContext(shop.settings) as context:
        for step in (fetch_images, embed_photos):
            assert all(result.done for result in step.run(windows, context))


def vectors(shop: Shop, windows: list[Window]) -> dict[tuple[str, str], bytes]:
    """Every vector by its listing's and its photo's id."""
    found = {}
    with StepContext(shop.settings) as context:
        shelf = context.shelf(Kind.EMBEDDINGS)
        for window in windows:
            folder = EmbeddingsFolder.open(shelf.folder(shelf.require(window, "")))
            with folder.row_table() as rows:
                for row, vector in zip(rows, folder.read_vectors(), strict=True):
                    found[row.listing_id, row.photo_id] = np.asarray(vector).tobytes()
    return found


def test_the_images_step_refuses_ids_that_count_within_a_listing(shop: Shop) -> None:
    keep(shop, (1, 0, "a.png"), (2, 0, "b.png"), (1, 10, "c.png"))

    for hour in hours(0, 2):
        with (
            StepContext(shop.settings) as context,
            pytest.raises(CatalogueError, match="ids of photos repeat: 2 photos"),
        ):
            list(fetch_images.run([hour], context))

    assert not list(shop.settings.cache_dir.glob("reports/*/*"))


def test_a_photo_of_two_listings_is_found_as_each_of_them(shop: Shop) -> None:
    keep(shop, (1, 0, "a.png"), (1, 1, "a.png"), (2, 1, "b.png"), (3, 2, "a.png"))
    (hour,) = hours(0, 1)
    with StepContext(shop.settings) as context:
        list(build_embedder.run([], context))

    make(shop, [hour])

    found = vectors(shop, [hour])
    assert found.keys() == {("0", "1"), ("1", "1"), ("1", "2"), ("2", "3")}
    assert found["0", "1"] == found["1", "1"] == found["2", "3"] != found["1", "2"]
    with StepContext(shop.settings) as context, Catalogue.open(shop.settings) as catalogue:
        address = Address.embeddings(context.fingerprint, hour)
        current = context.repository.current(address)
        assert current is not None
        for photo in catalogue.photos_in(hour):
            row = find_row(context.repository, address, current.version, photo)
            assert row is not None
            assert (row.listing_id, row.photo_id) == (photo.listing_id, photo.photo_id)


def test_photos_of_one_id_keep_their_own_vectors_though_nobody_counted(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(shop, (1, 0, "a.png"), (1, 1, "b.png"), (1, 10, "c.png"), (1, 20, "gone.png"))
    (shop.root / "photos" / "gone.png").unlink()
    monkeypatch.setattr(Catalogue, "require_distinct_ids", lambda _self: None)
    three = hours(0, 3)
    with StepContext(shop.settings) as context:
        list(build_embedder.run([], context))

    make(shop, three)
    together = vectors(shop, three)
    shop.forget()
    with StepContext(shop.settings) as context:
        list(build_embedder.run([], context))
    for hour in three:
        make(shop, [hour])

    assert together.keys() == {("0", "1"), ("1", "1"), ("10", "1")}
    assert len({*together.values()}) == 3
    assert vectors(shop, three) == together
