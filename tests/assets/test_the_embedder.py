"""The embedder's step: made anew when the settings ask for another one, and only then."""

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
from photosearch_assets.steps import build_embedder
from photosearch_assets.steps.context import StepContext
from photosearch_assets.steps.result import StepResult
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


def details(shop: Shop) -> dict[str, Any]:
    with StepContext(shop.settings) as context:
        manifest = context.repository.current(Address.embedders())
    assert manifest is not None
    return dict(manifest.details)


@pytest.mark.parametrize("changed", [{"embedder_mean": [0, 0, 0]}, {"embedder_std": [1, 1, 1]}])
def test_another_mean_or_deviation_is_another_embedder(
    shop: Shop, tmp_path: Path, changed: dict[str, list[float]]
) -> None:
    shop.list_hours(1)
    own = {
        "embedder_network": str(write_means(tmp_path / "means.onnx")),
        "embedder_precision": "float32",
    }
    shop.configure(**own)
    first = made(shop)

    shop.configure(**own, **changed)

    assert not is_current(shop)
    second = made(shop)
    assert second.version != first.version
    assert not made(shop).done
    with StepContext(shop.settings) as context:
        noted = read_noted(context.repository, Role.PREVIOUS)
    assert noted is not None
    assert noted.fingerprint == first.version  # 'embedder use --back' returns to it


def test_settings_that_come_to_the_same_embedder_make_it_only_once_more(shop: Shop) -> None:
    shop.list_hours(1)
    first = made(shop)

    # Below projection_min_photos there is no projection to have dimensions.
    shop.configure(projection_dimensions=128)
    second = made(shop)

    assert second.version == first.version
    assert not made(shop).done
    shop.configure()
    assert not made(shop).done


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
