"""What a step that is not ours has reported through Dagster's Pipes, passed on as it was reported.

Metadata keep their types, a data version is the step's, and each check has its own outcome,
severity and metadata: nothing is made into a text, and nothing is added that was not said. Pipes
knows one materialisation of an asset in a process, so that of a run over several windows is
recorded for each of them, beside what the step told of that window alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

import dagster as dg
from pydantic import ConfigDict, SkipValidation

from photosearch.windows import Window
from photosearch_assets.dag import DagStep
from photosearch_assets.errors import StepError
from photosearch_assets.steps.result import StepResult

NOT_REPORTED = "The step ended without reporting this check."


class ForeignResult(StepResult):
    """One window's outcome in Dagster's own words."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    entries: Mapping[str, dg.MetadataValue] = {}
    data_version: dg.DataVersion | None = None
    check_results: Annotated[tuple[dg.AssetCheckResult, ...], SkipValidation] = ()


def foreign_results(
    step: DagStep,
    windows: Sequence[Window],
    session: dg.PipesSession,
    told: Sequence[StepResult],
    *,
    failed: bool,
) -> Iterator[ForeignResult]:
    """The results of a process that has ended, with those that it ``told`` window by window; of
    one that ``failed`` only these and its checks count.

    Raises:
        StepError: if it reported no materialisation, for a process that ends well has not thereby
            done its work, or a check that the step does not declare.
    """
    reported = session.get_results(implicit_materializations=False)
    made = [one for one in reported if isinstance(one, dg.MaterializeResult)]
    checks = tuple(one for one in reported if isinstance(one, dg.AssetCheckResult))
    if not (made or told or failed):
        raise StepError(
            f"the step {step.name} ended without reporting a materialization",
            found=" ".join(step.command),
            remedy="call report_asset_materialization or report_custom_message in it",
        )
    for result in told or _unreported(step, windows, is_made=not failed):
        yield ForeignResult(
            **{name: getattr(result, name) for name in result.model_fields_set},
            entries=dict(made[-1].metadata or {}) if made else {},
            data_version=made[-1].data_version if made else None,
            check_results=checks,
        )
    named = {one.check_name or "" for one in checks}
    unknown = (named | {one.name for result in told for one in result.checks}) - {*step.checks}
    if unknown and not failed:
        raise StepError(
            f"the step {step.name} reported a check that it does not declare",
            found=", ".join(sorted(unknown)),
            limit=", ".join(step.checks) or "no checks",
            remedy="name it in the step's 'checks'",
        )


def _unreported(step: DagStep, windows: Sequence[Window], *, is_made: bool) -> Iterator[StepResult]:
    for window in windows or (None,):
        yield StepResult(step=step.name, window=window, published=is_made)


def data_version_of(results: Sequence[ForeignResult]) -> dg.DataVersion | None:
    """The version that the step reported; None leaves it to Dagster."""
    versions = {result.data_version for result in results}
    return versions.pop() if len(versions) == 1 else None
