"""A step in Dagster's own process: no interpreter is started for each run, so that this is the
default on one machine."""

from collections.abc import Iterator, Sequence

import dagster as dg

from photosearch.extras import extras_named
from photosearch.settings.settings import Settings
from photosearch.windows import Window
from photosearch_assets.dag import DagStep
from photosearch_assets.runners.progress import tell_photos, tell_result
from photosearch_assets.steps.context import StepContext
from photosearch_assets.steps.registry import own_step
from photosearch_assets.steps.result import StepResult


class InProcess:
    """Runs one of our own steps here."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def run(
        self, step: DagStep, windows: Sequence[Window], context: dg.AssetExecutionContext
    ) -> Iterator[StepResult]:
        assert step.own_name is not None
        with (
            extras_named(),
            StepContext(
                self.settings, run_id=context.run.run_id, on_photos=tell_photos
            ) as step_context,
        ):
            for result in own_step(step.own_name)(windows, step_context):
                tell_result(result)
                yield result
