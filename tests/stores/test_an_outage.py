"""A bucket of photos that goes away while a step works: its photos are late, and not lost."""

from collections.abc import Callable

import pytest

from photosearch.catalogue.catalogue import Catalogue
from photosearch.catalogue.listing import Photo
from photosearch.object_store import StoreUnreachable, open_object_store
from photosearch_assets.steps import build_embedder, embed_photos, fetch_images
from photosearch_assets.steps.context import StepContext
from tests.assets.conftest import Shop, hours, shop
from tests.stores.buckets import Bucket
from tests.stores.fixtures import new_bucket
from tests.stores.front import Fault, Request, works

__all__ = ["shop"]
(HOUR,) = hours(0, 1)


@pytest.fixture
def photos(request: pytest.FixtureRequest) -> Bucket:
    return new_bucket(request, "s3")


@pytest.fixture
def bucket_shop(shop: Shop, photos: Bucket) -> Shop:
    """Two photos of one hour, which lie in the bucket."""
    shop.list_hours(1)
    shop.configure(**photos.options(), photos_url=photos.url, fetch_attempts=1)
    store = open_object_store(photos.url, shop.settings)
    with Catalogue.open(shop.settings) as catalogue:
        for photo in catalogue.photos_in(HOUR):
            store.put(photo.path, shop.root / "photos" / photo.path)
    return shop


def down(_request: Request) -> Fault:
    return Fault.UNAVAILABLE


def without(photo: Photo) -> Callable[[Request], Fault | None]:
    return lambda request: Fault.UNAVAILABLE if photo.path in request.name else None


def test_an_hour_whose_bucket_went_away_stays_due(bucket_shop: Shop, photos: Bucket) -> None:
    with StepContext(bucket_shop.settings) as context:
        _ = context.image_store  # it answered when the step began
        photos.front.script = down

        with pytest.raises(StoreUnreachable, match="the image store"):
            list(fetch_images.run([HOUR], context))
        assert fetch_images.due([HOUR], context) == [HOUR]

        photos.front.script = works
        (result,) = fetch_images.run([HOUR], context)
    assert (result.rows, result.failures) == (2, ())


def test_one_photo_that_a_bucket_does_not_give_fails_alone(
    bucket_shop: Shop, photos: Bucket
) -> None:
    with StepContext(bucket_shop.settings) as context:
        lost, _ = context.catalogue.photos_in(HOUR)
        photos.front.script = without(lost)

        (result,) = fetch_images.run([HOUR], context)

    assert result.rows == 1
    assert [failure.photo_id for failure in result.failures] == [lost.photo_id]
    assert "503" in result.failures[0].reason


def test_photos_that_left_the_cache_are_not_given_up_when_their_bucket_went_away(
    bucket_shop: Shop, photos: Bucket
) -> None:
    with StepContext(bucket_shop.settings) as context:
        list(build_embedder.run([], context))
        list(fetch_images.run([HOUR], context))
        for photo in context.catalogue.photos_in(HOUR):
            assert context.image_cache.discard(photo.path)
        photos.front.script = down

        with pytest.raises(StoreUnreachable, match="the image store"):
            list(embed_photos.run([HOUR], context))
        assert embed_photos.due([HOUR], context) == [HOUR]

        photos.front.script = works
        (result,) = embed_photos.run([HOUR], context)
    assert (result.rows, result.failures) == (2, ())
