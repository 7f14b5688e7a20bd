"""A rolled-back window under the pipeline: reconciler, materialise and steps leave it alone."""

from datetime import timedelta

import dagster as dg
import pytest

from photosearch.repository.addresses import Address
from photosearch.repository.manifest import Manifest
from photosearch.repository.readiness import ready_indexes
from photosearch.windows import Window
from photosearch_assets.errors import StepError
from photosearch_assets.materialize.materializer import Materializer
from photosearch_assets.planning.demands import demands_of
from photosearch_assets.steps.context import StepContext
from photosearch_assets.steps.registry import own_step
from photosearch_assets.steps.result import StepResult
from tests.assets.by_hand import TOMORROW, due, run_step
from tests.assets.conftest import START, Materialize, Shop, hours

DAY = Window.parse("daily/2026-01-01")
[HOUR] = hours(5, 1)


class Silent:
    def photos(self, count: int) -> None: ...

    def result(self, result: StepResult) -> None: ...


def make_all(shop: Shop) -> None:
    """What is due, by the steps alone: Dagster's share of a test's time is most of it."""
    run_step(shop, "embedder")
    run_step(shop, "quantiser")
    found = due(shop)
    for name in ("images", "embeddings"):
        run_step(shop, name, found.embeddings)
    run_step(shop, "quantiser")
    run_step(shop, "hourly_index", due(shop).hours)
    run_step(shop, "daily_index", due(shop).days)


def address(context: StepContext, window: Window) -> Address:
    return Address.index(context.fingerprint, window)


def current(shop: Shop, window: Window) -> Manifest:
    with StepContext(shop.settings) as context:
        manifest = context.repository.current(address(context, window))
    assert manifest is not None
    return manifest


def roll_back(shop: Shop, window: Window, manifest: Manifest) -> None:
    with StepContext(shop.settings) as context:
        context.repository.rollback(address(context, window), manifest.version)


def release(shop: Shop, window: Window) -> None:
    with StepContext(shop.settings) as context:
        context.repository.release(address(context, window))


def is_stale(shop: Shop, window: Window) -> bool:
    with StepContext(shop.settings) as context:
        return ready_indexes(context.repository, context.fingerprint)[window].stale


@pytest.fixture
def first(shop: Shop) -> dict[Window, Manifest]:
    """The first versions of an hour and its day; a late listing then made second ones."""
    shop.list_hours(8, photos=1)
    make_all(shop)
    found = {window: current(shop, window) for window in (HOUR, DAY)}
    shop.list_photo("p99.png", START + timedelta(hours=5, minutes=30))
    make_all(shop)
    assert {current(shop, window).rows - found[window].rows for window in (HOUR, DAY)} == {1}
    return found


def test_a_rolled_back_hour_stays_and_its_day_is_glued_from_it(
    shop: Shop, instance: dg.DagsterInstance, first: dict[Window, Manifest]
) -> None:
    roll_back(shop, HOUR, first[HOUR])

    found = due(shop)
    assert (found.images, found.embeddings, found.hours) == ([], [], [])
    assert found.days == [DAY]
    assert [demand.assets for demand in demands_of(found, set())] == [("daily_index",)]

    work = Materializer(shop.settings, instance, Silent(), now=TOMORROW)
    made, shipped = [stage.assets for stage in work.run()]
    assert (made, shipped) == (("daily_index",), ("serving_image", "index_service"))
    assert not work.summary.has_failed
    assert current(shop, HOUR) == first[HOUR]
    assert current(shop, DAY) == first[DAY]  # the same parts are the same version
    assert not is_stale(shop, DAY)
    assert due(shop).is_empty


def test_a_rolled_back_day_stays_and_answers_though_its_hours_go_on(
    shop: Shop, first: dict[Window, Manifest]
) -> None:
    roll_back(shop, DAY, first[DAY])
    assert due(shop).is_empty
    assert not is_stale(shop, DAY)

    shop.list_photo("p98.png", START + timedelta(hours=5, minutes=40))
    make_all(shop)

    assert current(shop, HOUR).rows == first[HOUR].rows + 2
    assert current(shop, DAY) == first[DAY]
    assert not is_stale(shop, DAY)
    assert due(shop).is_empty


def test_late_listings_are_embedded_but_wait_for_the_release_of_their_hour(
    shop: Shop, first: dict[Window, Manifest]
) -> None:
    roll_back(shop, HOUR, first[HOUR])
    shop.list_photo("p98.png", START + timedelta(hours=5, minutes=40))
    assert due(shop).hours == []
    assert due(shop).embeddings == [HOUR]

    make_all(shop)
    assert current(shop, HOUR) == first[HOUR]
    assert due(shop).is_empty

    release(shop, HOUR)
    assert due(shop).hours == [HOUR]
    assert due(shop).days == [DAY]
    make_all(shop)
    assert current(shop, HOUR).rows == first[HOUR].rows + 2
    assert current(shop, DAY).rows == first[DAY].rows + 2


def test_a_run_that_somebody_starts_for_pinned_windows_succeeds_and_changes_nothing(
    shop: Shop, materialize: Materialize, first: dict[Window, Manifest]
) -> None:
    roll_back(shop, HOUR, first[HOUR])
    roll_back(shop, DAY, first[DAY])

    assert materialize("images", "embeddings", "hourly_index", windows=[HOUR]).success
    assert materialize("daily_index", windows=[DAY]).success

    assert current(shop, HOUR) == first[HOUR]
    assert current(shop, DAY) == first[DAY]
    [told] = run_step(shop, "hourly_index", [HOUR])
    assert "--release" in str(told.note)
    assert not told.done


def test_a_rollback_during_a_run_wins_over_what_the_run_publishes(
    shop: Shop, first: dict[Window, Manifest]
) -> None:
    shop.list_photo("p98.png", START + timedelta(hours=5, minutes=40))
    for name in ("images", "embeddings"):
        run_step(shop, name, [HOUR])

    with StepContext(shop.settings) as context:
        results = own_step("hourly_index")([*hours(4, 1), HOUR], context)
        next(results)  # the listing of HEADs has been read
        roll_back(shop, HOUR, first[HOUR])
        list(results)

    assert current(shop, HOUR) == first[HOUR]
    with StepContext(shop.settings) as context:
        assert len(context.repository.versions(address(context, HOUR))) == 3


def test_a_day_over_an_hour_pinned_under_a_former_quantiser_waits_for_its_release(
    shop: Shop, first: dict[Window, Manifest]
) -> None:
    roll_back(shop, HOUR, first[HOUR])
    make_all(shop)
    shop.configure(quantiser_min_photos=100)
    for number in range(100, 200):
        shop.list_photo(f"p{number}.png", START + timedelta(hours=3, minutes=number % 60))

    make_all(shop)

    assert due(shop).is_empty
    assert current(shop, hours(3, 1)[0]).quantiser is not None
    assert current(shop, HOUR) == first[HOUR]
    assert is_stale(shop, DAY)  # so its hours answer
    with pytest.raises(StepError, match=f"{HOUR.key} --release"):
        run_step(shop, "daily_index", [DAY])

    release(shop, HOUR)
    make_all(shop)
    assert current(shop, DAY).quantiser is not None
    assert not is_stale(shop, DAY)
