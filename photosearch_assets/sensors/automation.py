"""When Dagster builds a window by itself.

A window is asked for once all that it is made from is there, whether it is new or part of an
old backlog, and again when an input of its own time has new data. Dagster's ``eager()`` looks
at the latest window only and never fills a backlog, ``on_cron()`` fires when any one input
lands. A failed window is not asked for again here: that is the reconciler's, which counts its
attempts, and which also finds the updates that conditions lose within one tick.

The embedder and the quantiser touch every window. They are waited for where a step cannot do
without, and never trigger anything. Making them, and re-encoding a year in the right order, is
the reconciler's alone: two that ask at once would fit a projection twice.
"""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from photosearch_assets.dag import DagStep, StepGranularity

TICK_S = 30
OPTIONAL = frozenset({"quantiser"})
"""Steps that others come after but can do without: before it, indexes are exact."""

SHIPPED = frozenset({"serving_image", "index_service"})
"""What the sensor of shipping.py asks for: it compares with a registry, not with Dagster."""

ASKED_FOR_BY_STATE = SHIPPED | {"embedder", "quantiser"}
"""Steps without a condition: a sensor looks at the stores, and alone asks for them."""


def condition_of(step: DagStep, steps: Sequence[DagStep]) -> dg.AutomationCondition[Any] | None:
    """The condition of ``step``; None for what a sensor that looks at the stores asks for,
    and for what is built only by hand."""
    if step.name in ASKED_FOR_BY_STATE or not step.automation:
        return None
    without_windows = {other.name for other in steps if other.windows is None}
    optional = dg.AssetSelection.assets(*(OPTIONAL & set(step.after)))
    timeless = dg.AssetSelection.assets(*(without_windows & set(step.after)))
    # Newly true on the very first tick too, which is what takes up an old backlog. Dagster's
    # since_last_handled() would reset on that tick.
    missing = dg.AutomationCondition.missing()
    new_data = dg.AutomationCondition.any_deps_updated().ignore(timeless)
    wanted = (
        (missing.newly_true() | new_data)
        .since(dg.AutomationCondition.newly_requested() | dg.AutomationCondition.newly_updated())
        .with_label("new, in the backlog, or with new data")
    )
    inputs_are_there = ~dg.AutomationCondition.any_deps_missing().ignore(optional)
    inputs_are_at_rest = ~dg.AutomationCondition.any_deps_in_progress().ignore(optional)
    return (
        wanted & inputs_are_there & inputs_are_at_rest & ~dg.AutomationCondition.in_progress()
    ).with_label("build once its inputs are there; rebuild on new data")


def sensors_of(
    steps: Sequence[DagStep], status: dg.DefaultSensorStatus
) -> list[dg.AutomationConditionSensorDefinition]:
    """A sensor for each granularity, so that one can be paused in Dagit without the others.

    More than one window at a tick becomes one backfill, which the backfill policy turns into
    runs of a month of hours.
    """
    sensors = []
    for granularity in StepGranularity:
        names = [
            step.name
            for step in steps
            if step.granularity is granularity
            and step.name not in ASKED_FOR_BY_STATE
            and step.automation
        ]
        if names:
            label = "once" if granularity is StepGranularity.NONE else granularity.value
            sensors.append(
                dg.AutomationConditionSensorDefinition(
                    name=f"build_{label}",
                    description=f"Builds {', '.join(names)} once their inputs are there.",
                    target=dg.AssetSelection.assets(*names),
                    default_status=status,
                    minimum_interval_seconds=TICK_S,
                    run_tags={"photosearch/source": "automation"},
                )
            )
    return sensors
