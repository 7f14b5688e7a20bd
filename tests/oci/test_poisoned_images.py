"""Who may write to the registry puts an image of other content under a Serving's tag."""

import shutil

import pytest

from index_grpc.serving_image import build_serving_image, find_serving_image
from photosearch.oci.image_registry import ImageRegistry
from photosearch.settings import Settings
from tests.controller.made_repository import MadeRepository
from tests.oci import poison
from tests.oci.test_serving_images import hour, image_manifest, serving_of


@pytest.mark.parametrize(
    "change", [poison.other_rows, poison.rows_of(hour(1)), poison.another_file, poison.honest]
)
def test_a_builder_takes_no_image_of_others_for_its_own(
    made: MadeRepository, registry: ImageRegistry, change: poison.Poison
) -> None:
    serving = serving_of(made.hour(hour(0)), made.hour(hour(1)))
    built = build_serving_image(serving, made.repository, registry)
    assert find_serving_image(serving, registry) == built.digest
    # What is run in it is part of the image, and no less believed than what is served by it.
    command = ("index-server",) if change is poison.honest else ("index-server", "--serving", "/")

    evil = poison.put_poisoned(serving, made.repository, registry, change, command=command)

    assert evil != built.digest
    assert find_serving_image(serving, registry) is None
    again = build_serving_image(serving, made.repository, registry)
    assert (again.digest, again.pushed_layers) == (built.digest, 0)
    assert find_serving_image(serving, registry) == built.digest


def test_a_builder_that_built_none_before_takes_no_image_of_others_for_its_own(
    made: MadeRepository, registry: ImageRegistry
) -> None:
    serving = serving_of(made.hour(hour(0)), made.hour(hour(1)))
    change = poison.rows_of_the_same_length
    evil = poison.put_poisoned(serving, made.repository, registry, change)

    assert find_serving_image(serving, registry) is None
    built = build_serving_image(serving, made.repository, registry)

    assert built.digest != evil
    evil_layers = {layer.digest for layer in image_manifest(registry, evil).layers}
    assert evil_layers.isdisjoint(built.layers)
    assert find_serving_image(serving, registry) == built.digest


def test_layers_of_others_that_say_they_are_ours_are_not_built_with(
    made: MadeRepository, registry: ImageRegistry, settings: Settings
) -> None:
    manifests = [made.hour(hour(n)) for n in range(3)]
    honest = build_serving_image(serving_of(*manifests), made.repository, registry)
    sizes = [layer.size for layer in image_manifest(registry, honest.digest).layers]
    registry.delete(serving_of(*manifests).name)
    for layer in honest.layers:
        registry.delete_blob(layer)
    shutil.rmtree(settings.state / "images")
    change = poison.rows_of_the_same_length
    evil = poison.put_poisoned(serving_of(*manifests[:2]), made.repository, registry, change)
    told = image_manifest(registry, evil).layers
    assert [layer.size for layer in told] == sizes[:2]  # nothing but the content tells

    built = build_serving_image(serving_of(*manifests), made.repository, registry)

    assert built.layers == honest.layers
    assert {layer.digest for layer in told}.isdisjoint(built.layers)


def test_a_machine_that_built_none_before_finds_the_image_of_another_and_sends_nothing(
    made: MadeRepository, registry: ImageRegistry, settings: Settings
) -> None:
    serving = serving_of(made.hour(hour(0)))
    built = build_serving_image(serving, made.repository, registry)
    before = registry.document(serving.name)
    shutil.rmtree(settings.state / "images")

    again = build_serving_image(serving, made.repository, registry)

    assert (again.digest, again.pushed_layers, again.pushed_bytes) == (built.digest, 0, 0)
    assert registry.document(serving.name) == before
    assert find_serving_image(serving, registry) == built.digest
