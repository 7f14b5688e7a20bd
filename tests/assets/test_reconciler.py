"""The reconciler: what it asks for when the stores differ, and when it keeps still."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from photosearch.windows import Granularity, Window
from photosearch_assets.definitions import load
from photosearch_assets.instance.run_locks import RunLocks
from photosearch_assets.planning.attempts import Attempt, read_attempts
from photosearch_assets.planning.demands import Demand, choose, demands_of
from photosearch_assets.planning.plan import DueWork
from photosearch_assets.sensors import reconciler
from photosearch_assets.sensors.reconciler import being_made
from photosearch_assets.sensors.shipping import ASSETS as SHIPPED
from photosearch_assets.steps.context import StepContext
from tests.assets.by_hand import TOMORROW, due, run_step, want_embedder
from tests.assets.conftest import START, Shop, hours
from tests.assets.sensing import evaluate, queue, run, sensor_named

DAY = Window.parse("daily/2026-01-01")
MONTH = Window.parse("monthly/2026-01")
HOURLY = ("images", "embeddings", "hourly_index")


@pytest.fixture
def built(shop: Shop) -> Shop:
    """A shop whose first day is all made."""
    shop.list_hours(24, photos=1)
    run_step(shop, "embedder")
    for name in HOURLY:
        run_step(shop, name, hours(0, 24))
    run_step(shop, "daily_index", [DAY])
    return shop


def test_what_is_made_is_not_due(built: Shop) -> None:
    assert due(built).is_empty


def test_late_listings_make_their_hour_and_its_day_due(built: Shop) -> None:
    built.list_photo("p99.png", START + timedelta(hours=5, minutes=30))

    found = due(built)

    assert found.images == found.embeddings == found.hours == hours(5, 1)
    assert found.days == [DAY]


def test_a_listing_that_is_gone_makes_its_hour_due(built: Shop) -> None:
    with StepContext(built.settings) as context:
        context.catalogue.replace([], [], ["p7.png"])

    assert due(built).images == hours(7, 1)


def test_a_new_quantiser_makes_every_index_due(built: Shop) -> None:
    built.configure(quantiser_min_photos=100)
    for number in range(100, 180):
        built.list_photo(f"p{number}.png", START + timedelta(hours=3, minutes=number % 60))
    for name in ("images", "embeddings"):
        run_step(built, name, hours(3, 1))
    assert due(built).quantiser

    run_step(built, "quantiser")

    found = due(built)
    assert not found.quantiser
    assert found.hours == hours(0, 24)
    assert found.days == [DAY]


def test_a_new_embedder_makes_everything_due(built: Shop) -> None:
    built.configure(embedder_precision="float32")
    assert not due(built).embedder, "the settings alone want none"
    want_embedder(built, embedder_precision="float32")

    found = due(built)

    assert found.embedder
    assert found.images == []
    assert found.embeddings == hours(0, 24)


def test_coarse_windows_wait_for_their_finer_ones() -> None:
    work = DueWork(images=hours(5, 1), embeddings=hours(5, 1), hours=hours(5, 1), days=[DAY])

    assert _names(demands_of(work, set())) == ["images+embeddings+hourly_index"]
    assert _names(demands_of(DueWork(days=[DAY], months=[MONTH]), set())) == ["daily_index"]
    assert _names(demands_of(DueWork(months=[MONTH]), set())) == ["monthly_index"]


def test_nothing_is_asked_for_before_there_is_an_embedder() -> None:
    work = DueWork(embedder=True, images=hours(0, 9), embeddings=hours(0, 9))

    assert _names(demands_of(work, set())) == ["embedder"]
    assert _names(demands_of(work, {("embedder", None)})) == []


def test_windows_that_a_run_is_making_are_left_to_it() -> None:
    work = DueWork(hours=hours(0, 60))
    busy: set[tuple[str, Window | None]] = {("hourly_index", hour) for hour in hours(10, 50)}

    [demand] = demands_of(work, busy)

    assert demand.windows == hours(0, 10)


def test_the_newest_windows_are_asked_for_first() -> None:
    work = DueWork(hours=[*hours(0, 2), *hours(1000, 2)])

    assert [demand.windows[0] for demand in demands_of(work, set())] == [
        hours(1000, 1)[0],
        hours(0, 1)[0],
    ]


def test_an_attempt_is_repeated_after_a_growing_pause_under_a_new_key() -> None:
    demand = Demand(("hourly_index",), hours(0, 1))
    attempts: dict[str, Attempt] = {}
    keys = []
    asked_at = []
    for now in range(1000, 1000 + 16 * 60, 30):
        requests, attempts = choose([demand], attempts, 4, now)
        asked_at += [now - 1000] * len(requests)
        keys += [request.run_key for request in requests]

    assert asked_at == [0, 60, 180, 420, 900]
    assert len(set(keys)) == len(keys)


def test_an_hour_that_fails_again_and_again_holds_up_neither_quantiser_nor_indexes() -> None:
    stuck = hours(5, 1)
    work = DueWork(images=[], embeddings=stuck, quantiser=True, hours=hours(0, 9), days=[DAY])

    requests, attempts = choose([*demands_of(work, set())], {}, 4, 1000)
    assert _assets(requests) == ["images+embeddings+hourly_index"], "it is given its try first"
    busy: set[tuple[str, Window | None]] = {("embeddings", stuck[0])}
    assert [*demands_of(work, busy)] == []
    requests, attempts = choose([*demands_of(work, set())], attempts, 4, 1010)
    assert _assets(requests) == ["quantiser"], "and in its pause the quantiser is trained"

    trained = DueWork(embeddings=stuck, hours=hours(0, 9), days=[DAY])
    requests, _ = choose([*demands_of(trained, set())], attempts, 4, 1020)
    assert _assets(requests) == ["hourly_index", "hourly_index"], "on both sides of it"
    starts = [request.tags["dagster/asset_partition_range_start"] for request in requests]
    assert starts == ["2026-01-01T06", "2026-01-01T00"]


def test_a_quantiser_that_can_not_be_trained_holds_up_no_index() -> None:
    work = DueWork(quantiser=True, hours=hours(0, 2))

    requests, attempts = choose([*demands_of(work, set())], {}, 4, 1000)
    assert _assets(requests) == ["quantiser"], "every index waits for it"
    assert [*demands_of(work, {("quantiser", None)})] == []
    requests, _ = choose([*demands_of(work, set())], attempts, 4, 1010)

    assert _assets(requests) == ["hourly_index"]


def test_what_was_made_and_never_recorded_is_asked_for_to_be_recorded(
    built: Shop, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a run that was killed before its end."""
    put_clock(monkeypatch)
    defs = load()
    tell_all(instance, without=("hourly_index", hours(3, 2)))

    first = evaluate(sensor_named(defs, "reconciler"), instance, defs, None)
    [request] = first.run_requests
    assert run(instance, defs, request)
    second = evaluate(sensor_named(defs, "reconciler"), instance, defs, first.cursor)

    assert request.asset_selection == [dg.AssetKey("hourly_index")]
    told = instance.get_materialized_partitions(dg.AssetKey("hourly_index"))
    assert told == {hour.start_text for hour in hours(0, 24)}
    assert second.run_requests == []


def test_a_backfill_that_was_just_asked_for_is_waited_for(
    built: Shop, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    built.list_photo("p99.png", START + timedelta(hours=5, minutes=30))
    work = due(built)
    backfill = SimpleNamespace(
        status=SimpleNamespace(value="REQUESTED"),
        backfill_timestamp=TOMORROW.timestamp(),
        asset_selection=[dg.AssetKey("embeddings")],
    )
    monkeypatch.setattr(dg.DagsterInstance, "get_backfills", lambda _self, **_how: [backfill])

    young = reconciler.about_to_be_made(instance, work, TOMORROW + timedelta(seconds=5))
    later = reconciler.about_to_be_made(instance, work, TOMORROW + timedelta(minutes=5))

    assert _names(demands_of(work, young)) == []
    assert _names(demands_of(work, later)) == ["images+embeddings+hourly_index"]


def test_it_does_not_flood_the_queue() -> None:
    demands = [Demand(("hourly_index",), [hour]) for hour in hours(0, 50)]

    requests, attempts = choose(demands, {}, 4, 1000)
    more, _ = choose(demands, attempts, 0, 2000)

    assert len(requests) == 4
    assert more == []


def test_a_broken_cursor_begins_anew(built: Shop) -> None:
    assert read_attempts("not json") == {}
    assert read_attempts('{"a": {"count": 3, "since": 1, "at": 2}}')["a"].count == 3


def test_the_sensor_asks_for_late_listings_and_keeps_still_while_they_are_made(
    built: Shop, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_clock(monkeypatch)
    defs = load()
    sensor = sensor_named(defs, "reconciler")
    tell_all(instance)
    built.list_photo("p99.png", START + timedelta(hours=5, minutes=30))

    first = evaluate(sensor, instance, defs, None)
    queue(instance, defs, first.run_requests)
    second = evaluate(sensor, instance, defs, first.cursor)

    [request] = first.run_requests
    assert [key.to_user_string() for key in request.asset_selection] == [
        "images",
        "embeddings",
        "hourly_index",
    ]
    assert request.tags["dagster/asset_partition_range_start"] == "2026-01-01T05"
    assert not second.run_requests
    assert json.loads(second.cursor)


def test_runs_are_read_by_their_partitions(built: Shop, instance: dg.DagsterInstance) -> None:
    defs = load()
    demand = Demand(("hourly_index",), hours(2, 3))
    queue(instance, defs, [demand.request(Attempt().again(5))])

    busy = being_made(
        reconciler.living_runs(instance, built.settings), {"hourly_index": Granularity.HOURLY}
    )

    assert busy == {("hourly_index", hour) for hour in hours(2, 3)}


def test_a_run_whose_process_was_killed_is_declared_failed(
    shop: Shop, instance: dg.DagsterInstance
) -> None:
    defs = load()
    [dead, alive] = (
        queue(instance, defs, [Demand(("embedder",), ()).request(Attempt().again(n))])[0]
        for n in (1, 2)
    )
    for run_id in (dead, alive):
        _started(instance, run_id)
    killed = _process_of(shop, dead)
    killed.kill()
    killed.wait(10)
    worker = _process_of(shop, alive)

    living = reconciler.living_runs(instance, shop.settings)
    worker.kill()
    worker.wait(10)

    assert [run.run_id for run in living] == [alive]
    gone = instance.get_run_by_id(dead)
    assert gone is not None
    assert gone.status is dg.DagsterRunStatus.FAILURE


def test_a_run_whose_process_was_killed_before_its_first_step_is_declared_failed(
    shop: Shop, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It took no lock. Nothing would be shipped while the sensor waits for it to end."""
    [run_id] = queue(instance, load(), [Demand(SHIPPED, ()).request(Attempt().again(1))])
    _started(instance, run_id)
    assert [run.run_id for run in reconciler.living_runs(instance, shop.settings)] == [run_id]

    monkeypatch.setattr(reconciler, "BEGINS_WITHIN_S", 0.0)

    assert reconciler.living_runs(instance, shop.settings) == []
    gone = instance.get_run_by_id(run_id)
    assert gone is not None
    assert gone.status is dg.DagsterRunStatus.FAILURE


def test_a_run_that_ended_while_it_was_looked_at_stays_as_it_ended(
    shop: Shop, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    [run_id] = queue(instance, load(), [Demand(("embedder",), ()).request(Attempt().again(1))])
    _started(instance, run_id)

    def ends_well(_at_work: RunLocks, run_id: str) -> bool:
        _tell(instance, run_id, "PIPELINE_SUCCESS")
        return True  # its process is gone too

    monkeypatch.setattr(RunLocks, "is_dead", ends_well)

    assert reconciler.living_runs(instance, shop.settings) == []

    run = instance.get_run_by_id(run_id)
    assert run is not None
    assert run.status is dg.DagsterRunStatus.SUCCESS


def put_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the sensor think that the first day is over."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return TOMORROW + timedelta(minutes=10)

    monkeypatch.setattr(reconciler, "datetime", Clock)


def tell_all(instance: dg.DagsterInstance, *, without: tuple[str, list[Window]] = ("", [])) -> None:
    """Record all of the first day in Dagster, which was made by hand."""
    made: dict[str, list[Window]] = dict.fromkeys(HOURLY, hours(0, 24)) | {"daily_index": [DAY]}
    asset, left_out = without
    for name, windows in made.items():
        for window in windows:
            if name != asset or window not in left_out:
                told = dg.AssetMaterialization(name, partition=window.start_text)
                instance.report_runless_asset_event(told)
    instance.report_runless_asset_event(dg.AssetMaterialization("embedder"))


def _assets(requests: Sequence[dg.RunRequest]) -> list[str]:
    return [
        "+".join(key.to_user_string() for key in request.asset_selection or ())
        for request in requests
    ]


def _names(demands: Iterator[Demand]) -> list[str]:
    return ["+".join(demand.assets) for demand in demands]


def _started(instance: dg.DagsterInstance, run_id: str) -> None:
    _tell(instance, run_id, "PIPELINE_START")


def _tell(instance: dg.DagsterInstance, run_id: str, event: str) -> None:
    from dagster._core.events import DagsterEvent

    run = instance.get_run_by_id(run_id)
    assert run is not None
    instance.report_dagster_event(DagsterEvent(event, run.job_name), run_id)


def _process_of(shop: Shop, run_id: str) -> "subprocess.Popen[bytes]":
    """A process that works on a run and does not end by itself."""
    script = (
        "import sys, time\n"
        "from photosearch.settings.settings import load_settings\n"
        "from photosearch_assets.instance.runs_at_work import open_runs_at_work\n"
        "open_runs_at_work(load_settings()).hold(sys.argv[1])\n"
        "time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, run_id], env=dict(os.environ))
    deadline = time.monotonic() + 30
    file = shop.settings.state / "runs" / run_id
    while not file.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.2)
    return process


@pytest.mark.parametrize("jump_s", [-3 * 86_400, 3 * 86_400])
def test_a_clock_that_jumps_keeps_no_run_from_being_asked_for(jump_s: int) -> None:
    demand = Demand(("embedder",), ())
    now = int(START.timestamp())
    [first], attempts = choose([demand], {}, 5, now)
    assert choose([demand], attempts, 5, now + 1)[0] == []

    [again], attempts = choose([demand], attempts, 5, now + jump_s)

    assert again.run_key != first.run_key  # Dagster would drop a run whose key it knows
    assert choose([demand], attempts, 5, now + jump_s + 1)[0] == []
