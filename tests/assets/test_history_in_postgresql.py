"""Dagster's history in a PostgreSQL that a setting names, with no password written down."""

import os
import time
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
import yaml  # type: ignore[import-untyped]

from photosearch.settings.settings import Settings, SettingsError, load_settings
from photosearch.terminal.masked import masked_setting
from photosearch_assets.errors import AssetsError
from photosearch_assets.instance.check_states import CheckStates
from photosearch_assets.instance.home import ensure_home, environment, open_instance
from photosearch_assets.instance.old_runs import DAY_S, old_runs_files

pytestmark = pytest.mark.postgres

PASSWORD = "hunter2-and-a-half"
RUN = "0b5ba6cf-6f0e-4cf1-8a6b-4d7b7f5b2a10"


@pytest.fixture
def settings(tmp_path: Path, postgres_url: str) -> Settings:
    """The server believes whoever comes; that the password is sent is seen at the driver's URL."""
    return Settings(
        base_dir=tmp_path,
        dagster_database_url=postgres_url,
        dagster_database_password=PASSWORD,
    )


def test_history_lies_there_and_the_password_in_no_file(settings: Settings) -> None:
    before = dict(os.environ)

    with open_instance(settings) as instance:
        instance.report_engine_event("opened", run_id=RUN, job_name="job")
        storage = instance.event_log_storage

    assert isinstance(storage, CheckStates)
    assert PASSWORD in str(vars(storage)["postgres_url"])
    assert dict(os.environ) == before
    assert not list(settings.state.rglob("*.db"))
    files = [path for path in settings.state.rglob("*") if path.is_file()]
    assert not any(PASSWORD.encode() in path.read_bytes() for path in files)
    written = yaml.safe_load((settings.dagster_home / "dagster.yaml").read_text())
    assert written["storage"]["custom"]["config"] == {
        "postgres_url": {"env": "PHOTOSEARCH_DAGSTER_DATABASE_URL"}
    }
    with open_instance(settings) as instance:
        assert len(instance.all_logs(RUN)) == 1


def test_dagsters_own_processes_find_it_by_their_environment(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_instance(settings) as instance:
        instance.report_engine_event("opened", run_id=RUN, job_name="job")

    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)

    with dg.DagsterInstance.get() as instance:
        assert len(instance.all_logs(RUN)) == 1
        assert PASSWORD in str(vars(instance.event_log_storage)["postgres_url"])
    assert PASSWORD not in str(instance.get_ref().to_dict())  # what run workers are given


def test_two_passwords_that_differ_are_refused_and_neither_is_shown(settings: Settings) -> None:
    url = sa.make_url(settings.dagster_database_url or "")
    for password, is_refused in ((PASSWORD, False), ("another", True)):
        given = url.set(username="me", password=password).render_as_string(hide_password=False)
        changed = settings.model_copy(update={"dagster_database_url": given})
        if not is_refused:
            ensure_home(changed)
            continue
        with pytest.raises(AssetsError, match="holds another password") as refused:
            ensure_home(changed)
        assert PASSWORD not in str(refused.value)
        assert "another@" not in str(refused.value)


def test_a_home_that_means_another_storage_is_refused(settings: Settings, tmp_path: Path) -> None:
    """Never is a history split in two for a variable that one shell did not have."""
    files = Settings(base_dir=tmp_path)
    ensure_home(settings)
    with pytest.raises(AssetsError, match="no dagster_database_url"):
        ensure_home(files)

    (settings.dagster_home / "dagster.yaml").unlink()
    ensure_home(files)
    with pytest.raises(AssetsError, match="PhotosearchSqliteStorage"):
        ensure_home(settings)


def test_a_database_that_is_not_there_is_named_without_its_password(settings: Settings) -> None:
    asked = settings.model_copy(
        update={"dagster_database_url": f"{settings.dagster_database_url}_gone"}
    )

    with pytest.raises(AssetsError, match="_gone") as refused, open_instance(asked):
        pass

    assert "dagster_database_url" in str(refused.value.remedy)
    assert PASSWORD not in str(refused.value)


@pytest.mark.parametrize("url", ["mysql://shop@db/dagster", "dagster", "postgresql+psycopg://x/y"])
def test_only_postgresql_is_taken_and_no_password_is_shown(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SettingsError, match="postgresql://USER@HOST/NAME"):
        load_settings(dagster_database_url=url)

    settings = load_settings(dagster_database_url=f"postgresql://shop:{PASSWORD}@db/dagster")
    assert masked_setting(settings.dagster_database_url) == "postgresql://shop:***@db/dagster"


@dg.asset
def spoken() -> None:
    pass


def test_events_of_an_old_run_go_and_what_it_made_stays(settings: Settings) -> None:
    job = dg.Definitions([spoken]).resolve_implicit_global_asset_job_def()
    with open_instance(settings) as instance:
        old, young = (job.execute_in_process(instance=instance).run_id for _ in range(2))
    engine = sa.create_engine(str(settings.dagster_database_url))
    age = timedelta(seconds=settings.run_log_days * DAY_S + 3600)
    with engine.begin() as connection:
        connection.execute(
            sa.text('UPDATE event_logs SET "timestamp" = "timestamp" - :age WHERE run_id = :run'),
            {"age": age, "run": old},
        )
    engine.dispose()

    def gone(*, dry_run: bool) -> list[tuple[str, int, str]]:
        found = old_runs_files(settings, timedelta(), dry_run=dry_run)
        return [one for one in found if one[0].startswith("events")]

    told = gone(dry_run=True)
    assert gone(dry_run=False) == told
    assert gone(dry_run=False) == []

    [(what, size, why)] = told
    assert what == f"events of run {old}"
    assert size > 1000
    assert f"{settings.run_log_days} days" in why
    with open_instance(settings) as instance:
        kinds = {
            e.dagster_event.event_type_value for e in instance.all_logs(old) if e.dagster_event
        }
        assert kinds == {"ASSET_MATERIALIZATION", "ASSET_MATERIALIZATION_PLANNED"}
        assert len(instance.all_logs(young)) > 9
        assert (
            instance.fetch_materializations(dg.AssetKey("spoken"), limit=9).records[1].run_id == old
        )


def test_gc_tells_when_it_can_not_be_asked(settings: Settings) -> None:
    asked = settings.model_copy(
        update={"dagster_database_url": f"{settings.dagster_database_url}_gone"}
    )
    started = time.monotonic()

    with pytest.raises(AssetsError, match="_gone"):
        list(old_runs_files(asked, timedelta(), dry_run=True))

    assert time.monotonic() - started < 60
