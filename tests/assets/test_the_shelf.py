"""A shelf's listing of HEADs grows old while its step works: what it then finds."""

import pytest

from photosearch.repository.addresses import Kind
from photosearch.repository.manifest import Manifest
from photosearch.repository.repository import Repository
from photosearch_assets.steps import embed_photos, fetch_images
from photosearch_assets.steps.build_embedder import run as build_embedder
from photosearch_assets.steps.context import StepContext
from photosearch_assets.steps.current import Recipe, Shelf
from tests.assets.conftest import Shop, hours

(HOUR,) = hours(0, 1)


def publish(shelf: Shelf, context: StepContext, content: bytes) -> Manifest:
    with context.work_folder("test") as work:
        (work / "vectors.npy").write_bytes(content)
        recipe = Recipe((), {"of": content.decode()})
        files = {"vectors.npy": work / "vectors.npy"}
        return shelf.publish(HOUR, recipe, files, rows=1, dimension=2)


@pytest.fixture
def context(context: StepContext) -> StepContext:
    context.__dict__["fingerprint"] = "f00d"
    return context


def test_a_version_replaced_and_collected_since_the_listing_gives_way_to_the_new_one(
    context: StepContext,
) -> None:
    old = publish(context.fresh_shelf(Kind.EMBEDDINGS), context, b"old")
    shelf = Shelf(Repository.of(context.settings), "f00d", Kind.EMBEDDINGS)
    assert shelf.heads == {HOUR: old.version}

    new = publish(context.fresh_shelf(Kind.EMBEDDINGS), context, b"new")
    context.repository.discard(shelf.address(HOUR), old.version)

    assert shelf.current(HOUR) == new
    assert shelf.heads == {HOUR: new.version}


def test_a_head_that_leads_nowhere_is_no_version_and_the_next_one_takes_its_place(
    context: StepContext,
) -> None:
    shelf = context.fresh_shelf(Kind.EMBEDDINGS)
    head = shelf.address(HOUR).head_path
    context.repository.storage.replace(head, b"0123456789abcdef\n", None)

    assert shelf.current(HOUR) is None
    assert not shelf.is_made_of(HOUR, Recipe((), {}))
    made = publish(shelf, context, b"made")
    assert context.fresh_shelf(Kind.EMBEDDINGS).current(HOUR) == made


def test_a_step_makes_an_hour_again_whose_head_leads_nowhere(shop: Shop) -> None:
    shop.list_hours(1)
    with StepContext(shop.settings) as context:
        list(build_embedder([], context))
        list(fetch_images.run([HOUR], context))
        (first,) = embed_photos.run([HOUR], context)
        address = context.shelf(Kind.EMBEDDINGS).address(HOUR)
        stored = context.repository.storage.read(address.head_path)
        assert stored is not None
        context.repository.storage.replace(address.head_path, b"0123456789abcdef\n", stored.tag)

    with StepContext(shop.settings) as context:
        assert embed_photos.due([HOUR], context) == [HOUR]
        (again,) = embed_photos.run([HOUR], context)
        assert context.fresh_shelf(Kind.EMBEDDINGS).heads == {HOUR: first.version}

    assert again.version == first.version
