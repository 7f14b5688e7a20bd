"""Where a step's work runs: in Dagster's process, or in one of its own.

Both give the same results to the asset, window by window, as they come. A pod of the step's own
image is a third runner.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

import dagster as dg

from photosearch.settings.settings import Settings
from photosearch.windows import Window
from photosearch_assets.dag import DagStep
from photosearch_assets.runners.in_process import InProcess
from photosearch_assets.runners.in_subprocess import InSubprocess
from photosearch_assets.steps.result import StepResult


class StepRunner(Protocol):
    """Runs a step for windows, yielding a result for each; for none if it has no windows."""

    def run(
        self, step: DagStep, windows: Sequence[Window], context: dg.AssetExecutionContext
    ) -> Iterator[StepResult]: ...


def runner_for(step: DagStep, settings: Settings) -> StepRunner:
    """The runner of ``step`` under these settings; foreign commands always get a process."""
    if step.own_name is None or settings.step_runner == "subprocess":
        return InSubprocess(settings)
    return InProcess(settings)
