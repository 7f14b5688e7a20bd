"""A folder of images gives back what no image has any more."""

from datetime import timedelta
from pathlib import Path

from index_grpc.shipping.image import build_serving_image, find_serving_image
from photosearch.oci.layout.garbage import collect_garbage
from photosearch.oci.opening import open_builder
from tests.controller.made_repository import MadeRepository, made_settings
from tests.oci.test_bad_input import serving_of

NOW = timedelta(0)


def test_layers_that_no_image_has_go_and_shared_ones_stay(tmp_path: Path) -> None:
    settings = made_settings(tmp_path)
    made, builder = MadeRepository(settings), open_builder(settings)
    registry = builder.registry
    first, second = made.hour("hourly/2026-11-22T00"), made.hour("hourly/2026-11-22T01")
    one = build_serving_image(serving_of(first), made.repository, builder)
    both = build_serving_image(serving_of(first, second), made.repository, builder)
    assert collect_garbage(registry, grace=NOW) == []
    registry.delete(serving_of(first, second).name)

    assert collect_garbage(registry) == []  # young ones may be of an image to be
    planned = collect_garbage(registry, grace=NOW, dry_run=True)
    gone = collect_garbage(registry, grace=NOW)

    assert planned == gone
    (layer,) = set(both.layers) - set(one.layers)
    assert layer in {blob.digest for blob in gone}
    assert registry.blob_size(layer) is None
    assert find_serving_image(serving_of(first), builder) == one.digest
    again = build_serving_image(serving_of(first, second), made.repository, builder)
    assert (again.digest, again.pushed_layers) == (both.digest, 1)
