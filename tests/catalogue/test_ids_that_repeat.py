"""Nothing believes that an id is unique because it is called one."""

import re
from pathlib import Path

import pytest

from photosearch.catalogue.catalogue import Catalogue, CatalogueError
from photosearch.catalogue.listing import CatalogueSize, catalogue_digest
from photosearch.repository.erasures import Receipt, digest_of, write_receipt
from photosearch.repository.storage.opening import open_storage
from photosearch.settings.settings import Settings
from tests.catalogue.lamps import HOUR_14, TWO
from tests.catalogue.shops import Run

LISTINGS = """
CREATE TABLE listings (id INTEGER{key}, title TEXT, price INTEGER, category TEXT, status TEXT,
  listed_at TIMESTAMP);
INSERT INTO listings VALUES (1, 'Lamp', 1, 'c', 'live', '2026-11-22 14:05:00'),
  (2, 'Hat', 1, 'c', 'live', '2026-11-22 14:06:00')
"""
WITHIN_LISTINGS = """;
CREATE TABLE photos (id INTEGER, listing_id INTEGER, path TEXT, PRIMARY KEY (listing_id, id));
INSERT INTO photos VALUES (1, 1, 'a.jpg'), (2, 1, 'b.jpg'), (1, 2, 'c.jpg'), (3, 2, 'd.jpg')
"""
SHARED = """;
CREATE TABLE photos (id INTEGER, listing_id INTEGER, path TEXT);
INSERT INTO photos VALUES (1, 1, 'a.jpg'), (1, 2, 'a.jpg'), (1, 2, 'a.jpg'), (2, 2, 'b.jpg'),
  (9, 9, 'stray.jpg')
"""
UNIQUE = LISTINGS.format(key=" PRIMARY KEY")


def test_photo_ids_that_count_within_a_listing_are_refused_with_a_view_that_works(
    settings: Settings, run: Run
) -> None:
    run(UNIQUE + WITHIN_LISTINGS)

    with Catalogue.open(settings) as catalogue, pytest.raises(CatalogueError) as caught:
        catalogue.require_distinct_ids()

    assert caught.value.what == "ids of photos repeat: 2 photos of 'photos' have 1 ids"
    assert caught.value.found == "such as '1', which leads to several files"
    view = re.search(r"\((CREATE VIEW .*)\) and set (.*)$", caught.value.remedy or "")
    assert view is not None
    run(view[1])
    names = dict(re.findall(r'(\w+) = "(\w+)"', view[2]))
    with Catalogue.open(settings.model_copy(update=names)) as catalogue:
        catalogue.require_distinct_ids()
        assert [(photo.photo_id, photo.path) for photo in catalogue.photos_in(HOUR_14)] == [
            *[("1-1", "a.jpg"), ("1-2", "b.jpg"), ("2-1", "c.jpg"), ("2-3", "d.jpg")]
        ]
        photo = catalogue.photo("2-1")
        assert photo is not None
        assert (photo.listing_id, photo.path) == ("2", "c.jpg")


def test_one_photo_of_several_listings_is_none_that_repeats(settings: Settings, run: Run) -> None:
    run(UNIQUE + SHARED)

    with Catalogue.open(settings) as catalogue:
        catalogue.require_distinct_ids()
        photos = catalogue.photos_in(HOUR_14)

        assert [(one.photo_id, one.listing_id) for one in photos] == [
            *[("1", "1"), ("1", "2"), ("2", "2")]
        ]
        digest = catalogue.hour_digests(HOUR_14.span)[HOUR_14]
        assert (digest.photos, digest.digest) == (3, catalogue_digest(photos))
        assert catalogue.listings(["2"])["2"].photo_ids == ("1", "2")
        assert catalogue.size() == CatalogueSize(2, 4, 0, 1)


def test_a_shared_photo_stays_when_one_of_its_listings_is_erased(
    settings: Settings, run: Run
) -> None:
    run(UNIQUE + SHARED)
    storage = open_storage(settings.repository_url, settings)
    write_receipt(storage, Receipt(listing=digest_of("1"), begun_at=TWO), None)

    with Catalogue.open(settings) as catalogue:
        photo = catalogue.photo("1")
        assert photo is not None
        assert (photo.listing_id, photo.path) == ("2", "a.jpg")
        assert catalogue.photo("1", "1") is None


def test_listing_ids_that_repeat_are_refused(settings: Settings, run: Run) -> None:
    run(LISTINGS.format(key="") + SHARED)
    run("INSERT INTO listings VALUES (2, 'Chapeau', 1, 'c', 'live', '2026-11-22 15:00:00')")

    with Catalogue.open(settings) as catalogue:
        assert catalogue.size() == CatalogueSize(3, 4, 0, 1)
        with pytest.raises(CatalogueError, match="ids of listings repeat: 2 rows") as caught:
            catalogue.require_distinct_ids()

    assert "listings_table to a view with one row of each listing" in str(caught.value)


@pytest.mark.parametrize(
    "promise",
    [
        *["id INTEGER PRIMARY KEY", "id INTEGER UNIQUE", "id INTEGER NOT NULL UNIQUE"],
        "id INTEGER, other INTEGER",
    ],
)
def test_what_the_schema_promises_is_not_counted(
    settings: Settings, run: Run, promise: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(UNIQUE)
    run(f"CREATE TABLE photos ({promise}, listing_id INTEGER, path TEXT)")
    if "other" in promise:
        run("CREATE UNIQUE INDEX u ON photos (id)")
    monkeypatch.delattr("photosearch.catalogue.repeated._photos_by_id")

    with Catalogue.open(settings) as catalogue:
        catalogue.require_distinct_ids()


def test_a_promise_about_some_rows_or_more_columns_is_none(settings: Settings, run: Run) -> None:
    run(UNIQUE + WITHIN_LISTINGS)
    run("CREATE UNIQUE INDEX a_few ON photos (id) WHERE id > 2")

    with Catalogue.open(settings) as catalogue, pytest.raises(CatalogueError, match="repeat"):
        catalogue.require_distinct_ids()


def test_ids_of_rows_without_a_listing_may_repeat(
    tmp_path: Path, settings: Settings, run: Run
) -> None:
    run(UNIQUE + SHARED)
    run("INSERT INTO photos VALUES (9, 9, 'other.jpg'), (NULL, 1, 'x.jpg'), (NULL, 1, 'y.jpg')")

    with Catalogue.open(settings) as catalogue:
        catalogue.require_distinct_ids()
