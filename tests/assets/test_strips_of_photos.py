"""The photos that Dagit shows of a window come with the step's result: Dagster reads none."""

import base64
import io

import dagster as dg
import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from photosearch.images.cache import ImageCache
from photosearch_assets.metadata import metadata_of
from photosearch_assets.steps.photo_strip import STRIPS_A_RUN, photo_strip
from photosearch_assets.steps.result import STRIP_BYTES, StepResult
from tests.assets.by_hand import run_step
from tests.assets.conftest import Materialize, Shop, hours, instance, materialize

__all__ = ["instance", "materialize"]

STEPS = ("images", "embeddings")


def shown(instance: dg.DagsterInstance, name: str, partition: str) -> str:
    wanted = dg.AssetRecordsFilter(dg.AssetKey(name), asset_partitions=[partition])
    [record] = instance.fetch_materializations(wanted, limit=1).records
    assert record.asset_materialization is not None
    return str(record.asset_materialization.metadata["photos"].value)


def size_of(strip: bytes | None) -> tuple[int, int]:
    assert strip is not None
    return Image.open(io.BytesIO(strip)).size


def test_dagsters_process_reads_no_photo(
    shop: Shop,
    instance: dg.DagsterInstance,
    materialize: Materialize,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As in a pod that mounts no image cache."""
    shop.configure(step_runner="subprocess")
    shop.list_hours(1, photos=3)
    assert materialize("embedder").success

    def read(*_: object) -> bytes:
        raise AssertionError("a photo was read by Dagster's process")

    with monkeypatch.context() as patch:
        patch.setattr(ImageCache, "read", read)
        assert materialize(*STEPS, windows=hours(0, 1)).success

    for name in STEPS:
        [result] = run_step(shop, name, hours(0, 1))
        assert result.strip is not None
        text = base64.b64encode(result.strip).decode()
        assert shown(instance, name, hours(0, 1)[0].start_text) == (
            f"![photos](data:image/jpeg;base64,{text})"
        )
        assert size_of(result.strip) == (3 * 64, 64)


def test_a_long_run_shows_some_windows_evenly_spread(shop: Shop) -> None:
    shop.list_hours(40, photos=1)
    run_step(shop, "embedder")
    every = hours(0, 44)  # four of them empty
    expected = [every[place * 40 // STRIPS_A_RUN] for place in range(STRIPS_A_RUN)]

    for name in STEPS:
        for _ in range(2):  # made, and found made
            results = run_step(shop, name, every)

            assert [r.window for r in results if r.strip is not None] == expected


@pytest.mark.parametrize("name", STEPS)
def test_a_window_whose_photos_are_all_unusable_leaves_its_strip_to_the_next(
    shop: Shop, name: str
) -> None:
    shop.list_hours(40, photos=1)
    run_step(shop, "embedder")
    photo = shop.root / "photos" / "p0.png"
    photo.unlink()
    if name == "embeddings":
        photo.write_bytes(b"no photo")
        run_step(shop, "images", hours(0, 40))

    results = run_step(shop, name, hours(0, 40))

    with_strips = [result.window for result in results if result.strip is not None]
    assert hours(0, 1)[0] not in with_strips
    assert len(with_strips) == STRIPS_A_RUN


def test_a_result_stays_small_whatever_is_on_the_photos() -> None:
    draw = np.random.default_rng(0)
    noise = [(draw.integers(0, 2, (64, 64, 3)) * 255).astype(np.uint8) for _ in range(6)]
    strip = photo_strip(noise)

    message = StepResult(step="images", strip=strip).model_dump_json(exclude_defaults=True)

    assert strip is not None
    assert len(strip) < STRIP_BYTES
    assert len(message) < 4 / 3 * STRIP_BYTES
    assert StepResult.model_validate_json(message).strip == strip


@pytest.mark.parametrize(
    "strip", ["no base64", base64.b64encode(b"<svg/>").decode(), b"\xff\xd8\xff" * STRIP_BYTES]
)
def test_what_is_no_strip_is_refused(strip: object) -> None:
    with pytest.raises(ValidationError, match="strip"):
        StepResult.model_validate({"step": "own", "strip": strip})


def test_a_result_without_a_strip_shows_none() -> None:
    assert "photos" not in metadata_of(StepResult(step="images"), is_own=True)
