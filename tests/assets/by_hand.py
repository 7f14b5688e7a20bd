"""Steps run without Dagster, whose share of a test's time is most of it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from photosearch.repository.wanted_embedder import WantedEmbedder, read_wanted, recipe_of, want
from photosearch.windows import Window
from photosearch_assets.planning.plan import ClosedWindows, DueWork, find_due
from photosearch_assets.steps import build_embedder
from photosearch_assets.steps.context import StepContext
from photosearch_assets.steps.registry import own_step
from photosearch_assets.steps.result import StepResult
from tests.assets.conftest import START, Shop

TOMORROW = START + timedelta(days=1)


def run_step(shop: Shop, name: str, windows: Sequence[Window] = ()) -> list[StepResult]:
    """Run one step for these windows."""
    with StepContext(shop.settings) as context:
        return list(own_step(name)(windows, context))


def due(shop: Shop, now: datetime = TOMORROW) -> DueWork:
    """What is missing or out of date at ``now``."""
    with StepContext(shop.settings) as context:
        return find_due(context, ClosedWindows.until(START, now))


def want_embedder(shop: Shop, **values: object) -> str:
    """Make the embedder of these settings and want it; its fingerprint. HEAD stays."""
    settings = shop.settings.model_copy(update=values)
    with StepContext(settings) as context:
        recipe, storage = recipe_of(settings), context.repository.storage
        made = build_embedder.make(context, recipe)
        want(storage, WantedEmbedder(made.version, recipe), read_wanted(storage)[1])
    return made.version
