"""Which materialisation a check is about.

Dagster names it by a type that has no public home, and takes an evaluation without one for
outdated. Where a run has one partition it fills it in by itself, where it has many it does not.
"""

import time
from collections.abc import Collection, Mapping

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData as Target,
)

__all__ = ["Target", "latest_target", "targets_of_run"]


def targets_of_run(
    instance: dg.DagsterInstance, asset: dg.AssetKey, run_id: str, partitions: Collection[str]
) -> Mapping[str, Target]:
    """The materialisations that a run has just recorded of these partitions, by one query."""
    if not partitions:
        return {}
    ids = instance.get_latest_storage_id_by_partition(
        asset, dg.DagsterEventType.ASSET_MATERIALIZATION, {*partitions}
    )
    now = time.time()
    return {
        partition: Target(storage_id=storage_id, run_id=run_id, timestamp=now)
        for partition, storage_id in ids.items()
    }


def latest_target(
    instance: dg.DagsterInstance, asset: dg.AssetKey, partition: str | None
) -> Target | None:
    """The latest materialisation of a partition, or of an asset without them, if there is one."""
    wanted = dg.AssetRecordsFilter(
        asset_key=asset, asset_partitions=None if partition is None else [partition]
    )
    for record in instance.fetch_materializations(wanted, limit=1).records:
        return Target(
            storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp
        )
    return None
