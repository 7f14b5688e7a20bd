"""The automation conditions, tick by tick, and the reconciler beside them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from photosearch.windows import Granularity, Window
from photosearch_assets.component import definitions_of
from photosearch_assets.dag import DagStep, StepGranularity
from photosearch_assets.sensors.automation import condition_of
from tests.assets.conftest import START, Shop, hours

STEPS = [
    DagStep(name=name, granularity=StepGranularity(granularity), after=after, command=["x"])
    for name, granularity, after in [
        ("embedder", "none", []),
        ("images", "hourly", []),
        ("embeddings", "hourly", ["images", "embedder"]),
        ("quantiser", "none", ["embeddings"]),
        ("hourly_index", "hourly", ["embeddings", "quantiser"]),
        ("daily_index", "daily", ["hourly_index"]),
        ("monthly_index", "monthly", ["daily_index"]),
    ]
]


class Clock:
    """Ticks over the real definitions, with materialisations told to the instance by hand."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.defs = definitions_of(STEPS)
        self.cursor: Any = None

    def tick(self, at: datetime) -> dict[str, set[str]]:
        """What the conditions ask for at this moment: partition keys by asset."""
        ended = dg.evaluate_automation_conditions(
            self.defs,
            self.instance,
            asset_selection=dg.AssetSelection.assets(*(step.name for step in STEPS)),
            evaluation_time=at,
            cursor=self.cursor,
        )
        self.cursor = ended.cursor
        return {
            step.name: asked
            for step in STEPS
            if (asked := _keys(ended.get_requested_partitions(dg.AssetKey(step.name))))
        }

    def made(self, name: str, windows: Sequence[Window] = ()) -> None:
        for key in (*(window.start_text for window in windows),) or (None,):
            self.instance.report_runless_asset_event(dg.AssetMaterialization(name, partition=key))


def _keys(partitions: Any) -> set[str]:
    return {key or "once" for key in partitions}


@pytest.fixture
def clock(shop: Shop) -> Clock:
    return Clock(dg.DagsterInstance.ephemeral())


def keys(windows: Sequence[Window]) -> set[str]:
    return {window.start_text for window in windows}


MORNING = START + timedelta(hours=3, minutes=1)


def test_a_backlog_is_asked_for_once(clock: Clock) -> None:
    first = clock.tick(MORNING)
    second = clock.tick(MORNING + timedelta(minutes=1))

    assert first == {"images": keys(hours(0, 3))}, "the embedder is the reconciler's"
    assert second == {}


def test_an_hour_is_asked_for_when_it_is_over(clock: Clock) -> None:
    clock.tick(MORNING)

    asked = clock.tick(MORNING + timedelta(hours=1))

    assert asked == {"images": keys(hours(3, 1))}


def test_a_step_waits_until_all_its_inputs_are_there(clock: Clock) -> None:
    clock.tick(MORNING)
    clock.made("images", hours(0, 3))
    without_embedder = clock.tick(MORNING + timedelta(minutes=1))

    clock.made("embedder")
    with_embedder = clock.tick(MORNING + timedelta(minutes=2))

    assert without_embedder == {}
    together = {"embeddings": keys(hours(0, 3)), "hourly_index": keys(hours(0, 3))}
    assert with_embedder == together, "one run makes both"


def test_indexes_do_not_wait_for_a_quantiser(clock: Clock) -> None:
    clock.tick(MORNING)
    for name in ("embedder",):
        clock.made(name)
    clock.made("images", hours(0, 3))
    clock.made("embeddings", hours(0, 3))

    asked = clock.tick(MORNING + timedelta(minutes=1))

    assert asked == {"hourly_index": keys(hours(0, 3))}


def test_a_day_is_asked_for_when_its_last_hour_is_there(clock: Clock) -> None:
    night = START + timedelta(hours=24, minutes=1)
    _all_hours(clock, 23)
    clock.tick(night)
    before = clock.tick(night + timedelta(minutes=1))

    _all_hours(clock, 1, first=23)
    after = clock.tick(night + timedelta(minutes=2))

    assert "daily_index" not in before
    assert after["daily_index"] == {"2026-01-01"}


def test_late_data_rebuilds_what_is_made_from_it(clock: Clock) -> None:
    night = START + timedelta(hours=24, minutes=1)
    _all_hours(clock, 24)
    clock.made("daily_index", [Window.parse("daily/2026-01-01")])
    clock.tick(night)
    assert clock.tick(night + timedelta(minutes=1)) == {}

    clock.made("images", hours(5, 1))
    second = clock.tick(night + timedelta(minutes=2))
    clock.made("embeddings", hours(5, 1))
    clock.made("hourly_index", hours(5, 1))
    third = clock.tick(night + timedelta(minutes=3))

    assert second == {"embeddings": keys(hours(5, 1)), "hourly_index": keys(hours(5, 1))}
    assert third == {"daily_index": {"2026-01-01"}}


def test_a_new_quantiser_triggers_nothing_by_itself(clock: Clock) -> None:
    _all_hours(clock, 3)
    clock.tick(MORNING)

    clock.made("quantiser")

    assert clock.tick(MORNING + timedelta(minutes=1)) == {}
    assert [step.name for step in STEPS if condition_of(step, STEPS) is None] == [
        "embedder",
        "quantiser",
    ]


def test_a_run_in_progress_is_not_asked_for_again(clock: Clock, shop: Shop) -> None:
    clock.tick(MORNING)
    clock.made("embedder")
    job = clock.defs.resolve_implicit_global_asset_job_def()
    clock.instance.create_run_for_job(
        job,
        tags={"dagster/partition": hours(3, 1)[0].start_text},
        asset_selection=frozenset([dg.AssetKey("images")]),
        status=dg.DagsterRunStatus.STARTED,
    )

    asked = clock.tick(MORNING + timedelta(hours=1))

    assert asked == {}


def _all_hours(clock: Clock, count: int, first: int = 0) -> None:
    clock.made("embedder")
    for name in ("images", "embeddings", "hourly_index"):
        clock.made(name, hours(first, count))


def test_there_is_a_sensor_for_each_granularity_and_it_is_running(shop: Shop) -> None:
    sensors = {
        sensor.name: sensor.default_status
        for sensor in definitions_of(STEPS).sensors or ()
        if isinstance(sensor, dg.SensorDefinition)
    }

    assert set(sensors) == {
        *(f"build_{granularity}" for granularity in Granularity),
        "reconciler",
    }
    assert set(sensors.values()) == {dg.DefaultSensorStatus.RUNNING}


def test_sensors_start_switched_off_where_the_settings_say_so(shop: Shop) -> None:
    shop.configure(automation=False)

    sensors = definitions_of(STEPS).sensors or ()

    assert {getattr(sensor, "default_status", None) for sensor in sensors} == {
        dg.DefaultSensorStatus.STOPPED
    }
