"""Our event log beside the stock one: the same story, told faster."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml  # type: ignore[import-untyped]
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData as Target,
)
from dagster._core.storage.asset_check_state import AssetCheckState
from dagster._core.storage.event_log.base import EventLogStorage

KEYS = [f"2026-01-01T{hour:02}" for hour in range(6)]


postgres = pytest.mark.postgres


@pytest.fixture(
    params=[
        "stock",
        "ours",
        pytest.param("stock on PostgreSQL", marks=postgres),
        pytest.param("ours on PostgreSQL", marks=postgres),
    ]
)
def instance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    kind, _, on_postgres = request.param.partition(" on ")
    config: dict[str, Any] = {"base_dir": str(tmp_path / "storage")}
    if on_postgres:
        config = {"postgres_url": request.getfixturevalue("postgres_url")}
    storage: dict[str, Any] = {"postgres" if on_postgres else "sqlite": config}
    if kind == "ours":
        module, name = (
            ("postgres_storage", "PhotosearchPostgresStorage")
            if on_postgres
            else ("event_storage", "PhotosearchSqliteStorage")
        )
        module = f"photosearch_assets.instance.{module}"
        storage = {"custom": {"module": module, "class": name, "config": config}}
    config = {"storage": storage, "telemetry": {"enabled": False}}
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(config))
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        yield instance


def asset(
    failing: str | None = None, stops_at: str | None = None, quiet: str | None = None
) -> dg.AssetsDefinition:
    partitions = dg.HourlyPartitionsDefinition("2026-01-01T00", fmt="%Y-%m-%dT%H")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check = dg.AssetCheckSpec("sound", asset="thing", partitions_def=partitions)

    @dg.multi_asset(
        specs=[dg.AssetSpec("thing", partitions_def=partitions)],
        check_specs=[check],
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def thing(context: dg.AssetExecutionContext) -> Iterator[Any]:
        for key in context.partition_keys:
            context.add_asset_metadata({"rows": len(key)}, partition_key=key)
        yield dg.MaterializeResult(data_version=dg.DataVersion("seven"))
        made = context.instance.get_latest_storage_id_by_partition(
            dg.AssetKey("thing"), dg.DagsterEventType.ASSET_MATERIALIZATION
        )
        for key in context.partition_keys:
            if key == stops_at:
                raise ValueError(key)
            if key == quiet:
                continue
            yield dg.AssetCheckEvaluation(
                dg.AssetKey("thing"),
                "sound",
                key != failing,
                partition=key,
                target_materialization_data=Target(
                    storage_id=made[key], run_id=context.run.run_id, timestamp=0.0
                ),
            )
        yield dg.Output(None, output_name="thing_sound")

    return thing


def materialize(
    instance: dg.DagsterInstance, first: str = KEYS[0], last: str = KEYS[-1], **options: Any
) -> Any:
    return dg.materialize(
        [asset(**options)],
        instance=instance,
        tags={
            "dagster/asset_partition_range_start": first,
            "dagster/asset_partition_range_end": last,
        },
        raise_on_error=False,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )


def test_all_partitions_are_materialized_with_their_own_metadata(
    instance: dg.DagsterInstance,
) -> None:
    ended = materialize(instance)

    assert ended.success
    assert sorted(instance.get_materialized_partitions(dg.AssetKey("thing"))) == KEYS
    records = instance.fetch_materializations(dg.AssetKey("thing"), limit=100).records
    assert sorted(str(record.partition_key) for record in records) == KEYS
    assert len({record.storage_id for record in records}) == len(KEYS)
    last = instance.get_latest_materialization_event(dg.AssetKey("thing"))
    assert last is not None
    assert last.asset_materialization is not None
    assert last.asset_materialization.partition == KEYS[-1]
    assert (last.asset_materialization.tags or {})["dagster/data_version"] == "seven"


def test_the_run_tells_every_event_once_and_in_order(instance: dg.DagsterInstance) -> None:
    ended = materialize(instance)

    events = [
        entry.dagster_event
        for entry in instance.all_logs(ended.run_id)
        if entry.dagster_event is not None
    ]
    kinds = [event.event_type_value for event in events]
    assert kinds.count("ASSET_MATERIALIZATION") == len(KEYS)
    assert kinds.count("ASSET_CHECK_EVALUATION") == len(KEYS)
    assert kinds.index("ASSET_MATERIALIZATION") < kinds.index("ASSET_CHECK_EVALUATION")
    assert kinds.index("ASSET_CHECK_EVALUATION") < kinds.index("STEP_SUCCESS")
    assert kinds[-1] == "PIPELINE_SUCCESS"


def test_a_check_is_kept_for_each_partition(instance: dg.DagsterInstance) -> None:
    materialize(instance, failing=KEYS[3])

    storage = instance.event_log_storage
    key = dg.AssetCheckKey(dg.AssetKey("thing"), "sound")
    history = storage.get_asset_check_execution_history(key, limit=100)
    found = {str(record.partition): record.status.value for record in history}
    assert found == {key: "FAILED" if key == KEYS[3] else "SUCCEEDED" for key in KEYS}


def test_dagit_shows_how_each_partitions_check_ended(instance: dg.DagsterInstance) -> None:
    materialize(instance, failing=KEYS[3], quiet=KEYS[2])
    materialize(instance, first=KEYS[4], last=KEYS[5], stops_at=KEYS[5])
    made_anew = dg.AssetMaterialization("thing", partition=KEYS[0])
    instance.report_runless_asset_event(made_anew)
    key = dg.AssetCheckKey(dg.AssetKey("thing"), "sound")
    unknown = dg.AssetCheckKey(dg.AssetKey("thing"), "unknown")
    (checked,) = asset().check_specs
    asked = [(key, checked.partitions_def), (unknown, None)]
    storage = instance.event_log_storage

    states = storage.get_asset_check_state(asked)

    told = told_of(states[key])
    assert told.pop("SKIPPED", None) in (None, [KEYS[2]])  # by Dagster's own storage
    assert told == {
        "SUCCEEDED": [KEYS[1], KEYS[4]],
        "FAILED": [KEYS[3]],
        "EXECUTION_FAILED": [KEYS[5]],
    }
    stock = EventLogStorage.get_asset_check_state(storage, asked)
    assert {**told, "SKIPPED": [KEYS[2]]} == told_of(stock[key])
    assert states[unknown] == stock[unknown]
    assert states[key].in_progress_runs == stock[key].in_progress_runs
    assert states[key].latest_storage_id == stock[key].latest_storage_id


def told_of(state: AssetCheckState) -> dict[str, list[str]]:
    return {
        status.value: sorted(subset.subset_value.get_partition_keys())
        for status, subset in state.subsets.items()
        if not subset.is_empty
    }


@pytest.mark.parametrize(
    "instance",
    ["ours", pytest.param("ours on PostgreSQL", marks=postgres)],
    indirect=True,
)
def test_dagit_shows_no_check_where_there_is_nothing_to_check(
    instance: dg.DagsterInstance,
) -> None:
    """As red as a failed one would a quiet hour look."""
    materialize(instance, quiet=KEYS[2])
    key = dg.AssetCheckKey(dg.AssetKey("thing"), "sound")
    (checked,) = asset().check_specs

    states = instance.event_log_storage.get_asset_check_state([(key, checked.partitions_def)])

    assert told_of(states[key]) == {"SUCCEEDED": [one for one in KEYS if one != KEYS[2]]}


def test_a_second_run_is_told_after_the_first(instance: dg.DagsterInstance) -> None:
    first = materialize(instance)
    second = materialize(instance)

    records = instance.fetch_materializations(dg.AssetKey("thing"), limit=2 * len(KEYS)).records
    assert [record.run_id for record in records] == [second.run_id] * 6 + [first.run_id] * 6
