"""What a step's checks found, as Dagster's evaluations.

Each names the materialisation that it is about, as Dagster does by itself where a run has one
partition: without that Dagit takes it for outdated and shows nothing. So evaluations are
recorded after the materialisations of their run. That of a window which a gate kept back is
about the version that stays.
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from photosearch_assets.dag import DagStep
from photosearch_assets.instance.check_targets import Target, latest_target, targets_of_run
from photosearch_assets.runners.foreign_results import NOT_REPORTED, ForeignResult
from photosearch_assets.steps.checks import BLOCKING
from photosearch_assets.steps.result import CheckOutcome, StepResult


def evaluations(
    step: DagStep, results: Sequence[StepResult], context: dg.AssetExecutionContext
) -> Iterator[dg.AssetCheckEvaluation]:
    """The evaluations of a run's results, whose materialisations have been recorded."""
    # An empty window has nothing to check, and a quiet year costs less.
    checked = [
        result
        for result in results
        if result.window is None or result.photos or step.own_name is None
    ]
    asset = dg.AssetKey(step.name)
    keys = {_partition(result) or "" for result in checked if result.published} - {""}
    made = targets_of_run(context.instance, asset, context.run.run_id, keys)
    for result in checked:
        key = _partition(result)
        target = made.get(key or "") or latest_target(context.instance, asset, key)
        for check in _outcomes(step, result):
            yield _evaluation(step, key, check, target)


def is_blocking(step: DagStep, name: str) -> bool:
    """Whether the failure of this check of the step keeps later steps of a run back."""
    return name in BLOCKING or name in step.blocking


def _outcomes(step: DagStep, result: StepResult) -> Iterator[dg.AssetCheckResult]:
    """What the step's checks found; of a foreign step also that one was not reported."""
    told = [*map(_as_dagster_tells, result.checks)]
    if isinstance(result, ForeignResult):
        told += result.check_results
    yield from (check for check in told if check.check_name in step.checks)
    if step.own_name is None:
        for name in step.checks:
            if name not in {check.check_name for check in told}:
                yield dg.AssetCheckResult(passed=False, check_name=name, description=NOT_REPORTED)


def _as_dagster_tells(check: CheckOutcome) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=check.passed,
        check_name=check.name,
        metadata={
            "found": check.found,
            **({"limit": check.limit} if check.limit else {}),
            **({} if check.measured is None else {"measured": round(check.measured, 4)}),
        },
    )


def _evaluation(
    step: DagStep, key: str | None, check: dg.AssetCheckResult, target: Target | None
) -> dg.AssetCheckEvaluation:
    assert check.check_name is not None
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(step.name),
        check_name=check.check_name,
        passed=check.passed,
        blocking=is_blocking(step, check.check_name),
        severity=check.severity,
        metadata=check.metadata,
        description=check.description,
        partition=key,
        target_materialization_data=target,
    )


def _partition(result: StepResult) -> str | None:
    return None if result.window is None else result.window.start_text
