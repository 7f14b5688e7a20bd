"""Who may write to the registry puts an image of other content under a Serving's tag."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from index_grpc.server.loading import ServingRefused, load_serving, unpacked_repository
from index_grpc.serving.opening import open_desk
from index_grpc.serving.serving import Serving
from index_grpc.shipping.faults import index_fault
from index_grpc.shipping.image import build_serving_image, find_serving_image
from photosearch.oci.building.build import ImageBuilder
from photosearch.oci.registry import ImageRegistry
from photosearch.repository.addresses import Address
from photosearch.settings.settings import Settings
from photosearch.windows import Window
from photosearch_operations.verify.images import damaged_images
from tests.controller.made_repository import FINGERPRINT, MadeRepository
from tests.oci import poison
from tests.oci.test_serving_images import hour, image_manifest, serving_of


@pytest.mark.parametrize(
    "change", [poison.other_rows, poison.rows_of(hour(1)), poison.another_file, poison.honest]
)
def test_a_builder_takes_no_image_of_others_for_its_own(
    made: MadeRepository, builder: ImageBuilder, change: poison.Poison
) -> None:
    serving = serving_of(made.hour(hour(0)), made.hour(hour(1)))
    built = build_serving_image(serving, made.repository, builder)
    assert find_serving_image(serving, builder) == built.digest
    # What is run in it is part of the image, and no less believed than what is served by it.
    command = ("index-server",) if change is poison.honest else ("index-server", "--serving", "/")

    evil = poison.put_poisoned(serving, made.repository, builder, change, command=command)

    assert evil != built.digest
    assert find_serving_image(serving, builder) is None
    again = build_serving_image(serving, made.repository, builder)
    assert (again.digest, again.pushed_layers) == (built.digest, 0)
    assert find_serving_image(serving, builder) == built.digest


def test_a_builder_that_built_none_before_takes_no_image_of_others_for_its_own(
    made: MadeRepository, registry: ImageRegistry, builder: ImageBuilder
) -> None:
    serving = serving_of(made.hour(hour(0)), made.hour(hour(1)))
    change = poison.rows_of_the_same_length
    evil = poison.put_poisoned(serving, made.repository, builder, change)

    assert find_serving_image(serving, builder) is None
    built = build_serving_image(serving, made.repository, builder)

    assert built.digest != evil
    evil_layers = {layer.digest for layer in image_manifest(registry, evil).layers}
    assert evil_layers.isdisjoint(built.layers)
    assert find_serving_image(serving, builder) == built.digest


def test_layers_of_others_that_say_they_are_ours_are_not_built_with(
    made: MadeRepository, registry: ImageRegistry, builder: ImageBuilder, settings: Settings
) -> None:
    manifests = [made.hour(hour(n)) for n in range(3)]
    honest = build_serving_image(serving_of(*manifests), made.repository, builder)
    sizes = [layer.size for layer in image_manifest(registry, honest.digest).layers]
    registry.delete(serving_of(*manifests).name)
    for layer in honest.layers:
        registry.delete_blob(layer)
    shutil.rmtree(settings.state / "images")
    change = poison.rows_of_the_same_length
    evil = poison.put_poisoned(serving_of(*manifests[:2]), made.repository, builder, change)
    told = image_manifest(registry, evil).layers
    assert [layer.size for layer in told] == sizes[:2]  # nothing but the content tells

    built = build_serving_image(serving_of(*manifests), made.repository, builder)

    assert built.layers == honest.layers
    assert {layer.digest for layer in told}.isdisjoint(built.layers)


def test_a_machine_that_built_none_before_finds_the_image_of_another_and_sends_nothing(
    made: MadeRepository, registry: ImageRegistry, builder: ImageBuilder, settings: Settings
) -> None:
    serving = serving_of(made.hour(hour(0)))
    built = build_serving_image(serving, made.repository, builder)
    before = registry.document(serving.name)
    shutil.rmtree(settings.state / "images")

    again = build_serving_image(serving, made.repository, builder)

    assert (again.digest, again.pushed_layers, again.pushed_bytes) == (built.digest, 0, 0)
    assert registry.document(serving.name) == before
    assert find_serving_image(serving, builder) == built.digest


def fault_of(serving: Serving, made: MadeRepository) -> dict[str, tuple[poison.Poison, str | None]]:
    """What may be in a layer of the second hour, and what is told of it; None: it is loaded."""
    other = made.hour(hour(5))
    elsewhere = poison.files_of(serving_of(other), made.repository)
    second = serving.windows[1].window.key
    return {
        "rows": (poison.other_rows, "the content of version"),
        "rows of one window": (poison.rows_of(second), "the content of version"),
        "another window": (poison.another_window(second, elsewhere), f"window {hour(5)} instead"),
        "another file": (poison.another_file, "codes.npy"),
        "the folder's name": (poison.another_version_folder, "version"),
        "no manifest": (poison.without_manifest, "there is no version"),
        "one index more": (poison.another_index(elsewhere), None),
    }


FAULTS = (
    *("rows", "rows of one window", "another window", "another file", "the folder's name"),
    *("no manifest", "one index more"),
)


@pytest.mark.parametrize("name", FAULTS)
def test_content_that_does_not_make_its_version_is_not_loaded_and_verify_names_it(
    made: MadeRepository,
    registry: ImageRegistry,
    builder: ImageBuilder,
    settings: Settings,
    name: str,
) -> None:
    serving = serving_of(made.hour(hour(0)), made.hour(hour(1)))
    change, told = fault_of(serving, made)[name]
    evil = poison.put_poisoned(serving, made.repository, builder, change)
    asked = serving.model_copy(update={"image": evil})
    open_desk(settings).ask(asked)

    if told is not None:
        with pytest.raises(ServingRefused) as refused:
            load_serving(asked, unpacked_repository(asked, settings), recall_target=0.9)
        refusal = refused.value.refusal
        assert (refusal.window, refusal.version) in {(w.window, w.version) for w in serving.windows}
        assert name != "rows of one window" or str(refusal.window) == hour(1)
        assert told in refusal.reason
    found = list(damaged_images(settings))
    assert found
    assert all(line.startswith(f"image {serving.name} ({evil}) is not") for line in found)

    [discarded] = damaged_images(settings, discard=True)
    assert "discarded, and built again if it is wanted" in discarded
    assert registry.tags() == []
    built = build_serving_image(serving, made.repository, builder)
    open_desk(settings).ask(serving.model_copy(update={"image": built.digest}))
    assert list(damaged_images(settings)) == []


def test_a_quantiser_that_does_not_make_its_version_is_not_loaded_and_verify_names_it(
    made: MadeRepository,
    registry: ImageRegistry,
    builder: ImageBuilder,
    settings: Settings,
    tmp_path: Path,
) -> None:
    codebooks = tmp_path / "codebooks.npy"
    codebooks.write_bytes(b"ours")
    given: dict[str, Any] = {"dimension": 16, "inputs": [], "recipe": {}}
    quantisers = Address.quantisers(FINGERPRINT)
    quantiser = made.repository.publish(quantisers, {codebooks.name: codebooks}, rows=0, **given)
    held = made.hour(hour(0))
    index = made.repository.publish(
        Address.index(FINGERPRINT, Window.parse(hour(0))),
        {name: made.files(held) / name for name in held.files},
        rows=20,
        quantiser=quantiser.version,
        **{**given, "recipe": {"step": "quantised"}},
    )
    serving = Serving.of(
        [(Window.parse(hour(0)), index.version)],
        fingerprint=FINGERPRINT,
        quantiser=quantiser.version,
    )
    change = poison.another_quantiser
    evil = poison.put_poisoned(serving, made.repository, builder, change)
    asked = serving.model_copy(update={"image": evil})

    with pytest.raises(ServingRefused, match=f"quantisers/{FINGERPRINT}/{quantiser.version}/"):
        load_serving(asked, unpacked_repository(asked, settings), recall_target=0.9)
    [told] = damaged_images(settings)
    assert f"quantisers/{FINGERPRINT}/{quantiser.version}/manifest.json is not" in told
    key = (Address.index(FINGERPRINT, Window.parse(hour(0))), index.version)
    lack = index_fault(registry, evil, key, index)
    assert lack is not None
    assert "holds what makes no version" in lack
    built = build_serving_image(serving, made.repository, builder)
    assert index_fault(registry, built.digest, key, index) is None


def test_annotations_that_say_more_or_else_than_is_in_the_layers_are_named(
    made: MadeRepository, registry: ImageRegistry, builder: ImageBuilder, settings: Settings
) -> None:
    hours = [made.hour(hour(n)) for n in range(3)]
    more, less = serving_of(*hours), serving_of(*hours[:2])
    evil = poison.put_poisoned(less, made.repository, builder, poison.honest, claimed=more)
    asked = more.model_copy(update={"image": evil})

    with pytest.raises(ServingRefused) as refused:
        load_serving(asked, unpacked_repository(asked, settings), recall_target=0.9)
    assert str(refused.value.refusal.window) == hour(2)
    [told] = damaged_images(settings)
    assert f"it says that it holds version {hours[2].version} of {hour(2)} and does not" in told

    named = registry.document(more.name)
    assert named is not None
    registry.put_document(named[0], tag=less.name)  # and under the tag of another
    assert any(
        line.startswith(f"tag {less.name} is another's") for line in damaged_images(settings)
    )


def test_an_image_that_runs_something_else_is_named_where_the_image_was_built(
    made: MadeRepository, builder: ImageBuilder, settings: Settings
) -> None:
    serving = serving_of(made.hour(hour(0)))
    built = build_serving_image(serving, made.repository, builder)
    poison.put_poisoned(serving, made.repository, builder, poison.honest, command=("sh",))

    [told] = damaged_images(settings)
    assert f"the one that was built here is {built.digest}" in told

    assert "discarded" in next(damaged_images(settings, discard=True))
    assert build_serving_image(serving, made.repository, builder).digest == built.digest
    open_desk(settings).ask(serving.model_copy(update={"image": built.digest}))
    assert list(damaged_images(settings)) == []


def test_a_serving_that_asks_for_the_image_of_another_is_named(
    made: MadeRepository, builder: ImageBuilder, settings: Settings
) -> None:
    one, other = serving_of(made.hour(hour(0))), serving_of(made.hour(hour(1)))
    built = build_serving_image(other, made.repository, builder)
    open_desk(settings).ask(one.model_copy(update={"image": built.digest}))

    [told] = damaged_images(settings)

    assert f"Serving {one.name} asks for the image of another: found {built.digest}" in told


def test_layers_that_windows_share_are_looked_into_too(
    made: MadeRepository,
    registry: ImageRegistry,
    builder: ImageBuilder,
    settings: Settings,
    monkeypatch: Any,
) -> None:
    monkeypatch.setattr("index_grpc.shipping.layers.MOST_INDEX_LAYERS", 4)
    hours = [f"hourly/2026-11-{day}T{n:02d}" for day in (21, 22, 23) for n in range(2)]
    manifests = [made.hour(key, rows=2) for key in hours]
    serving = serving_of(*manifests)
    built = build_serving_image(serving, made.repository, builder)
    assert len(built.layers) == 4
    open_desk(settings).ask(serving.model_copy(update={"image": built.digest}))
    keys = [
        (Address.index(FINGERPRINT, one.window), one.version) for one in manifests if one.window
    ]

    assert list(damaged_images(settings)) == []
    assert [
        index_fault(registry, built.digest, key, one)
        for key, one in zip(keys, manifests, strict=True)
    ] == [None] * len(hours)

    evil = poison.put_poisoned(serving, made.repository, builder, poison.other_rows)
    told = index_fault(registry, evil, keys[0], manifests[0])
    assert told is not None
    assert hours[0] in told
    assert hours[1] in told  # of the same layer
