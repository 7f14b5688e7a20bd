"""A step of the DAG as a Dagster asset.

The asset's body only hands the windows of its run to a step runner and records what comes
back, window by window. When all windows are made, one MaterializeResult carries the metadata
of each partition. When some are not, those that are made are recorded on their own and the
run fails, naming the others: a run over a month is not lost for one bad hour.
"""

import hashlib
import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from photosearch.errors import PhotosearchError
from photosearch.settings.settings import Settings
from photosearch.terminal.wording import first_of
from photosearch.version import CODE_VERSION
from photosearch.windows import Granularity, Window
from photosearch_assets.dag import DagStep
from photosearch_assets.errors import StepError
from photosearch_assets.evaluations import evaluations, is_blocking
from photosearch_assets.instance.runs_at_work import open_runs_at_work
from photosearch_assets.metadata import metadata_of
from photosearch_assets.partitions import partitions_of, window_of
from photosearch_assets.planning.stretches import WINDOWS_A_RUN
from photosearch_assets.runners.choose import runner_for
from photosearch_assets.runners.foreign_results import ForeignResult, data_version_of
from photosearch_assets.steps.result import StepResult


def asset_of(
    step: DagStep,
    granularities: Mapping[str, Granularity | None],
    start: datetime,
    automation: dg.AutomationCondition[Any] | None,
) -> dg.AssetsDefinition:
    """The asset of ``step``; ``granularities`` are those of all steps of the DAG, by name."""
    windows = step.windows
    partitions = None if windows is None else partitions_of(windows, start)
    with warnings.catch_warnings():
        # Partitions on check specs are a preview in Dagster 1.13.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        check_specs = [
            dg.AssetCheckSpec(
                name=name,
                asset=step.name,
                blocking=is_blocking(step, name),
                partitions_def=partitions,
                description=_CHECKS.get(name),
            )
            for name in step.checks
        ]

    @dg.multi_asset(
        name=step.name,
        specs=[
            dg.AssetSpec(
                key=step.name,
                deps=[_dependency(name, windows, granularities[name]) for name in step.after],
                description=step.description,
                group_name=step.group,
                code_version=f"{CODE_VERSION}-{step.code_version}",
                partitions_def=partitions,
                automation_condition=automation,
                kinds={*step.kinds} or _own_kinds(step),
                owners=step.owners,
                tags=step.tags,
                freshness_policy=None if step.freshness is None else step.freshness.policy(),
                metadata={
                    "command": " ".join(step.command),
                    **({"image": step.image} if step.image else {}),
                    **({"resources": step.resources} if step.resources else {}),
                },
            )
        ],
        check_specs=check_specs,
        partitions_def=partitions,
        required_resource_keys={"stores"},
        backfill_policy=(
            None
            if windows is None
            else dg.BackfillPolicy.multi_run(
                max_partitions_per_run=step.windows_a_run or WINDOWS_A_RUN[windows]
            )
        ),
        pool=step.pool,
        retry_policy=None if step.retry is None else step.retry.policy(),
        op_tags={"photosearch/step": step.name},
    )
    def body(context: dg.AssetExecutionContext) -> Iterator[Any]:
        keys = context.partition_keys if windows is not None else []
        asked = [window_of(windows, key) for key in keys] if windows is not None else []
        settings = context.resources.stores.settings()
        open_runs_at_work(settings).hold(context.run.run_id)
        results: list[StepResult] = []
        error: PhotosearchError | None = None
        try:
            _require_over(asked, settings)
            for result in runner_for(step, settings).run(step, asked, context):
                results.append(result)  # noqa: PERF402 (an error must leave those before it)
        except PhotosearchError as raised:
            error = raised
        yield from _record(step, asked, results, error, context)

    return body


def _require_over(asked: Sequence[Window], settings: Settings) -> None:
    """Dagster takes runs for partitions that there are not yet, without a word.

    Raises:
        StepError: naming a window that is not over.
    """
    now = datetime.now(UTC)
    for window in asked:
        if not window.is_closed(now):
            raise StepError(
                f"{window.key} is not over",
                found=f"it ends at {window.end.isoformat()}",
                limit=f"windows from {settings.timeline_start.isoformat()} until now",
                remedy="choose one of the asset's partitions",
            )


def _record(
    step: DagStep,
    asked: Sequence[Window],
    results: Sequence[StepResult],
    error: PhotosearchError | None,
    context: dg.AssetExecutionContext,
) -> Iterator[Any]:
    entries = [metadata_of(result, is_own=step.own_name is not None) for result in results]
    made = {result.window for result in results if result.published}
    missing = [window for window in asked if window not in made]
    if error is None and not missing and results and all(r.published for r in results):
        for result, entry in zip(results, entries, strict=True):
            context.add_asset_metadata(
                entry, partition_key=None if result.window is None else result.window.start_text
            )
        yield dg.MaterializeResult(data_version=_data_version(results))
        yield from evaluations(step, results, context)
        for name in step.checks:
            # An evaluation of one partition among many carries no output, which Dagster wants.
            yield dg.Output(None, output_name=f"{step.name}_{name}")
        return
    for result, entry in zip(results, entries, strict=True):
        if result.published and result.window is not None:
            yield dg.AssetMaterialization(
                step.name, partition=result.window.start_text, metadata=entry
            )
    yield from evaluations(step, results, context)
    raise dg.Failure(
        description=_failure(step, missing, results, error),
        metadata={"windows": [window.key for window in missing[:100]], "missing": len(missing)},
        allow_retries=step.retry is not None,
    ) from error


def _own_kinds(step: DagStep) -> set[str]:
    if step.own_name is None:
        return set()
    return {"scann" if "index" in step.name or step.name == "quantiser" else "python"}


def _data_version(results: Sequence[StepResult]) -> dg.DataVersion | None:
    """The manifest's digest; of a range, the digest over those of its windows."""
    foreign = [result for result in results if isinstance(result, ForeignResult)]
    digests = [result.digest for result in results]
    if foreign and ((version := data_version_of(foreign)) is not None or not any(digests)):
        return version
    if len(digests) == 1:
        return dg.DataVersion(digests[0][:16] or "none")
    return dg.DataVersion(hashlib.sha256(json.dumps(digests).encode()).hexdigest()[:16])


def _failure(
    step: DagStep,
    missing: Sequence[Window],
    results: Sequence[StepResult],
    error: PhotosearchError | None,
) -> str:
    named = first_of((window.key for window in missing), 5)
    why = "the step ended without a word of it"
    if error is not None:
        why = str(error)
    elif {result.window for result in results} >= {*missing}:
        why = "not published; see the failed checks"
    return f"{step.name} {named}: {why}".strip()


def _dependency(name: str, finer: Granularity | None, upstream: Granularity | None) -> dg.AssetDep:
    if finer is not None and upstream is not None:
        return dg.AssetDep(name, partition_mapping=dg.TimeWindowPartitionMapping())
    return dg.AssetDep(name)


_CHECKS = {
    "covers_inputs": "Every photo of the inputs is in the window, or has a reason why not.",
    "photo_failure_rate": "No more photos are unusable than max_failure_rate allows.",
    "vector_health": "All vectors are finite, of unit length, and not all the same.",
    "every_pack_has_an_image": "No index was left out because it is damaged, no image failed.",
    "every_pack_loads": "No index is refused, and no index server crashes as it loads.",
    "recall_at_target": "A search finds enough of the true neighbours; else it is never served.",
}
