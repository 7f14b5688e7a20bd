"""Runs that work for another embedder than the current one are told so in their configuration."""

import dagster as dg
import pytest

from photosearch.repository.addresses import Address
from photosearch.windows import Window
from photosearch_assets.definitions import load
from photosearch_assets.materialize.materializer import Materializer
from photosearch_assets.resources import run_config_for
from photosearch_assets.steps.context import StepContext
from tests.assets.by_hand import TOMORROW, run_step, want_embedder
from tests.assets.conftest import Shop, hours
from tests.embedder.own_networks import write_means

[HOUR] = hours(0, 1)


@pytest.fixture
def former(shop: Shop) -> str:
    """The fingerprint of an embedder that is not the current one any more."""
    shop.list_hours(1)
    run_step(shop, "embedder")
    with StepContext(shop.settings) as context:
        former = context.fingerprint
    network = str(write_means(shop.root / "means.onnx"))
    want_embedder(shop, embedder_network=network, embedder_precision="float32")
    run_step(shop, "embedder")
    return former


def made_for(shop: Shop, window: Window) -> set[str]:
    """The embedders of which the window's embeddings are there."""
    with StepContext(shop.settings) as context:
        return {
            embedder.version
            for embedder in context.repository.versions(Address.embedders())
            if context.repository.current(Address.embeddings(embedder.version, window))
        }


@pytest.mark.parametrize("runner", ["in_process", "subprocess"])
def test_a_run_makes_windows_for_the_embedder_of_its_configuration(
    shop: Shop, instance: dg.DagsterInstance, former: str, runner: str
) -> None:
    """Whoever launches it: nothing but its configuration tells."""
    shop.configure(step_runner=runner)

    ended = (
        load()
        .resolve_implicit_global_asset_job_def()
        .execute_in_process(
            run_config=run_config_for(former),
            instance=instance,
            asset_selection=[dg.AssetKey("images"), dg.AssetKey("embeddings")],
            tags={"dagster/partition": HOUR.start_text},
        )
    )

    assert ended.success
    assert made_for(shop, HOUR) == {former}


def test_runs_of_a_preparation_carry_its_embedder_and_others_none(
    shop: Shop, instance: dg.DagsterInstance, former: str
) -> None:
    def materialize(fingerprint: str | None) -> list[object]:
        settings = shop.settings.model_copy(update={"embedder_fingerprint": fingerprint})
        before = {run.run_id for run in instance.get_runs()}
        for _ in Materializer(settings, instance, _Silent(), now=TOMORROW).run([HOUR]):
            pass
        return [run.run_config for run in instance.get_runs() if run.run_id not in before]

    preparing = materialize(former)
    assert made_for(shop, HOUR) == {former}
    usual = materialize(None)

    assert preparing
    assert all(_embedder_in(config) == former for config in preparing)
    assert usual
    assert all(_embedder_in(config) is None for config in usual)
    assert len(made_for(shop, HOUR)) == 2


class _Silent:
    def photos(self, count: int) -> None: ...

    def result(self, result: object) -> None: ...


def _embedder_in(config: object) -> object:
    assert isinstance(config, dict)
    stores = config.get("resources", {}).get("stores", {})
    return stores.get("config", {}).get("embedder_fingerprint")
