"""Listings, samples and sizes, the same on every database."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from photosearch.catalogue.catalogue import Catalogue
from photosearch.catalogue.listing import CatalogueSize, Listing, Misplaced, Photo
from photosearch.settings.settings import Settings
from photosearch.windows import HOUR
from tests.catalogue.lamps import HOUR_14, TWO, lamp, put


def test_a_listing_comes_back_with_its_photos_in_the_sellers_order(catalogue: Catalogue) -> None:
    listing, photos = lamp("lamp", TWO, photos=3)
    listing = replace(listing, photo_ids=("lamp-2", "lamp-0", "lamp-1"), price=None, title=None)
    catalogue.write([listing], photos)

    assert catalogue.listings(["lamp", "no such lamp"]) == {"lamp": listing}


def test_ten_thousands_of_ids_are_looked_up_at_once(catalogue: Catalogue) -> None:
    put(catalogue, *(lamp(f"lamp {n}", TWO) for n in range(3)))

    found = catalogue.listings([f"lamp {n}" for n in range(70_000)])

    assert sorted(found) == ["lamp 0", "lamp 1", "lamp 2"]


@pytest.mark.parametrize("odd", ["", "\udcff\udcfe.jpg", "a\0b", "'; drop table listings;--", "%_"])
def test_an_id_that_no_database_can_hold_is_as_unknown_as_any_other(
    catalogue: Catalogue, odd: str
) -> None:
    put(catalogue, lamp("lamp", TWO))

    assert catalogue.listings([odd]) == {}
    assert catalogue.listings([odd, "lamp"]).keys() == {"lamp"}
    assert catalogue.photo(odd) is None


def test_a_photo_is_found_by_its_id(catalogue: Catalogue) -> None:
    put(catalogue, lamp("lamp", TWO, photos=2))

    assert catalogue.photo("lamp-1") == Photo("lamp-1", "lamp", "lamp/lamp-1.jpg", TWO)
    assert catalogue.photo("lamp") is None


def test_photos_of_every_status_are_there(catalogue: Catalogue) -> None:
    listing, photos = lamp("lamp", TWO)
    catalogue.write([replace(listing, status="sold")], photos)

    assert catalogue.photos_in(HOUR_14) == photos
    assert catalogue.listings(["lamp"])["lamp"].status == "sold"


def test_lonely_listings_and_photos_are_counted_and_in_no_window(catalogue: Catalogue) -> None:
    put(catalogue, lamp("lamp", TWO, photos=2), lamp("unpictured", TWO, photos=0))
    catalogue.write([], [Photo("stray", "no such lamp", "stray.jpg", TWO)])

    assert catalogue.size() == CatalogueSize(
        listings=2, photos=2, listings_without_photos=1, photos_without_listing=1
    )
    assert catalogue.photo_count() == 2
    assert [photo.listing_id for photo in catalogue.photos_in(HOUR_14)] == ["lamp", "lamp"]
    assert catalogue.photo("stray") is None
    assert catalogue.listings(["unpictured"])["unpictured"].photo_ids == ()


def test_listings_outside_the_timeline_are_named_with_the_reason(catalogue: Catalogue) -> None:
    now = TWO + HOUR
    put(
        catalogue,
        lamp("too old", TWO - timedelta(days=1, microseconds=1)),
        lamp("just right", TWO - timedelta(days=1)),
        lamp("now", now),
        lamp("to come", now + timedelta(microseconds=1)),
    )

    found = catalogue.outside(TWO - timedelta(days=1), now)

    assert [(listing.listing_id, listing.reason.partition(";")[0]) for listing in found] == [
        ("to come", "it is from the future"),
        ("too old", "it is from before the timeline's start, 2026-11-21T14:00:00+00:00"),
    ]
    assert found[0] == Misplaced("to come", now + timedelta(microseconds=1), found[0].reason)


def test_the_time_range_is_from_the_oldest_listing_to_the_newest(catalogue: Catalogue) -> None:
    assert catalogue.time_range() is None

    put(catalogue, lamp("b", TWO), lamp("c", TWO + HOUR), lamp("a", TWO - HOUR, photos=0))

    assert catalogue.time_range() == (TWO - HOUR, TWO + HOUR)


def test_a_sample_is_spread_over_the_catalogue_and_begins_like_a_larger_one(
    catalogue: Catalogue,
) -> None:
    put(catalogue, *(lamp(f"{n:03}", TWO + timedelta(seconds=n)) for n in range(200)))

    sample = catalogue.sample_photos(40)

    assert sample == catalogue.sample_photos(100)[:40]
    halves = [int(photo.listing_id) // 100 for photo in sample]
    assert 10 < sum(halves) < 30
    # The same photos on every database and in every run.
    assert [photo.photo_id for photo in sample[:3]] == ["192-0", "142-0", "062-0"]


def test_a_sample_may_be_limited_to_what_was_listed_before_a_time(catalogue: Catalogue) -> None:
    put(catalogue, lamp("old", TWO - HOUR), lamp("new", TWO))

    found = catalogue.sample_photos(10, before=TWO)

    assert [photo.listing_id for photo in found] == ["old"]
    assert len(catalogue.sample_photos(10)) == 2


def test_writing_again_changes_what_is_there(catalogue: Catalogue) -> None:
    put(catalogue, lamp("lamp", TWO, photos=2))
    listing, _ = lamp("lamp", TWO + HOUR, photos=2)

    catalogue.write([replace(listing, title="Better lamp")], [])

    assert catalogue.photos_in(HOUR_14) == []
    assert catalogue.listings(["lamp"])["lamp"].title == "Better lamp"
    assert catalogue.size().photos == 2


def test_a_write_that_fails_leaves_nothing_behind(catalogue: Catalogue) -> None:
    listing, photos = lamp("lamp", TWO)
    broken = replace(photos[0], photo_id="other", path=None)  # type: ignore[arg-type]

    with pytest.raises(Exception, match="path"):
        catalogue.write([listing], [*photos, broken])

    assert catalogue.size().listings == 0


def test_times_are_written_as_utc_whatever_their_zone(catalogue: Catalogue) -> None:
    tokyo = datetime.fromisoformat("2026-11-22T23:30:00+09:00")
    put(catalogue, lamp("lamp", tokyo))

    assert [photo.listed_at for photo in catalogue.photos_in(HOUR_14)] == [
        datetime(2026, 11, 22, 14, 30, tzinfo=UTC)
    ]


def test_a_reader_sees_the_catalogue_before_or_after_a_write(settings: Settings) -> None:
    with Catalogue.open(settings) as writer, Catalogue.open(settings) as reader:
        put(writer, lamp("lamp", TWO))
        seen = []

        def listings() -> Iterator[Listing]:
            for n in range(1500):  # more than one statement
                if n == 1200:
                    seen.append(reader.size().listings)
                yield lamp(f"lamp {n}", TWO)[0]

        writer.write(listings(), [])

        assert [*seen, reader.size().listings] == [1, 1501]


def test_the_default_catalogue_is_a_file_in_the_state_folder(tmp_path: Path) -> None:
    with Catalogue.open(Settings(base_dir=tmp_path)) as catalogue:
        put(catalogue, lamp("lamp", TWO))

    assert (tmp_path / ".photosearch" / "catalogue.db").is_file()
