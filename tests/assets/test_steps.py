"""The steps, without Dagster: what they make, and what they leave alone."""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from index_grpc.index.index_files import EmbeddingsFolder, IndexFolder
from index_grpc.index.search import SearchParameters
from photosearch.embedder.batch import embed_photos
from photosearch.repository.addresses import Address, Kind
from photosearch.settings.settings import SETTINGS_FILE
from photosearch.windows import Window
from photosearch_assets.errors import StepError
from photosearch_assets.steps import train_quantiser
from photosearch_assets.steps.context import StepContext
from photosearch_assets.steps.recall_gate import RecallGate
from photosearch_assets.steps.registry import own_step
from photosearch_assets.steps.result import StepResult
from tests.assets.conftest import START, Shop, hours
from tests.repository.artifacts import end_of, in_process

DAY = Window.parse("daily/2026-01-01")


def run(shop: Shop, name: str, windows: Sequence[Window] = ()) -> list[StepResult]:
    with StepContext(shop.settings) as context:
        return list(own_step(name)(windows, context))


def run_hours(shop: Shop, windows: Sequence[Window]) -> dict[str, list[StepResult]]:
    run(shop, "embedder")
    return {name: run(shop, name, windows) for name in ("images", "embeddings", "hourly_index")}


def index_of(shop: Shop, window: Window) -> IndexFolder:
    with StepContext(shop.settings) as context:
        shelf = context.shelf(Kind.INDEX)
        return IndexFolder.open(shelf.folder(shelf.require(window, "")))


def test_an_hour_becomes_an_index_of_its_photos(shop: Shop) -> None:
    shop.list_hours(2)

    made = run_hours(shop, hours(0, 2))

    assert [result.rows for result in made["hourly_index"]] == [2, 2]
    assert all(result.done and result.published for result in made["hourly_index"])
    with index_of(shop, hours(0, 1)[0]).row_table() as rows:
        assert [row.photo_id for row in rows] == ["p0.png", "p1.png"]


def test_a_second_run_finds_nothing_to_do(shop: Shop) -> None:
    shop.list_hours(2)
    first = run_hours(shop, hours(0, 2))

    second = run_hours(shop, hours(0, 2))

    for name, results in second.items():
        assert not any(result.done for result in results), name
        assert {r.version for r in results} == {r.version for r in first[name]}


def test_an_empty_hour_is_made_with_no_rows(shop: Shop) -> None:
    shop.list_hours(1)

    made = run_hours(shop, hours(0, 2))

    assert [r.rows for r in sorted(made["hourly_index"], key=lambda r: str(r.window))] == [2, 0]
    assert index_of(shop, hours(1, 1)[0]).rows == 0


def test_photos_that_fail_are_listed_with_their_reasons_and_the_hour_completes(
    shop: Shop,
) -> None:
    shop.list_hours(1)
    shop.list_photo("broken.jpg", START, b"\xff\xd8\xff\xe0 not a photo")
    shop.list_photo("empty.jpg", START, b"")
    missing = shop.list_photo("missing.jpg", START)
    (shop.root / "photos" / missing.path).unlink()

    made = run_hours(shop, hours(0, 1))

    [index] = made["hourly_index"]
    [embeddings] = made["embeddings"]
    assert index.rows == 2
    assert {f.photo_id for f in embeddings.failures} == {"broken.jpg", "empty.jpg", "missing.jpg"}
    assert all(f.reason for f in embeddings.failures)
    with StepContext(shop.settings) as context:
        manifest = context.shelf(Kind.INDEX).require(hours(0, 1)[0], "")
        assert {f.photo_id for f in manifest.failures} == {f.photo_id for f in embeddings.failures}
    failed = {check.name for check in embeddings.failed_checks}
    assert failed == {"photo_failure_rate"}, "3 of 5 is more than max_failure_rate"


def test_a_photo_that_is_there_again_is_fetched_when_its_hour_is_asked_for(shop: Shop) -> None:
    photo = shop.list_photo("p9.png", START)
    file = shop.root / "photos" / photo.path
    content = file.read_bytes()
    file.unlink()
    run_hours(shop, hours(0, 1))

    file.write_bytes(content)
    made = run_hours(shop, hours(0, 1))

    assert [r.rows for r in made["hourly_index"]] == [1]


def test_a_late_listing_embeds_only_its_own_photo(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.list_hours(1, photos=3)
    run_hours(shop, hours(0, 1))
    shop.list_photo("p77.png", START + timedelta(minutes=30))
    embedded: list[int] = []

    def counting(photos: Any, *args: Any, **kwargs: Any) -> Any:
        embedded.append(len(photos))
        return embed_photos(photos, *args, **kwargs)

    monkeypatch.setattr("photosearch_assets.steps.embed_photos.embed_batch", counting)
    made = run_hours(shop, hours(0, 1))

    assert embedded == [1]
    assert [r.rows for r in made["hourly_index"]] == [4]


def test_a_day_is_its_hours_laid_end_to_end(shop: Shop) -> None:
    shop.list_hours(24, photos=1)
    run_hours(shop, hours(0, 24))

    [day] = run(shop, "daily_index", [DAY])

    assert day.rows == 24
    vectors = index_of(shop, DAY).vectors.read()
    parts = [index_of(shop, hour).vectors.read() for hour in hours(0, 24)]
    assert np.array_equal(vectors, np.concatenate(parts))
    assert not run(shop, "daily_index", [DAY])[0].done


def test_a_day_without_one_hour_is_refused_by_name(shop: Shop) -> None:
    shop.list_hours(23, photos=1)
    run_hours(shop, hours(0, 23))

    with pytest.raises(StepError, match="hourly/2026-01-01T23 has no embeddings yet"):
        run(shop, "daily_index", [DAY])


@pytest.mark.slow
def test_a_month_brings_its_days_and_hours_up_to_date(shop: Shop) -> None:
    shop.list_hours(3)
    run(shop, "embedder")
    for name in ("images", "embeddings"):
        run(shop, name, hours(0, 31 * 24))

    [month] = run(shop, "monthly_index", [Window.parse("monthly/2026-01")])

    assert month.rows == 6
    assert index_of(shop, DAY).rows == 6


def test_windows_are_encoded_anew_when_there_is_a_quantiser(shop: Shop) -> None:
    shop.configure(quantiser_min_photos=200, recall_target=0.5)
    shop.list_hours(24, photos=5)
    run_hours(shop, hours(0, 24))
    assert not index_of(shop, hours(0, 1)[0]).has_codes

    [before] = run(shop, "quantiser")
    shop.configure(quantiser_min_photos=100, recall_target=0.5)
    [after] = run(shop, "quantiser")
    [day] = run(shop, "daily_index", [DAY])

    assert before.version is None
    assert "120 photos of the 200" in str(before.note)
    assert after.done
    assert day.quantiser == after.version
    assert index_of(shop, DAY).has_codes
    assert not run(shop, "quantiser")[0].done


def test_an_index_below_the_recall_target_is_never_published(shop: Shop) -> None:
    shop.configure(quantiser_min_photos=100, recall_target=0.5)
    shop.list_hours(24, photos=5)
    run_hours(shop, hours(0, 24))
    run(shop, "quantiser")
    exact = index_of(shop, hours(0, 1)[0]).folder

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "photosearch_assets.steps.recall_gate.measure_recall",
            lambda *_args: SearchParameters(1, 100, 0.31),
        )
        [result] = run(shop, "hourly_index", hours(0, 1))

    assert not result.published
    assert [check.name for check in result.failed_checks] == ["recall_at_target"]
    assert index_of(shop, hours(0, 1)[0]).folder == exact, "HEAD stays"


def test_a_quantiser_is_trained_anew_for_four_times_the_photos_or_once_for_a_missed_recall(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.configure(quantiser_min_photos=100, recall_target=0.5)
    shop.list_hours(2, photos=50)
    run_hours(shop, hours(0, 2))
    trained: list[int] = []

    def train(sample: Any, folder: Path, **_how: object) -> Any:
        trained.append(len(sample))
        folder.mkdir()
        (folder / "quantiser.json").write_text(str(len(trained)))
        return SimpleNamespace(dimension=sample.shape[1], leaves=1)

    def miss() -> None:
        with StepContext(shop.settings) as context:
            quantiser = context.repository.current(Address.quantisers(context.fingerprint))
            assert quantiser is not None
            missed = quantiser.model_copy(update={"quantiser": quantiser.version, "recall": 0.3})
            assert not RecallGate(None, context).allows(missed)

    monkeypatch.setattr(train_quantiser, "train_quantiser", train)

    run(shop, "quantiser")
    run(shop, "quantiser")
    assert trained == [100], "once"
    miss()
    run(shop, "quantiser")
    assert trained == [100, 100], "a miss is answered at once"
    miss()
    [result] = run(shop, "quantiser")
    assert trained == [100, 100], "and not again while the photos are the same"
    assert "missed its recall again" in str(result.note)
    shop.list_hours(8, photos=50)
    for name in ("images", "embeddings"):
        run(shop, name, hours(0, 8))
    run(shop, "quantiser")
    assert trained == [100, 100, 400], "but for four times as many"


def test_two_runs_of_one_window_at_once_end_as_one(shop: Shop) -> None:
    shop.list_hours(4)
    run(shop, "embedder")

    both = [_start(shop, name="images"), _start(shop, name="images")]
    assert [process.wait(60) for process in both] == [0, 0]
    both = [_start(shop, name="embeddings"), _start(shop, name="embeddings")]
    assert [process.wait(60) for process in both] == [0, 0]

    with StepContext(shop.settings) as context:
        for hour in hours(0, 4):
            address = Address.embeddings(context.fingerprint, hour)
            assert len(context.repository.versions(address)) == 1
        assert not list(context.repository.verify())


@pytest.mark.parametrize("delay_s", [0.4, 0.9, 1.4])
def test_after_a_kill_at_any_point_the_next_run_finishes(shop: Shop, delay_s: float) -> None:
    shop.list_hours(24, photos=2)
    run(shop, "embedder")
    run(shop, "images", hours(0, 24))

    process = _start(shop, name="embeddings", count=24)
    time.sleep(delay_s)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    results = run(shop, "embeddings", hours(0, 24))

    assert sum(result.rows for result in results) == 48
    with StepContext(shop.settings) as context:
        assert not list(context.repository.verify())
        shelf = context.shelf(Kind.EMBEDDINGS)
        for hour in hours(0, 24):
            EmbeddingsFolder.open(shelf.folder(shelf.require(hour, ""))).read_vectors()


def test_by_hand_a_step_prints_its_results(shop: Shop) -> None:
    shop.list_hours(1)

    process = _start(shop, name="images", count=1, speaks=True)
    out, _ = process.communicate(timeout=60)

    assert process.returncode == 0
    assert '"rows":2' in out.decode()


def test_a_step_that_cannot_work_says_why(shop: Shop) -> None:
    shop.list_hours(1)
    run(shop, "embedder")
    process = _start(shop, name="embeddings", count=1, speaks=True)
    _, error = process.communicate(timeout=60)

    assert process.returncode == 1
    assert b"error: the photos of hourly/2026-01-01T00 have not been fetched" in error


def _start(
    shop: Shop, name: str, count: int = 4, *, speaks: bool = False
) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "photosearch_assets.steps", name, "--windows"]
    return subprocess.Popen(
        [*command, *(window.key for window in hours(0, count))],
        env={**os.environ, "PHOTOSEARCH_SETTINGS": str(Path(shop.root) / SETTINGS_FILE)},
        stdout=subprocess.PIPE if speaks else None,
        stderr=subprocess.PIPE if speaks else None,
    )


def test_a_disk_that_fills_up_under_a_steps_files_is_a_clear_error(shop: Shop) -> None:
    def without_room() -> None:
        with StepContext(shop.settings) as context:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
            full = pytest.raises(StepError, match=r"files for mine can't be written.*ulimit -f")
            with full, context.work_folder("mine") as work:
                (work / "vectors").write_bytes(b"x" * 2000)

    assert end_of(in_process(without_room)) == 0
    assert list((shop.settings.state / "work").iterdir()) == []
