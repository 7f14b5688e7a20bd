"""Dagster's history of two machines is one, in the PostgreSQL that both name."""

import dagster as dg
import pytest

from photosearch.settings.settings import SETTINGS_FILE, SETTINGS_VARIABLE
from photosearch_assets.instance.home import open_instance
from photosearch_assets.materialize.materializer import Materializer
from tests.assets.conftest import START, Shop, hours
from tests.second_machine.conftest import Machines

pytestmark = pytest.mark.postgres

IMAGES = dg.AssetKey("images")


class Silent:
    def photos(self, count: int) -> None:
        pass

    def result(self, result: object) -> None:
        pass


def make(shop: Shop, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Make the first hours there, through Dagster."""
    monkeypatch.setenv(SETTINGS_VARIABLE, str(shop.root / SETTINGS_FILE))
    with open_instance(shop.settings) as instance:
        work = Materializer(shop.settings, instance, Silent(), now=hours(count, 1)[0].start)
        for _stage in work.run():
            pass
    assert work.summary.failed_runs == []


def runs(shop: Shop) -> set[str]:
    with open_instance(shop.settings) as instance:
        return {run.run_id for run in instance.get_runs()}


def made(shop: Shop) -> set[str]:
    with open_instance(shop.settings) as instance:
        return set(instance.get_materialized_partitions(IMAGES))


def test_what_one_machine_made_is_in_the_history_of_the_other(
    machines: Machines, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    machines.configure(dagster_database_url=postgres_url)
    machines.first.list_hours(3)
    assert hours(0, 1)[0].start == START

    make(machines.first, monkeypatch, 2)
    before = runs(machines.first)
    assert before
    assert runs(machines.second) == before
    make(machines.second, monkeypatch, 3)

    every = {hour.start_text for hour in hours(0, 3)}
    assert made(machines.first) == made(machines.second) == every
    assert runs(machines.first) == runs(machines.second) > before
    for shop in (machines.first, machines.second):
        assert not list(shop.settings.own_dagster_home.rglob("*.db"))
