"""Sensors evaluated as the daemon does, and the runs that they ask for."""

from typing import Any

import dagster as dg


def sensor_named(defs: dg.Definitions, name: str) -> dg.SensorDefinition:
    """The sensor of this name."""
    return next(
        sensor
        for sensor in defs.sensors or ()
        if isinstance(sensor, dg.SensorDefinition) and sensor.name == name
    )


def evaluate(
    sensor: dg.SensorDefinition,
    instance: dg.DagsterInstance,
    defs: dg.Definitions,
    cursor: str | None,
) -> Any:
    return sensor(
        dg.build_sensor_context(
            instance=instance, cursor=cursor, repository_def=defs.get_repository_def()
        )
    )


def queue(instance: dg.DagsterInstance, defs: dg.Definitions, requests: Any) -> list[str]:
    job = defs.resolve_implicit_global_asset_job_def()
    return [
        instance.create_run_for_job(
            job,
            tags=dict(request.tags),
            asset_selection=frozenset(request.asset_selection),
            status=dg.DagsterRunStatus.NOT_STARTED,
        ).run_id
        for request in requests
    ]


def run(instance: dg.DagsterInstance, defs: dg.Definitions, request: Any) -> bool:
    """Do in this process what a sensor asks for; whether it succeeded."""
    ended = defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance,
        asset_selection=list(request.asset_selection),
        tags=dict(request.tags),
        raise_on_error=False,
    )
    return bool(ended.success)
