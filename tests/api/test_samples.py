"""Samples: chosen seldom, because that reads the whole catalogue, and looked up every time."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.pages.samples import MOST, SampleListings
from photosearch.catalogue.catalogue import Catalogue
from photosearch.catalogue.listing import Listing, Photo
from photosearch.settings.settings import load_settings

MOMENT = datetime(2026, 10, 5, tzinfo=UTC)
COST_S = 3.0


class SlowCatalogue(Catalogue):
    """A catalogue that takes three seconds of its clock to choose a sample."""

    now = 0.0
    choices = 0

    def sample_photos(self, count: int, before: datetime | None = None) -> list[Photo]:
        self.now += COST_S
        self.choices += 1
        return super().sample_photos(count, before)


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[SlowCatalogue]:
    with SlowCatalogue.open(load_settings(base_dir=tmp_path)) as catalogue:
        catalogue.create_tables()
        catalogue.write([listing(n) for n in range(300)], [photo(n) for n in range(300)])
        yield catalogue


def listing(number: int, status: str = "live") -> Listing:
    return Listing(f"l{number}", None, None, None, status, MOMENT, (f"p{number}",))


def photo(number: int) -> Photo:
    return Photo(f"p{number}", f"l{number}", f"{number}.jpg", MOMENT)


def samples_of(catalogue: SlowCatalogue) -> SampleListings:
    return SampleListings(catalogue, "live", lambda: catalogue.now)


def test_many_requests_of_any_size_choose_once(catalogue: SlowCatalogue) -> None:
    async def ask() -> list[list[Listing]]:
        samples = samples_of(catalogue)
        return await asyncio.gather(*(samples.listings(count) for count in (12, 1, MOST, 12)))

    dozen, one, most, again = asyncio.run(ask())

    assert catalogue.choices == 1
    assert [len(dozen), len(one), len(most)] == [12, 1, MOST]
    assert dozen == again == most[:12]
    assert one == most[:1]


def test_a_choice_is_kept_for_a_hundred_times_what_it_cost(catalogue: SlowCatalogue) -> None:
    async def ask() -> list[int]:
        samples, choices = samples_of(catalogue), []
        for later in (0.0, 99 * COST_S, 2 * COST_S):
            catalogue.now += later
            await samples.listings(12)
            choices.append(catalogue.choices)
        return choices

    assert asyncio.run(ask()) == [1, 1, 2]


def test_a_sold_listing_is_left_out_without_a_new_choice(catalogue: SlowCatalogue) -> None:
    async def ask() -> tuple[list[Listing], list[Listing]]:
        samples = samples_of(catalogue)
        before = await samples.listings(5)
        number = int(before[0].listing_id[1:])
        catalogue.write([listing(number, "sold")], [photo(number)])
        return before, await samples.listings(5)

    before, after = asyncio.run(ask())

    assert after[:4] == before[1:]
    assert len(after) == 5
    assert catalogue.choices == 1


def test_a_catalogue_that_failed_is_asked_again(catalogue: SlowCatalogue) -> None:
    samples = samples_of(catalogue)
    fails = iter([True, False])

    def sample(count: int, before: datetime | None = None) -> list[Photo]:
        if next(fails):
            raise RuntimeError("gone for a moment")
        return Catalogue.sample_photos(catalogue, count, before)

    catalogue.sample_photos = sample  # type: ignore[method-assign]

    async def ask() -> list[Listing]:
        with pytest.raises(RuntimeError):
            await samples.listings(3)
        return await samples.listings(3)

    assert len(asyncio.run(ask())) == 3
