"""Whoever follows the stages makes everything that can be made, and each window once."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from photosearch.windows import Granularity, Window
from photosearch_assets.planning.demands import demands_of
from photosearch_assets.planning.plan import DueWork
from photosearch_assets.planning.stages import EMBEDDER, QUANTISER, stages

FIRST = Window.parse("monthly/2026-01")
DAYS = FIRST.children()[:3]
HOURS = [hour for day in DAYS for hour in day.children()[:3]]
some_hours = st.sets(st.sampled_from(HOURS))


@dataclass
class Shop:
    """What is not made yet, and what fails whenever it is tried."""

    photos: set[Window]
    hours: set[Window]
    embedder: bool = False
    quantiser: bool = False
    broken: set[Window] = field(default_factory=set)
    days: set[Window] = field(default_factory=set)
    months: set[Window] = field(default_factory=set)
    made: Counter[tuple[str, Window | None]] = field(default_factory=Counter)

    def due(self) -> DueWork:
        hours = sorted(self.photos | self.hours)
        days = sorted(self.days | parents(hours))
        months = sorted(self.months | parents(days))
        photos = sorted(self.photos)
        return DueWork(self.embedder, photos, photos, self.quantiser, hours, days, months)

    def make(self, asset: str, window: Window | None) -> None:
        if asset == "images":
            return
        if window in self.broken:
            assert asset == "embeddings"  # what is made from it is not tried
            return
        waiting = {
            "embeddings": self.photos,
            "hourly_index": self.hours,
            "daily_index": self.days,
            "monthly_index": self.months,
        }
        if window is None:
            setattr(self, asset, False)
        elif window in waiting[asset]:  # what is bridged is up to date, and passed over
            waiting[asset].discard(window)
            if asset == "embeddings":
                self.hours.add(window)
            elif (parent := window.parent()) is not None:
                (self.days if window.granularity is Granularity.HOURLY else self.months).add(parent)
        else:
            return
        self.made[asset, window] += 1


def parents(windows: Iterable[Window]) -> set[Window]:
    return {parent for window in windows if (parent := window.parent()) is not None}


def shops() -> st.SearchStrategy[Shop]:
    return st.builds(Shop, some_hours, some_hours, st.booleans(), st.booleans(), some_hours)


def materialized(shop: Shop) -> None:
    """As ``materialize`` does: one stage after the other, looking again where one decides."""
    due, over = shop.due(), set[str]()
    while True:
        unmade = shop.due() if shop.broken & shop.photos and "photos to vectors" in over else None
        rest = stages(due, unmade or DueWork())
        stage = next((one for one in rest if one.name not in over), None)
        if stage is None:
            return
        for window in stage.windows or (None,):
            for asset in stage.assets:
                shop.make(asset, window)
        over.add(stage.name)
        if stage.decides:
            due = shop.due()


def ticked(shop: Shop) -> None:
    """As the reconciler does: all that is demanded, tick by tick, what failed after a pause."""
    resting: set[str] = set()
    for _ in range(24):
        demands = [one for one in demands_of(shop.due(), ()) if one.key not in resting]
        for demand in demands:
            if demand.alone and demand is not demands[0]:
                break
            for asset in demand.assets:
                broken = shop.broken.intersection(demand.windows)
                if asset == "hourly_index" and broken:
                    break  # a run stops where one of its steps fails
                for window in demand.windows or (None,):
                    shop.make(asset, window)
                if broken:
                    resting.add(demand.key)
            if demand.alone:
                break


@settings(deadline=None)
@given(shops())
def test_all_is_made_that_no_broken_photo_has_a_part_in(shop: Shop) -> None:
    broken = shop.broken & shop.photos
    shop.broken = broken
    wanted = {hour for hour in shop.photos | shop.hours if hour not in broken}

    materialized(shop)

    assert not shop.embedder
    assert not shop.quantiser
    assert shop.photos == broken
    assert {window for asset, window in shop.made if asset == "hourly_index"} >= wanted
    days = {day for asset, day in shop.made if asset == "daily_index"}
    assert days == parents(wanted) - parents(broken)
    assert all(count == 1 for count in shop.made.values())


@settings(deadline=None)
@given(shops())
def test_the_reconciler_makes_the_same_in_some_ticks(shop: Shop) -> None:
    shop.broken &= shop.photos
    by_hand = Shop({*shop.photos}, {*shop.hours}, shop.embedder, shop.quantiser, {*shop.broken})

    ticked(shop)
    materialized(by_hand)

    indexes = {key for key in shop.made if key[1] is not None}
    assert indexes == {key for key in by_hand.made if key[1] is not None}
    coarse = [key for key in indexes if key[0] in ("daily_index", "monthly_index")]
    assert all(shop.made[key] == 1 for key in coarse)


def test_everything_waits_for_the_embedder() -> None:
    due = Shop({*HOURS}, set(), embedder=True, quantiser=True).due()

    assert list(stages(due, due)) == [EMBEDDER]


def test_the_quantiser_comes_after_the_photos_and_before_every_index() -> None:
    due = Shop({*HOURS}, set(), quantiser=True).due()

    names = [stage.name for stage in stages(due, DueWork())]

    assert names.index("photos to vectors") < names.index(QUANTISER.name) == 1
    assert names[2:] == ["hourly indexes", "daily indexes", "monthly indexes"]
