"""Which photos a window has, the same on every database."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from photosearch.catalogue.catalogue import Catalogue
from photosearch.catalogue.listing import (
    CatalogueDigest,
    Listing,
    Photo,
    catalogue_digest,
)
from photosearch.settings.settings import Settings
from photosearch.windows import HOUR, Granularity, Span, Window
from tests.catalogue.lamps import HOUR_14, TWO, lamp, put


def test_a_window_holds_its_first_instant_and_not_its_last(catalogue: Catalogue) -> None:
    put(
        catalogue,
        lamp("before", TWO - timedelta(microseconds=1)),
        lamp("first", TWO),
        lamp("last", TWO + HOUR - timedelta(microseconds=1)),
        lamp("after", TWO + HOUR),
    )

    found = [photo.listing_id for photo in catalogue.photos_in(HOUR_14)]

    assert found == ["first", "last"]


def test_photos_come_by_time_and_then_by_the_code_points_of_their_id(
    catalogue: Catalogue,
) -> None:
    later = lamp("a", TWO + timedelta(minutes=5))
    together = [lamp(name, TWO) for name in ("b", "B", "ä", "a-b", "ab", "a b", "Z")]
    put(catalogue, later, *together)

    found = [photo.listing_id for photo in catalogue.photos_in(HOUR_14)]

    assert found == [*sorted(["b", "B", "ä", "a-b", "ab", "a b", "Z"]), "a"]


def test_photos_keep_their_path_and_time(catalogue: Catalogue) -> None:
    moment = datetime(2026, 11, 22, 14, 5, 6, 789, tzinfo=UTC)
    put(catalogue, lamp("lamp", moment, photos=2))

    assert catalogue.photos_in(HOUR_14) == [
        Photo("lamp-0", "lamp", "lamp/lamp-0.jpg", moment),
        Photo("lamp-1", "lamp", "lamp/lamp-1.jpg", moment),
    ]


def test_a_day_and_a_month_hold_the_photos_of_their_hours(catalogue: Catalogue) -> None:
    put(catalogue, lamp("morning", TWO - 8 * HOUR), lamp("yesterday", TWO - 20 * HOUR))

    day = catalogue.photos_in(Window.parse("daily/2026-11-22"))
    month = catalogue.photos_in(Window.parse("monthly/2026-11"))

    assert [photo.listing_id for photo in day] == ["morning"]
    assert [photo.listing_id for photo in month] == ["yesterday", "morning"]


def test_every_hours_digest_is_that_of_its_photos(catalogue: Catalogue) -> None:
    rng = random.Random(5)
    start = datetime(2026, 11, 20, tzinfo=UTC)
    times = [start + rng.random() * 72 * HOUR for _ in range(99)]
    put(catalogue, *(lamp(f"lamp {n}", moment, 1 + n % 2) for n, moment in enumerate(times)))

    digests = catalogue.hour_digests(Span(start, start + 72 * HOUR))

    expected = {}
    for hour in range(72):
        window = Window(Granularity.HOURLY, start + hour * HOUR)
        if photos := catalogue.photos_in(window):
            expected[window] = CatalogueDigest(len(photos), catalogue_digest(photos))
    assert digests == expected
    assert list(digests) == sorted(digests)


def test_an_hour_outside_the_span_has_no_digest(catalogue: Catalogue) -> None:
    put(catalogue, lamp("before", TWO - HOUR), lamp("inside", TWO), lamp("after", TWO + HOUR))

    assert list(catalogue.hour_digests(HOUR_14.span)) == [HOUR_14]


def test_an_hours_digest_changes_with_its_photos_only(catalogue: Catalogue) -> None:
    listing, photos = lamp("lamp", TWO, photos=2)
    put(catalogue, (listing, photos))
    digests = [catalogue.hour_digests(HOUR_14.span)[HOUR_14]]

    catalogue.write([replace(listing, status="sold", title="new", price=1.0)], [])
    digests.append(catalogue.hour_digests(HOUR_14.span)[HOUR_14])
    catalogue.write([], [Photo("lamp-0", "lamp", "elsewhere.jpg", TWO)])
    digests.append(catalogue.hour_digests(HOUR_14.span)[HOUR_14])
    put(catalogue, lamp("late", TWO))
    digests.append(catalogue.hour_digests(HOUR_14.span)[HOUR_14])
    catalogue.replace([], [], ["late"])
    digests.append(catalogue.hour_digests(HOUR_14.span)[HOUR_14])
    catalogue.write([], [Photo("lamp-0", "lamp", "elsewhere.jpg", TWO, "2")])
    digests.append(catalogue.hour_digests(HOUR_14.span)[HOUR_14])

    assert digests[0] == digests[1]
    assert digests[1] != digests[2]
    assert digests[2] != digests[3]
    assert digests[4] == digests[2]
    assert digests[5] not in digests[:5]
    assert digests[5].digest == catalogue_digest(catalogue.photos_in(HOUR_14))


def test_an_hour_that_loses_its_last_photo_loses_its_digest(catalogue: Catalogue) -> None:
    put(catalogue, lamp("lamp", TWO))

    catalogue.replace([], [], ["lamp"])

    assert catalogue.hour_digests(HOUR_14.span) == {}
    assert catalogue.photos_in(HOUR_14) == []


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=4)
ids = texts.filter(bool)
moments = st.timedeltas(-HOUR, 2 * HOUR).map(lambda past: TWO + past)
rows = st.lists(st.tuples(ids, texts, moments), max_size=12, unique_by=lambda row: row[0])


@settings(max_examples=25, deadline=None)
@given(rows)
def test_digests_and_photos_agree_whatever_the_rows(rows: list[tuple[str, str, datetime]]) -> None:
    with TemporaryDirectory() as folder, Catalogue.open(Settings(base_dir=Path(folder))) as shop:
        shop.write(
            [Listing(key, None, None, None, "live", moment, (key,)) for key, _, moment in rows],
            [Photo(key, key, path, moment) for key, path, moment in rows],
        )

        digests = shop.hour_digests(Span(TWO - HOUR, TWO + 2 * HOUR))

        hours = {window: shop.photos_in(window) for window in digests}
    for hour, photos in hours.items():
        assert digests[hour] == CatalogueDigest(len(photos), catalogue_digest(photos))
    inside = [moment for _, _, moment in rows if moment < TWO + 2 * HOUR]
    assert sum(digest.photos for digest in digests.values()) == len(inside)


photo_lists = st.lists(st.builds(Photo, texts, texts, texts, moments), unique=True, max_size=8)


@given(photo_lists, st.randoms())
def test_a_digest_does_not_depend_on_order_and_tells_rows_apart(
    photos: list[Photo], rng: random.Random
) -> None:
    shuffled = rng.sample(photos, len(photos))

    assert catalogue_digest(shuffled) == catalogue_digest(photos)
    if photos:
        assert catalogue_digest(photos[1:]) != catalogue_digest(photos)
