"""The sensor that ships indexes: to a serving image, and to a Serving.

It looks at state and remembers no event: the packs that the repository's HEADs ask for, the
images that the registry has, the Servings that are asked for. What differs becomes one run of
both assets. So a failed build is tried again, a deleted image is built again, and whatever
moved a HEAD, a run, a person or another machine, has the same effect.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg

from index_grpc.shipping.reconcile import ServingReconciler
from photosearch.repository.manifest import canonical_digest
from photosearch.settings.settings import Settings, load_settings
from photosearch_assets.planning import run_tags
from photosearch_assets.planning.attempts import Attempt, read_attempts, write_attempts
from photosearch_assets.sensors.reconciler import living_runs

ASSETS = ("serving_image", "index_service")
SOURCE = "shipping"
TICK_S = 5
FIRST_PAUSE_S = 10
LONGEST_PAUSE_S = 600
"""A failed build is tried again after ten seconds, then ever more seldom."""


def shipping_of(status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """The sensor."""

    @dg.sensor(
        name="shipping",
        asset_selection=dg.AssetSelection.assets(*ASSETS),
        minimum_interval_seconds=TICK_S,
        default_status=status,
        description="Compares HEADs, registry and Servings; asks for the images that are missing.",
    )
    def shipping(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        settings = load_settings()
        busy = [run for run in living_runs(context.instance, settings) if _is_ours(run)]
        if busy:
            return dg.SkipReason(f"Run {busy[0].run_id[:8]} is at it.")
        found = _reconciler(settings).compare()
        if found.is_settled:
            # What was asked for has come about: should it be lost again, it is asked for at once.
            rests = f"All {len(found.ready)} Servings are asked for."
            return dg.SensorResult(skip_reason=rests, cursor=write_attempts({}))
        # What is wanted names the demand: another HEAD is another demand, and does not wait.
        wanted = canonical_digest(
            {
                "unbuilt": [one.name for one in found.unbuilt],
                "unasked": [one.name for one in found.unasked],
                "surplus": [*found.surplus],
            }
        )[:16]
        now = int(datetime.now(UTC).timestamp())
        attempts = read_attempts(context.cursor)
        attempt = attempts.get(wanted, Attempt())
        if not attempt.may_repeat(now, FIRST_PAUSE_S, LONGEST_PAUSE_S):
            return dg.SkipReason(f"Asked for {attempt.count} times; a pause before the next try.")
        attempt = attempt.again(now)
        return dg.SensorResult(
            run_requests=[_request(wanted, attempt)],
            cursor=write_attempts({wanted: attempt}),
        )

    return shipping


_reconcilers: dict[str, ServingReconciler] = {}


def _reconciler(settings: Settings) -> ServingReconciler:
    """Kept from tick to tick, so that a tick reads only what has changed."""
    key = settings.model_dump_json()
    if key not in _reconcilers:
        _reconcilers.clear()
        _reconcilers[key] = ServingReconciler.open(settings)
    return _reconcilers[key]


def _request(wanted: str, attempt: Attempt) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"{SOURCE}:{wanted}@{attempt.since}#{attempt.count}",
        asset_selection=[dg.AssetKey(name) for name in ASSETS],
        tags={run_tags.SOURCE: SOURCE, run_tags.ATTEMPT: str(attempt.count)},
    )


def _is_ours(run: dg.DagsterRun) -> bool:
    names: Sequence[str] = [key.to_user_string() for key in run.asset_selection or ()]
    return not set(names).isdisjoint(ASSETS)
