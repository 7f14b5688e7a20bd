"""The embedder's step: made once, and another only when another is wanted."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from photosearch.embedder import build
from photosearch.repository.addresses import Address
from photosearch.repository.embedder_roles import Role, read_noted
from photosearch.repository.wanted_embedder import WANTED, told_overruled
from photosearch_assets.steps import build_embedder
from photosearch_assets.steps.context import StepContext
from photosearch_assets.steps.result import StepResult
from tests.assets.by_hand import want_embedder
from tests.assets.conftest import START, Shop
from tests.embedder.own_networks import write_convolutions, write_means
from tests.images.photo_server import photo_server


def made(shop: Shop) -> StepResult:
    with StepContext(shop.settings) as context:
        (result,) = build_embedder.run([], context)
        assert build_embedder.is_current(context)
    return result


def is_current(shop: Shop) -> bool:
    with StepContext(shop.settings) as context:
        return build_embedder.is_current(context)


def overruled(shop: Shop) -> str | None:
    with StepContext(shop.settings) as context:
        return told_overruled(shop.settings, context.repository)


def details(shop: Shop) -> dict[str, Any]:
    with StepContext(shop.settings) as context:
        manifest = context.repository.current(Address.embedders())
    assert manifest is not None
    return dict(manifest.details)


@pytest.mark.parametrize("changed", [{"embedder_mean": (0, 0, 0)}, {"embedder_std": (1, 1, 1)}])
def test_another_mean_or_deviation_is_another_embedder(
    shop: Shop, tmp_path: Path, changed: dict[str, tuple[float, ...]]
) -> None:
    shop.list_hours(1)
    shop.configure(
        embedder_network=str(write_means(tmp_path / "means.onnx")), embedder_precision="float32"
    )
    first = made(shop)

    wanted = want_embedder(shop, **changed)

    assert not is_current(shop)
    second = made(shop)
    assert second.version == wanted
    assert second.version != first.version
    assert not made(shop).done
    with StepContext(shop.settings) as context:
        noted = read_noted(context.repository, Role.PREVIOUS)
    assert noted is not None
    assert noted.fingerprint == first.version  # 'embedder use --back' returns to it


def test_settings_decide_the_first_embedder_alone_and_are_told_of_later(
    shop: Shop, tmp_path: Path
) -> None:
    shop.list_hours(1)
    first = made(shop)
    assert overruled(shop) is None

    network = str(write_means(tmp_path / "means.onnx"))
    shop.configure(embedder_network=network, embedder_precision="int8")

    assert is_current(shop)
    assert made(shop).version == first.version
    told = overruled(shop)
    assert told is not None
    assert f"found embedder_network = {network}, it was made with embedder_network = eff" in told
    assert "precision" not in told, "which is the same"
    assert f"'photosearch embedder use {network}'" in told


def test_of_what_the_settings_do_not_say_nothing_is_told(shop: Shop, tmp_path: Path) -> None:
    shop.list_hours(1)
    made(shop)
    network = str(write_means(tmp_path / "means.onnx"))

    want_embedder(shop, embedder_network=network, embedder_precision="float32")

    assert overruled(shop) is None


def test_an_embedder_that_is_lost_is_made_again_as_it_was(shop: Shop, tmp_path: Path) -> None:
    shop.list_hours(1)
    shop.configure(
        embedder_network=str(write_means(tmp_path / "means.onnx")),
        embedder_precision="float32",
        embedder_mean=[0.25, 0.5, 0.75],
    )
    first = made(shop)
    shop.configure()
    with StepContext(shop.settings) as context:
        assert first.version is not None
        context.repository.discard(Address.embedders(), first.version)

    assert not is_current(shop)
    again = made(shop)

    assert again.done
    assert again.version == first.version


def test_a_repository_of_a_former_release_keeps_its_embedder(shop: Shop) -> None:
    shop.list_hours(1)
    first = made(shop)
    with StepContext(shop.settings) as context:
        context.repository.storage.delete([WANTED])

    shop.configure(embedder_precision="float32")

    assert is_current(shop)
    assert made(shop).version == first.version
    assert "found embedder_precision = float32" in str(overruled(shop))


def test_a_small_catalogue_calibrates_ones_own_network_on_its_photos(
    shop: Shop, tmp_path: Path
) -> None:
    shop.list_hours(2, photos=3)
    network = write_convolutions(tmp_path / "network.onnx")
    shop.configure(embedder_network=str(network), embedder_precision="int8")

    made(shop)

    assert details(shop)["calibration_photos"] == 6
    assert "projection_photos" not in details(shop)


def test_the_default_network_looks_at_no_photo_of_a_small_catalogue(shop: Shop) -> None:
    shop.list_hours(2)

    assert made(shop).rows == 0


def test_a_network_of_a_large_input_gets_photos_as_large(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = shop.root / "photos" / "large.jpg"
    Image.effect_noise((900, 900), 60).convert("RGB").save(file)
    shop.list_photo("large.jpg", START, file.read_bytes())
    shop.list_photo("p1.png", START)
    shop.list_photo("p2.png", START)
    network = write_means(tmp_path / "means.onnx", images=("n", 3, 448, 448))
    shop.configure(
        embedder_network=str(network),
        embedder_precision="float32",
        projection_min_photos=2,
        projection_dimensions=2,
    )
    seen: list[tuple[int, ...]] = []
    built = build.build_embedder

    def watching(
        settings: Any, sample: Iterable[NDArray[np.uint8]], *rest: Any, **named: Any
    ) -> build.BuiltEmbedder:
        photos = list(sample)
        seen.extend(photo.shape for photo in photos)
        return built(settings, photos, *rest, **named)

    monkeypatch.setattr(build, "build_embedder", watching)

    made(shop)

    assert sorted(seen) == [(48, 48, 3), (48, 48, 3), (450, 450, 3)]


def test_a_cache_smaller_than_the_sample_takes_no_photo_from_it(shop: Shop, tmp_path: Path) -> None:
    shop.list_hours(2, photos=4)
    own = {
        "embedder_network": str(write_convolutions(tmp_path / "network.onnx")),
        "embedder_precision": "float32",
    }
    with photo_server() as server:
        for file in (shop.root / "photos").iterdir():
            server.photos[file.name] = file.read_bytes()
        shop.configure(
            **own,
            photos_url=server.url,
            cache_bytes=1,
            projection_min_photos=2,
            projection_dimensions=2,
        )
        made(shop)

    assert details(shop)["projection_photos"] == 8
