"""What Dagster's bookkeeping of hours costs, in SQLite files and in PostgreSQL.

A run of a month's hours of an asset with three checks, as the asset of the hourly indexes has, and
nothing made: what is left is Dagster and its storage. Then the question that Dagit's pages of
checks ask, over all hours, as Dagster works it out and as we do. The PostgreSQL is one of its own
on loopback, which waits for its disk as a real one does; before the question it is vacuumed and
analysed, as autovacuum does within a minute. Of each storage the stock one beside ours, which
alone get all hours: the stock ones are measured over a week and shown for the year.
"""

import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
import sqlalchemy as sa
import yaml  # type: ignore[import-untyped]

from bench.rows import BenchRow
from photosearch_assets.instance.check_states import in_dagsters_way
from photosearch_assets.instance.events import connection_to_events, is_on_a_server

HOURS = 8760
HOURS_STOCK = 168
CHECKS = ("covers_inputs", "photo_failure_rate", "recall_at_target")
_START = datetime(2025, 1, 1, tzinfo=UTC)
_FORMAT = "%Y-%m-%dT%H"
_A_RUN = 744
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
_OURS = {
    "SQLite": ("event_storage", "PhotosearchSqliteStorage"),
    "PostgreSQL": ("postgres_storage", "PhotosearchPostgresStorage"),
}

_STOCK = {"SQLite": "sqlite", "PostgreSQL": "postgres"}


def measure() -> list[BenchRow]:
    """All four, in one run."""
    from tests.postgres import administer, running_postgres

    rows: list[BenchRow] = []
    with (
        tempfile.TemporaryDirectory(prefix="bench-storage-") as folder,
        running_postgres(fsync=True) as server,
    ):
        for place in _OURS:
            for is_ours in (True, False):
                config: dict[str, Any] = {"base_dir": f"{folder}/{uuid4().hex}"}
                if place == "PostgreSQL":
                    name = f"bench_{uuid4().hex}"
                    administer(server, f"CREATE DATABASE {name}")
                    config = {"postgres_url": f"{server}/{name}"}
                with _instance(Path(folder), place, config, is_ours=is_ours) as instance:
                    rows += _measured(instance, place, is_ours=is_ours)
    return rows


def _measured(instance: dg.DagsterInstance, place: str, *, is_ours: bool) -> list[BenchRow]:
    hours = HOURS if is_ours else HOURS_STOCK
    whose = "ours" if is_ours else "Dagster's own"
    asset = _asset(hours)
    job = dg.Definitions([asset]).resolve_implicit_global_asset_job_def()
    started = time.perf_counter()
    for first in range(0, hours, _A_RUN):
        last = min(first + _A_RUN, hours) - 1
        ended = job.execute_in_process(
            run_config=_QUIET,
            instance=instance,
            tags={
                "dagster/asset_partition_range_start": _key(first),
                "dagster/asset_partition_range_end": _key(last),
            },
        )
        assert ended.success
    recorded_s = time.perf_counter() - started
    asked = [(spec.key, spec.partitions_def) for spec in asset.check_specs]
    rows = [
        BenchRow(
            f"events of a year's hours, {place}, {whose}",
            recorded_s * HOURS / hours,
            "s",
            None,
            f"{hours} hours in runs of {_A_RUN}, a materialisation and {len(CHECKS)} checks each: "
            f"{recorded_s:.1f} s, {recorded_s / hours / (1 + len(CHECKS)) * 1000:.2f} ms an event",
        )
    ]
    if is_ours:
        if is_on_a_server(instance):
            with connection_to_events(instance) as connection:
                connection.execute(sa.text("VACUUM ANALYZE"))
        storage = instance.event_log_storage
        for name, ask in (
            ("ours", storage.get_asset_check_state),
            ("Dagster's own", lambda keys: in_dagsters_way(storage, keys)),
        ):
            started = time.perf_counter()
            states = ask(asked)
            seconds = time.perf_counter() - started
            assert len(states) == len(CHECKS)
            rows.append(
                BenchRow(
                    f"how the checks of a year ended, {place}, {name}",
                    seconds,
                    "s",
                    "≤ 5" if name == "ours" else None,
                    f"{len(CHECKS)} checks of {hours} hours, as Dagit's pages of checks ask",
                )
            )
    return rows


def _asset(hours: int) -> dg.AssetsDefinition:
    partitions = dg.HourlyPartitionsDefinition(_START, end_date=_hour(hours), fmt=_FORMAT)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        checks = [
            dg.AssetCheckSpec(name, asset="hourly_index", partitions_def=partitions)
            for name in CHECKS
        ]

    @dg.multi_asset(
        specs=[dg.AssetSpec("hourly_index", partitions_def=partitions)],
        check_specs=checks,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def hourly_index(context: dg.AssetExecutionContext) -> Iterator[Any]:
        from photosearch_assets.instance.check_targets import targets_of_run

        for key in context.partition_keys:
            context.add_asset_metadata({"rows": 7, "seconds": 0.1}, partition_key=key)
        yield dg.MaterializeResult()
        made = targets_of_run(
            context.instance,
            dg.AssetKey("hourly_index"),
            context.run.run_id,
            context.partition_keys,
        )
        for key in context.partition_keys:
            for name in CHECKS:
                yield dg.AssetCheckEvaluation(
                    dg.AssetKey("hourly_index"),
                    name,
                    True,
                    metadata={"found": "7 of 7"},
                    partition=key,
                    target_materialization_data=made[key],
                )
        for name in CHECKS:
            yield dg.Output(None, output_name=f"hourly_index_{name}")

    return hourly_index


def _hour(number: int) -> datetime:
    return _START + timedelta(hours=number)


def _key(number: int) -> str:
    return _hour(number).strftime(_FORMAT)


@contextmanager
def _instance(
    folder: Path, place: str, config: dict[str, Any], *, is_ours: bool
) -> Iterator[dg.DagsterInstance]:
    home = folder / uuid4().hex
    home.mkdir()
    storage: dict[str, Any] = {_STOCK[place]: config}
    if is_ours:
        module, name = _OURS[place]
        module = f"photosearch_assets.instance.{module}"
        storage = {"custom": {"module": module, "class": name, "config": config}}
    given = {
        "storage": storage,
        "telemetry": {"enabled": False},
    }
    (home / "dagster.yaml").write_text(yaml.safe_dump(given))
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance
