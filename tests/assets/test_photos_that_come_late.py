"""A photo that is uploaded after its listing: tried again by itself, ever more seldom."""

from datetime import timedelta

import pytest

from photosearch.repository.heads import Failing
from photosearch_assets.steps.context import StepContext
from tests.assets.by_hand import due, run_step
from tests.assets.conftest import Shop, hours

HOURS = hours(0, 1)
(HOUR,) = HOURS


@pytest.fixture
def shop_without(shop: Shop) -> Shop:
    """One hour is indexed, and one of its two photos is not there."""
    shop.list_hours(1)
    run_step(shop, "embedder")
    (shop.root / "photos" / "p1.png").rename(shop.root / "p1.png")
    make(shop)
    return shop


def make(shop: Shop) -> int:
    """Run the hour's steps; the rows of its index."""
    for name in ("images", "embeddings", "hourly_index"):
        [result] = run_step(shop, name, HOURS)
    return result.rows


def pass_time(shop: Shop, passed: timedelta) -> None:
    """Let the report be older."""
    with StepContext(shop.settings) as context:
        head = context.photo_reports.seen(HOUR)
        assert head is not None
        assert head.failing is not None
        since, tried_at = head.failing
        before = Failing(since - passed, tried_at - passed)
        context.photo_reports.point(HOUR, head.version, head, before)


def is_due(shop: Shop) -> bool:
    return HOUR in due(shop).images


def test_a_photo_that_came_late_is_found_without_anybody_asking(shop_without: Shop) -> None:
    (shop_without.root / "p1.png").rename(shop_without.root / "photos" / "p1.png")
    assert not is_due(shop_without)

    pass_time(shop_without, timedelta(minutes=61))
    assert is_due(shop_without)

    assert make(shop_without) == 2
    left = due(shop_without)
    assert HOUR not in {*left.images, *left.embeddings, *left.hours}


def test_a_photo_that_never_comes_is_tried_ever_more_seldom(shop_without: Shop) -> None:
    pauses = []
    for _ in range(4):
        waited = timedelta()
        while not is_due(shop_without):
            waited += timedelta(minutes=20)
            pass_time(shop_without, timedelta(minutes=20))
        pauses.append(waited)
        assert make(shop_without) == 1

    assert pauses[0] == timedelta(hours=1)
    assert all(pause >= sum(pauses[:number], timedelta()) for number, pause in enumerate(pauses))


def test_a_late_listing_begins_the_pauses_anew(shop_without: Shop) -> None:
    pass_time(shop_without, timedelta(days=9))
    make(shop_without)
    pass_time(shop_without, timedelta(minutes=61))
    assert not is_due(shop_without)

    shop_without.list_photo("p9.png", HOUR.start + timedelta(minutes=30))
    make(shop_without)
    pass_time(shop_without, timedelta(minutes=61))

    assert is_due(shop_without)
