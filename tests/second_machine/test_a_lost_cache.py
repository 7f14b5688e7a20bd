"""The image cache is bytes alone: losing it costs fetching, and no work."""

import shutil
from collections.abc import Iterator

import pytest

from photosearch.catalogue.catalogue import Catalogue
from photosearch.catalogue.listing import Listing, Photo
from photosearch_assets.steps.context import StepContext
from tests.assets.by_hand import due, run_step
from tests.assets.conftest import START, Shop, draw, hours
from tests.images.photo_server import PhotoServer, photo_server

HOURS = hours(0, 1)
NAMES = [f"p{number}.png" for number in range(6)]


@pytest.fixture
def server() -> Iterator[PhotoServer]:
    with photo_server() as server:
        yield server


@pytest.fixture
def fetched(shop: Shop, server: PhotoServer) -> Shop:
    """An hour of six photos behind a URL, which were fetched, and whose copies are lost."""
    for number, name in enumerate(NAMES):
        draw(shop.root / "photos" / name, seed=number)
        server.photos[name] = (shop.root / "photos" / name).read_bytes()
    shop.configure(photos_url=server.url, fetch_attempts=1)
    with Catalogue.open(shop.settings) as catalogue:
        catalogue.create_tables()
        catalogue.write(
            [Listing(name, name, 1.0, "things", "live", START, (name,)) for name in NAMES],
            [Photo(name, name, name, START) for name in NAMES],
        )
    run_step(shop, "embedder")
    run_step(shop, "images", HOURS)
    shutil.rmtree(shop.settings.cache_dir)
    server.requests.clear()
    return shop


def test_nothing_is_fetched_because_the_cache_is_lost(fetched: Shop, server: PhotoServer) -> None:
    assert HOURS[0] not in due(fetched).images

    [result] = run_step(fetched, "images", HOURS)

    assert (result.rows, result.done) == (6, False)
    assert not server.requests


def test_embeddings_fetch_the_photos_again_some_at_once(fetched: Shop, server: PhotoServer) -> None:
    server.most_at_once = 0

    [result] = run_step(fetched, "embeddings", HOURS)

    assert (result.rows, result.failures) == (6, ())
    assert dict(server.requests) == dict.fromkeys(NAMES, 1)
    assert server.most_at_once > 2
    assert HOURS[0] not in due(fetched).embeddings


def test_a_photo_that_is_another_by_now_is_told(fetched: Shop, server: PhotoServer) -> None:
    server.photos["p0.png"] = server.photos["p1.png"]

    [result] = run_step(fetched, "embeddings", HOURS)

    assert result.rows == 5
    [failure] = result.failures
    assert "'p0.png' was replaced after it was fetched" in failure.reason


def test_a_photo_that_is_gone_by_now_is_asked_for_once(fetched: Shop, server: PhotoServer) -> None:
    del server.photos["p0.png"]

    [result] = run_step(fetched, "embeddings", HOURS)

    assert result.rows == 5
    assert "'p0.png' is missing" in result.failures[0].reason
    assert server.requests["p0.png"] == 1


def test_a_report_is_made_again_where_its_photos_can_not_be_read(fetched: Shop) -> None:
    with StepContext(fetched.settings) as context:
        version = context.photo_reports.heads[HOURS[0]].version
        folder = fetched.settings.state / f"repository/photos/{HOURS[0].key}/{version}"
        (folder / "photos.jsonl").write_bytes(b"")

    [result] = run_step(fetched, "images", HOURS)

    assert result.rows == 6
    [embedded] = run_step(fetched, "embeddings", HOURS)
    assert embedded.rows == 6
