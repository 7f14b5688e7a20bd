"""Serving images lose what was erased: in the registry, asked for, and unpacked."""

import pytest

from index_grpc.serving.opening import open_desk
from index_grpc.shipping.contents import serving_images
from index_grpc.shipping.image import pull_serving_image
from index_grpc.shipping.reconcile import ServingReconciler, reconcile_servings
from photosearch.errors import PhotosearchError
from photosearch.oci.opening import open_registry
from photosearch.oci.registry import Bytes, ImageRegistry
from photosearch_operations.erasure.check import still_there
from photosearch_operations.erasure.erase import STAGES, Erasure, ErasureOptions
from tests.assets.by_hand import due
from tests.assets.conftest import Shop, hours
from tests.erasure.conftest import DAY, make_all
from tests.erasure.test_erase import GONE, erase, files_with, index, run_under_way, vectors

[HOUR] = hours(1, 1)


@pytest.fixture
def registry(made: Shop) -> ImageRegistry:
    """A registry with the image of the day, which is asked for and unpacked."""
    built = reconcile_servings(made.settings)
    assert built.failed == []
    registry = open_registry(made.settings)
    for _, image in built.images:
        pull_serving_image(registry, image.digest, made.settings.unpacked_images_dir)
    return registry


def test_images_and_layers_that_held_it_go_and_others_are_asked_for(
    made: Shop, registry: ImageRegistry
) -> None:
    needles = [GONE.encode(), *vectors(made)]
    [before] = serving_images(registry)
    assert any(file.startswith("registry/blobs") for file in files_with(made, *needles))
    assert any(file.startswith("images/unpacked") for file in files_with(made, *needles))

    receipt = erase(made)

    assert files_with(made, *needles) == []
    assert receipt.images == [before.digest]
    [after] = serving_images(registry)
    assert registry.has_image(after.digest)
    [asked] = open_desk(made.settings).asked().values()
    assert asked.image == after.digest
    _, address, manifest = index(made, DAY)
    assert after.indexes == {(address, manifest.version)}
    assert ServingReconciler.open(made.settings).compare().is_settled
    assert due(made).is_empty


def test_layers_of_other_windows_stay(made: Shop, registry: ImageRegistry) -> None:
    """The day's version is gone from the repository; its image is left over."""
    made.configure(packing="each")
    repository, address, _ = index(made, DAY)
    head = repository.head(address)
    assert head is not None
    repository.discard(address, head.version)
    reconcile_servings(made.settings)
    of_hours = {image.digest for image in serving_images(registry) if DAY.key not in str(image)}
    assert len(of_hours) == 24

    receipt = erase(made)

    left = {image.digest: image for image in serving_images(registry)}
    assert len(of_hours - left.keys()) == 1
    assert of_hours - left.keys() < set(receipt.images)
    assert len(receipt.images) == 2
    assert all(registry.has_image(digest) for digest in left)
    assert files_with(made, GONE.encode()) == []


def test_old_images_that_nobody_asks_for_any_more_lose_it_too(
    made: Shop, registry: ImageRegistry
) -> None:
    made.list_photo("p98.png", HOUR.start.replace(minute=50))
    make_all(made)
    reconcile_servings(made.settings)
    assert len(list(serving_images(registry))) == 2

    assert len(erase(made).images) == 2

    assert len(list(serving_images(registry))) == 1


def test_a_registry_that_does_not_answer_leaves_the_erasure_to_be_finished(
    made: Shop, registry: ImageRegistry
) -> None:
    made.configure(registry_url="oci://127.0.0.1:9/shop")
    with pytest.raises(PhotosearchError):
        erase(made)

    made.configure()
    receipt = erase(made)

    assert receipt.finished_at is not None
    assert len(receipt.images) == 1
    assert files_with(made, GONE.encode()) == []


def test_an_image_tells_which_of_its_layers_holds_a_window(
    made: Shop, registry: ImageRegistry
) -> None:
    [image] = serving_images(registry)

    assert len(image.layers_of(DAY)) == 1
    assert image.layers_of(HOUR) == []


def test_a_layer_that_a_run_was_still_sending_goes_when_the_run_has_ended(
    made: Shop, registry: ImageRegistry
) -> None:
    """It began between the ban and the deletion, and had the version's file open."""
    work = Erasure(made.settings, GONE, ErasureOptions(wait_s=5))
    at = STAGES.index(Erasure.delete)
    for stage in STAGES[:at]:
        stage(work)
    running = run_under_way(made)
    for stage in STAGES[at : at + 2]:
        stage(work)
    registry.put_blob(Bytes(f'{{"listing_id":"{GONE}","photo_id":"x"}}\n'.encode()))
    running.kill()
    running.wait()

    for stage in STAGES[at + 2 :]:
        stage(work)

    assert files_with(made, GONE.encode()) == []
    assert list(still_there(made.settings)) == []
