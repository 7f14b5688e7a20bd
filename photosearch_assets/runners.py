"""Where a step's work runs: in Dagster's process, or in one of its own through Pipes.

Both give the same results to the asset, window by window. In process is the default on one
machine: no start of an interpreter for each run. A subprocess keeps a run's memory apart and
is the way of any step that is not ours; a pod of the step's own image is a third runner.

A run over a range of partitions tells a Pipes process no partition at all, so the windows are
always handed over in the extras.
"""

import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import Protocol

import dagster as dg

from photosearch.settings import SETTINGS_VARIABLE, Settings
from photosearch.windows import Window
from photosearch_assets.dag import DagStep
from photosearch_assets.errors import StepError
from photosearch_assets.progress import tell_photos, tell_result
from photosearch_assets.steps.context import StepContext
from photosearch_assets.steps.registry import own_step
from photosearch_assets.steps.result import StepResult


class StepRunner(Protocol):
    """Runs a step for windows, yielding a result for each; for none if it has no windows."""

    def run(
        self, step: DagStep, windows: Sequence[Window], context: dg.AssetExecutionContext
    ) -> Iterator[StepResult]: ...


class InProcess:
    """Runs one of our own steps here."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def run(
        self, step: DagStep, windows: Sequence[Window], context: dg.AssetExecutionContext
    ) -> Iterator[StepResult]:
        assert step.own_name is not None
        with StepContext(
            self.settings, run_id=context.run.run_id, on_photos=tell_photos
        ) as step_context:
            for result in own_step(step.own_name)(windows, step_context):
                tell_result(result)
                yield result


class InSubprocess:
    """Starts the step's command and reads what it reports through Pipes."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def run(
        self, step: DagStep, windows: Sequence[Window], context: dg.AssetExecutionContext
    ) -> Iterator[StepResult]:
        command = [sys.executable if step.command[0] == "python" else step.command[0]]
        client = dg.PipesSubprocessClient(
            env={SETTINGS_VARIABLE: str(self.settings.file)}
            if self.settings.file.exists()
            else None,
            cwd=str(self.settings.base_dir),
        )
        with warnings.catch_warnings():
            # Dagster's Pipes uses what Dagster itself calls deprecated or a preview.
            warnings.simplefilter("ignore")
            ended = client.run(
                context=context,
                command=[*command, *step.command[1:]],
                extras={"windows": [window.key for window in windows], "step": step.name},
            )
        own = [StepResult.model_validate(message) for message in ended.get_custom_messages()]
        for result in own:
            tell_result(result)
            yield result
        if not own:
            yield from _foreign_results(step, windows, ended)


def runner_for(step: DagStep, settings: Settings) -> StepRunner:
    """The runner of ``step`` under these settings; foreign commands always get a process."""
    if step.own_name is None or settings.step_runner == "subprocess":
        return InSubprocess(settings)
    return InProcess(settings)


def _foreign_results(
    step: DagStep, windows: Sequence[Window], ended: dg.PipesClientCompletedInvocation
) -> Iterator[StepResult]:
    """What a step that knows only Dagster's own Pipes messages has reported.

    Raises:
        StepError: if it reported nothing: a process that ends well has not thereby done its work.
    """
    reported = [
        result
        for result in ended.get_results(implicit_materializations=False)
        if isinstance(result, dg.MaterializeResult)
    ]
    if not reported:
        raise StepError(
            f"the step {step.name} ended without reporting a materialization",
            found=" ".join(step.command),
            remedy="call report_asset_materialization or report_custom_message in it",
        )
    version = reported[-1].data_version
    notes = {
        name: str(getattr(value, "value", value))
        for name, value in (reported[-1].metadata or {}).items()
    }
    for window in windows or (None,):
        yield StepResult(
            step=step.name,
            window=window,
            digest="" if version is None else version.value,
            note=", ".join(f"{name} {value}" for name, value in notes.items()) or None,
        )
