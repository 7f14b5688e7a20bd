"""The plan of the shop: when things are listed, and that it follows from three numbers."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from photosearch.windows import HOUR, Granularity, Window
from photosearch_demo.draw.products import KINDS
from photosearch_demo.shop import plan_shop, timeline_start

NOW = datetime(2026, 11, 23, 17, 42, tzinfo=UTC)


def test_the_timeline_starts_two_closed_months_ago() -> None:
    assert timeline_start(NOW) == datetime(2026, 9, 1, tzinfo=UTC)
    assert timeline_start(datetime(2026, 1, 31, 23, tzinfo=UTC)) == datetime(
        2025, 11, 1, tzinfo=UTC
    )


def test_listings_lie_between_the_start_and_the_last_closed_hour() -> None:
    times = [entry.listed_at for entry in plan_shop(2000, NOW)]

    assert times == sorted(times)
    assert min(times) >= timeline_start(NOW)
    assert max(times) < NOW.replace(minute=0)
    assert max(times) > NOW - timedelta(days=1)


def test_shops_sleep_at_night_and_leave_hours_empty() -> None:
    plan = plan_shop(2000, NOW)
    hours = Counter(entry.listed_at.hour for entry in plan)
    filled = {Window.holding(Granularity.HOURLY, entry.listed_at) for entry in plan}
    all_hours = int((NOW - timeline_start(NOW)) / HOUR)

    assert hours[20] > 20 * max(1, hours[3] + hours[4])
    assert 0.2 * all_hours < len(filled) < 0.7 * all_hours


def test_the_shop_follows_from_number_seed_and_moment() -> None:
    assert plan_shop(300, NOW) == plan_shop(300, NOW)
    assert plan_shop(300, NOW) != plan_shop(300, NOW, seed=2)


def test_every_kind_is_offered_and_some_listings_have_two_photos() -> None:
    plan = plan_shop(2000, NOW)
    shots = sum(entry.shots for entry in plan)

    assert {entry.kind for entry in plan} == set(KINDS)
    assert len({entry.listing_id for entry in plan}) == 2000
    assert 2200 < shots < 2400


def test_listings_and_photos_name_one_another() -> None:
    entry = next(entry for entry in plan_shop(100, NOW) if entry.shots == 2)

    assert entry.listing.photo_ids == tuple(photo.photo_id for photo in entry.photos)
    assert {photo.listing_id for photo in entry.photos} == {entry.listing.listing_id}
    assert entry.listing.category == entry.kind.name
