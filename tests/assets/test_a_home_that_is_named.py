"""DAGSTER_HOME names whose Dagster is used: everything uses it, and nothing is written there."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from photosearch.cli import main
from photosearch.errors import PhotosearchError
from photosearch.settings.settings import SETTINGS_VARIABLE
from photosearch_assets.errors import AssetsError
from photosearch_assets.instance.home import environment, open_instance
from photosearch_assets.instance.old_runs import DAY_S, old_runs_files
from photosearch_assets.processes.specs import daemon, webserver
from tests.assets.conftest import Materialize, Shop, hours, instance, materialize
from tests.erasure.test_erase import erase

__all__ = ["instance", "materialize"]

RUN = "0b5ba6cf-6f0e-4cf1-8a6b-4d7b7f5b2a10"
THEIRS = "# Of the platform's team.\nstorage:\n  sqlite:\n    base_dir: {home}/storage\n"


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another's home, which DAGSTER_HOME names."""
    home = tmp_path_factory.mktemp("platform")
    (home / "dagster.yaml").write_text(THEIRS.format(home=home))
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    return home


@pytest.fixture(autouse=True)
def written_nothing(request: pytest.FixtureRequest) -> Iterator[None]:
    """But for what Dagster itself writes where dagster.yaml says."""
    named = "home" in request.fixturenames
    home = request.getfixturevalue("home") if named else None
    yield
    if home is not None and (home / "dagster.yaml").exists():
        others = {path.name for path in home.iterdir()} - {"storage", ".telemetry"}
        assert others <= {"dagster.yaml", ".logs_queue", "logs", "history", "schedules"}
        assert (home / "dagster.yaml").read_text().startswith("# Of the platform's team.")


def test_what_is_made_is_recorded_there(shop: Shop, home: Path, materialize: Materialize) -> None:
    shop.list_hours(1)

    assert materialize("embedder").success
    assert materialize("images", windows=hours(0, 1)).success

    with dg.DagsterInstance.from_config(str(home)) as theirs:
        made = theirs.get_materialized_partitions(dg.AssetKey("images"))
    assert made == {hours(0, 1)[0].start_text}
    assert shop.settings.dagster_home == home
    assert not list(shop.settings.own_dagster_home.rglob("*.db"))


def test_one_without_a_dagster_yaml_gets_none(shop: Shop, home: Path) -> None:
    (home / "dagster.yaml").unlink()

    with open_instance(shop.settings) as instance:
        instance.report_engine_event("opened", run_id=RUN, job_name="job")

    assert list(home.rglob(f"{RUN}.db"))
    assert not list(home.rglob("*.yaml"))


@pytest.mark.parametrize("process", [webserver, daemon])
def test_dagsters_processes_are_led_there_and_their_workspace_is_ours(
    shop: Shop, home: Path, process: object
) -> None:
    assert callable(process)

    spec = process(shop.settings)

    assert spec.environment["DAGSTER_HOME"] == str(home)
    workspace = Path(spec.argv[-1])
    assert workspace.is_file()
    assert workspace.is_relative_to(shop.settings.state)


def test_what_is_started_for_another_installation_keeps_to_that_ones_own(
    shop: Shop, tmp_path: Path
) -> None:
    """Such as a step of a team's own, which makes a second catalogue searchable."""
    (tmp_path / "second").mkdir()
    other = tmp_path / "second" / "photosearch.toml"
    other.write_text("")
    ask = "from photosearch.settings.settings import *; print(load_settings().dagster_home)"

    def asked(given: dict[str, str]) -> str:
        given = {**given, SETTINGS_VARIABLE: str(other)}
        ran = subprocess.run(
            [sys.executable, "-c", ask], env=given, check=True, text=True, capture_output=True
        )
        return ran.stdout.strip()

    assert asked(environment(shop.settings)) == f"{tmp_path}/second/.photosearch/dagster"
    by_hand = {**os.environ, "DAGSTER_HOME": str(shop.settings.own_dagster_home)}
    assert asked(by_hand) == str(shop.settings.own_dagster_home)


def test_a_home_in_a_users_home_is_meant_as_dagster_means_it(
    shop: Shop, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(home.parent))
    monkeypatch.setenv("DAGSTER_HOME", f"~/{home.name}")

    assert shop.settings.dagster_home == home
    with open_instance(shop.settings):
        assert os.environ["DAGSTER_HOME"] == str(home)


@pytest.mark.parametrize("named", ["here", "/nowhere/at/all"])
def test_one_that_is_no_folder_is_refused_by_its_name(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", named)

    with pytest.raises(PhotosearchError, match="DAGSTER_HOME") as refused:
        environment(shop.settings)

    assert refused.value.found == named
    assert "unset DAGSTER_HOME" in str(refused.value.remedy)
    assert not shop.settings.own_dagster_home.exists()


@pytest.mark.parametrize(
    "text",
    [
        "storage: [",
        "storage:\n  custom:\n    module: nowhere.at_all\n    class: Storage\n    config: {}\n",
        "storage:\n  sqlite:\n    folder: x\n",
    ],
)
def test_a_dagster_yaml_that_dagster_can_not_use_is_named(
    shop: Shop, home: Path, text: str
) -> None:
    (home / "dagster.yaml").write_text(f"# Of the platform's team.\n{text}")

    with pytest.raises(AssetsError) as refused, open_instance(shop.settings):
        pass

    assert str(home / "dagster.yaml") in str(refused.value)


def test_settings_show_which_home_is_used(
    shop: Shop,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COLUMNS", "400")

    with pytest.raises(SystemExit):
        main(["settings"])
    there = capsys.readouterr().out
    monkeypatch.delenv("DAGSTER_HOME")
    with pytest.raises(SystemExit):
        main(["settings"])
    own = capsys.readouterr().out

    assert f"Dagster's home is {home}, as DAGSTER_HOME says" in there
    assert f"Dagster's home is {shop.settings.own_dagster_home}" in own


def test_runs_of_long_ago_are_its_owners_to_remove(shop: Shop, home: Path) -> None:
    with open_instance(shop.settings) as instance:
        instance.report_engine_event("opened", run_id=RUN, job_name="job")
    [database] = home.rglob(f"{RUN}.db")
    then = time.time() - 99 * DAY_S
    for file in database.parent.iterdir():
        os.utime(file, (then, then))

    assert list(old_runs_files(shop.settings, timedelta(), dry_run=False)) == []

    assert database.exists()


def test_an_erasure_takes_its_strips_out_of_it(
    shop: Shop, home: Path, materialize: Materialize
) -> None:
    shop.list_hours(2)
    assert materialize("embedder").success
    assert materialize("images", windows=hours(0, 2)).success
    gone, other = (hour.start_text for hour in hours(0, 2))

    receipt = erase(shop, "p1.png")

    assert receipt.strips == 1
    assert any(str(home / "storage") in place for place in receipt.looked_at)
    with open_instance(shop.settings) as instance:
        texts = {
            record.partition_key: json.dumps(str(record.asset_materialization))
            for record in instance.fetch_materializations(dg.AssetKey("images"), limit=9).records
        }
    assert "data:image" not in texts[gone]
    assert "data:image" in texts[other]
