"""The DAG of defs.yaml as Dagster definitions.

Assets are composed here and nothing is computed: no store is opened when the code location
loads. The one thing read is the settings file, for the start of the timeline.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

import dagster as dg
from pydantic import model_validator

from photosearch.settings.settings import load_settings
from photosearch.windows import Granularity
from photosearch_assets.assets import asset_of
from photosearch_assets.dag import DagStep
from photosearch_assets.errors import AssetsError
from photosearch_assets.own_steps import own_steps
from photosearch_assets.resources import resources_of
from photosearch_assets.sensors.automation import SHIPPED, condition_of, sensors_of
from photosearch_assets.sensors.reconciler import OWN_ASSETS, reconciler_of
from photosearch_assets.sensors.shipping import shipping_of


class PhotosearchDag(dg.Component, dg.Model, dg.Resolvable):
    """The steps of the way of a photo, one asset each."""

    steps: list[DagStep]

    @model_validator(mode="after")
    def _require_known_names(self) -> "PhotosearchDag":
        require_known_names(self.steps)
        return self

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        if not _is_whole([step.name for step in self.steps]):
            return definitions_of(self.steps)
        steps = [*self.steps, *own_steps(load_settings())]
        require_known_names(steps)
        return definitions_of(steps)


def require_known_names(steps: Sequence[DagStep]) -> None:
    """Each step's name is its own, those it comes after are there, and none after itself.

    Raises:
        AssetsError: if not.
    """
    names = [step.name for step in steps]
    doubled = [name for name, count in Counter(names).items() if count > 1]
    if doubled:
        raise AssetsError(
            "a step's name is given once",
            found=", ".join(doubled),
            remedy="give your own step another name",
        )
    for step in steps:
        unknown = [name for name in step.after if name not in names]
        if unknown:
            raise AssetsError(
                f"the step {step.name} comes after a step that is not there",
                found=", ".join(unknown),
                limit=f"one of {', '.join(names)}",
            )
    try:
        TopologicalSorter({step.name: step.after for step in steps}).prepare()
    except CycleError as error:
        raise AssetsError(
            "steps come after each other in a circle",
            found=", after ".join(reversed(error.args[1])),
            remedy="take one out of another's 'after'",
        ) from error


def definitions_of(steps: Sequence[DagStep]) -> dg.Definitions:
    """One asset for each step, and the sensors that keep them up to date."""
    settings = load_settings()
    start = settings.timeline_start
    status = (
        dg.DefaultSensorStatus.RUNNING if settings.automation else dg.DefaultSensorStatus.STOPPED
    )
    granularities = {step.name: step.windows for step in steps}
    return dg.Definitions(
        assets=[asset_of(step, granularities, start, condition_of(step, steps)) for step in steps],
        sensors=[
            *sensors_of(steps, status),
            *_reconcilers(granularities, status),
            *_shipping(granularities, status),
        ],
        resources=resources_of(settings),
        # A step has its own threads or processes; a process for each asset of a run would cost
        # two seconds and give nothing.
        executor=dg.in_process_executor,
    )


def _reconcilers(
    granularities: Mapping[str, Granularity | None], status: dg.DefaultSensorStatus
) -> list[dg.SensorDefinition]:
    return [reconciler_of(granularities, status)] if _is_whole(granularities) else []


def _shipping(
    granularities: Mapping[str, Granularity | None], status: dg.DefaultSensorStatus
) -> list[dg.SensorDefinition]:
    return [shipping_of(status)] if granularities.keys() >= SHIPPED else []


def _is_whole(names: Collection[str]) -> bool:
    """Whether all of the way of a photo is there; another component may hold some steps alone."""
    return all(name in names for name in OWN_ASSETS)
