"""Publishing an index ships it, without anybody asking: the sensor and its two assets."""

import json
import shutil
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from index_grpc.serving.desk import CrashingServing
from index_grpc.serving.opening import open_desk
from index_grpc.shipping.image import find_serving_image
from index_grpc.shipping.reconcile import ServingReconciler
from photosearch.oci.opening import open_builder
from photosearch_assets.definitions import load
from photosearch_assets.sensors import shipping
from tests.assets.by_hand import run_step
from tests.assets.conftest import Shop, hours
from tests.assets.sensing import evaluate, queue, run, sensor_named


class Dagster:
    """The sensor and its runs; the clock is put forward by hand."""

    def __init__(self, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
        self.instance = instance
        self.defs = load()
        self.sensor = sensor_named(self.defs, "shipping")
        self.cursor: str | None = None
        self.later = timedelta()
        dagster = self

        class Clock(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
                return datetime.now(tz) + dagster.later

        monkeypatch.setattr(shipping, "datetime", Clock)

    def tick(self) -> list[Any]:
        """What the sensor asks for now."""
        answer = evaluate(self.sensor, self.instance, self.defs, self.cursor)
        if isinstance(answer, dg.SkipReason):
            return []
        self.cursor = answer.cursor
        return list(answer.run_requests)

    def tick_and_run(self) -> bool:
        """One tick, and what it asks for; whether that succeeded."""
        [request] = self.tick()
        return run(self.instance, self.defs, request)


@pytest.fixture
def dagster(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> Dagster:
    return Dagster(instance, monkeypatch)


@pytest.fixture
def indexed(shop: Shop) -> Shop:
    """Two hours indexed, and nothing shipped."""
    shop.list_hours(2)
    run_step(shop, "embedder")
    for name in ("images", "embeddings", "hourly_index"):
        run_step(shop, name, hours(0, 2))
    return shop


def test_a_published_index_gets_an_image_and_a_serving_and_then_the_sensor_rests(
    indexed: Shop, dagster: Dagster
) -> None:
    assert dagster.tick_and_run()

    [serving] = open_desk(indexed.settings).asked().values()
    assert [held.window for held in serving.windows] == hours(0, 2)
    assert serving.image == find_serving_image(serving, open_builder(indexed.settings))
    assert dagster.tick() == []


def test_another_version_is_another_serving_and_the_former_may_retire(
    indexed: Shop, dagster: Dagster
) -> None:
    assert dagster.tick_and_run()
    [former] = open_desk(indexed.settings).asked()

    indexed.list_photo("p99.png", hours(1, 1)[0].start + timedelta(minutes=50))
    for name in ("images", "embeddings", "hourly_index"):
        run_step(indexed, name, hours(1, 1))
    assert dagster.tick_and_run()

    [serving] = open_desk(indexed.settings).asked()
    assert serving != former


def test_while_a_run_is_at_it_the_sensor_asks_for_no_other(
    indexed: Shop, dagster: Dagster, instance: dg.DagsterInstance
) -> None:
    requests = dagster.tick()
    queue(instance, dagster.defs, requests)
    indexed.list_photo("p99.png", hours(1, 1)[0].start + timedelta(minutes=50))
    for name in ("images", "embeddings", "hourly_index"):
        run_step(indexed, name, hours(1, 1))

    assert dagster.tick() == []


def test_a_failed_build_is_tried_again_after_a_pause_that_grows(
    indexed: Shop, dagster: Dagster
) -> None:
    registry = indexed.settings.state / "registry" / "blobs"
    registry.parent.mkdir()
    registry.write_text("in the way of the folder")

    assert not dagster.tick_and_run()
    assert dagster.tick() == []
    dagster.later += timedelta(seconds=11)
    assert not dagster.tick_and_run()
    dagster.later += timedelta(seconds=11)
    assert dagster.tick() == []
    registry.unlink()
    dagster.later += timedelta(seconds=11)

    assert dagster.tick_and_run()
    assert len(open_desk(indexed.settings).asked()) == 1


def test_a_deleted_image_and_a_deleted_serving_are_made_again(
    indexed: Shop, dagster: Dagster
) -> None:
    assert dagster.tick_and_run()
    before = open_desk(indexed.settings).asked()
    assert dagster.tick() == []

    shutil.rmtree(indexed.settings.state / "registry")
    dagster.later += timedelta(seconds=1)
    assert dagster.tick_and_run()
    assert open_desk(indexed.settings).asked() == before  # the same digest again

    shutil.rmtree(indexed.settings.servings_dir)
    assert dagster.tick_and_run()
    assert open_desk(indexed.settings).asked() == before


def test_a_damaged_index_is_left_out_named_by_a_check_and_shipped_once_it_is_repaired(
    indexed: Shop, dagster: Dagster, instance: dg.DagsterInstance
) -> None:
    [vectors] = (indexed.settings.state / "repository/windows").glob(
        f"*/{hours(1, 1)[0].key}/index/*/vectors.npy"
    )
    whole = vectors.read_bytes()
    flip(vectors)

    assert dagster.tick_and_run()

    [serving] = open_desk(indexed.settings).asked().values()
    assert [held.window for held in serving.windows] == hours(0, 1)
    [refused] = open_desk(indexed.settings).refused("builder")
    assert refused.window == hours(1, 1)[0]
    checked = checks(instance)
    assert checked.keys() == {"every_pack_has_an_image", "every_pack_loads"}
    for evaluation in checked.values():
        assert not evaluation.passed
        assert "vectors.npy" in str(evaluation.metadata["found"].value)
    assert dagster.tick() == []  # it rests until the next try

    vectors.write_bytes(whole)
    refused_file = indexed.settings.servings_dir / ".refused-by-builder.json"
    told = json.loads(refused_file.read_text())
    told["refused"][0]["retry_at"] = "2026-01-01T00:00:00Z"
    refused_file.write_text(json.dumps(told))
    assert dagster.tick_and_run()
    [serving] = open_desk(indexed.settings).asked().values()
    assert len(serving.windows) == 2
    assert open_desk(indexed.settings).refused("builder") == []


def test_a_pack_whose_server_crashes_is_taken_apart_and_named_by_a_check(
    indexed: Shop, dagster: Dagster, instance: dg.DagsterInstance
) -> None:
    assert dagster.tick_and_run()
    assert checks(instance)["every_pack_loads"].passed
    [pack] = open_desk(indexed.settings).asked().values()
    crashing = CrashingServing(
        name=pack.name,
        windows=pack.windows,
        apart=pack.windows,
        reason="killed by SIGSEGV, after 'Fatal Python error: Segmentation fault'; see x.log",
        crashes=3,
        retry_at=datetime(2026, 11, 23, 14, 31, tzinfo=UTC),
    )
    open_desk(indexed.settings).tell_crashing([crashing])

    assert dagster.tick_and_run()

    servings = open_desk(indexed.settings).asked()
    assert sorted(len(one.windows) for one in servings.values()) == [1, 1]
    assert pack.name not in servings
    evaluation = checks(instance)["every_pack_loads"]
    assert not evaluation.passed
    found = str(evaluation.metadata["found"].value)
    assert f"Serving {pack.name} (2 windows" in found
    assert "crashed 3 times as it loaded: killed by SIGSEGV" in found
    assert dagster.tick() == []

    open_desk(indexed.settings).tell_crashing([])
    assert dagster.tick_and_run()
    assert list(open_desk(indexed.settings).asked()) == [pack.name]
    assert checks(instance)["every_pack_loads"].passed


def test_two_builders_at_once_build_once(indexed: Shop) -> None:
    sent: list[int] = []

    def build() -> None:
        built = ServingReconciler.open(indexed.settings).build()
        assert not built.failed
        sent.extend(image.pushed_layers for _, image in built.images)

    threads = [threading.Thread(target=build) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert min(sent) == 0 < max(sent)


def checks(instance: dg.DagsterInstance) -> dict[str, Any]:
    """What the checks of the last run found, by their names."""
    records = instance.get_records_for_run(
        last_run(instance), of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
    ).records
    events: list[Any] = [one.event_log_entry.get_dagster_event() for one in records]
    return {one.event_specific_data.check_name: one.event_specific_data for one in events}


def last_run(instance: dg.DagsterInstance) -> str:
    return instance.get_run_records(limit=1)[0].dagster_run.run_id


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.chmod(0o644)
    file.write_bytes(content)
