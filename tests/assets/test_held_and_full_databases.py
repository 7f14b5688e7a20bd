"""Dagster's databases while another program holds them, and on a disk that is full."""

import errno
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from photosearch.errors import PhotosearchError
from photosearch.settings.settings import Settings
from photosearch_assets.errors import AssetsError
from photosearch_assets.instance import sqlite_files
from photosearch_assets.instance.home import ensure_home, open_instance
from photosearch_assets.instance.sqlite_files import BUSY_TIMEOUT_S, database_url, told_of

DATABASES = ["history/runs.db", "schedules/schedules.db", "history/runs/index.db"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(base_dir=tmp_path)


@contextmanager
def held(database: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process has an open write in a database; it ends by a line to its stdin."""
    code = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "c.execute('begin exclusive'); print('held', flush=True); sys.stdin.readline()"
    )
    command = [sys.executable, "-c", code, str(database)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        try:
            yield holder
        finally:
            holder.kill()


def connections(instance: Any) -> Iterator[sa.Connection]:
    """A connection to each of the databases, as its storage opens it."""
    with instance.run_storage.connect() as connection:
        yield connection
    with instance.schedule_storage.connect() as connection:
        yield connection
    with instance.event_log_storage.index_connection() as connection:
        yield connection


def write_everywhere(instance: Any) -> None:
    """One write to each of the databases."""
    instance.add_run_tags(instance.create_run_for_job(_job()).run_id, {"a": "b"})
    instance.report_runless_asset_event(dg.AssetMaterialization("a"))
    instance.schedule_storage.purge_ticks("origin", "selector", before=1.0)


def test_every_database_is_waited_for_as_long_as_the_others(settings: Settings) -> None:
    with open_instance(settings) as instance:
        waits = [_wait_of(connection) for connection in connections(instance)]

    assert waits == [BUSY_TIMEOUT_S * 1000] * len(DATABASES)


@pytest.mark.parametrize("name", DATABASES)
def test_a_database_held_beyond_the_wait_is_told_in_one_line(
    settings: Settings, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_files, "BUSY_TIMEOUT_S", 0)
    monkeypatch.setattr("photosearch_assets.instance.event_storage.BUSY_TIMEOUT_S", 0)
    with open_instance(settings):
        pass
    home = settings.dagster_home

    with (
        pytest.raises(AssetsError) as caught,
        open_instance(settings) as instance,
        held(home / "storage" / name),
    ):
        write_everywhere(instance)

    assert f"Dagster's database in {home} is held by another program" in str(caught.value)
    assert "a backup or a viewer" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_full_disk_is_told_with_the_disk_and_the_remedy(settings: Settings) -> None:
    with pytest.raises(AssetsError) as caught, open_instance(settings) as instance:
        _fill(instance)

    assert f"Dagster can't write below {settings.dagster_home}" in str(caught.value)
    assert "MB free on that disk" in str(caught.value)
    assert "free space on that disk, then run this again" in str(caught.value)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EFBIG, errno.EDQUOT])
def test_a_refusal_is_found_below_whatever_it_became(tmp_path: Path, number: int) -> None:
    try:
        try:
            raise OSError(number, "no")
        except OSError as error:
            raise RuntimeError("of Dagster's own") from error
    except RuntimeError as error:
        found = told_of(error, tmp_path, "state_dir")

    assert found is not None
    assert found.remedy is not None


def test_other_errors_stay_what_they_are(settings: Settings) -> None:
    mine = PhotosearchError("mine")
    mine.__cause__ = OSError(errno.ENOSPC, "full")

    for error in (mine, ValueError("theirs"), sa.exc.InvalidRequestError("theirs")):
        with pytest.raises(type(error)) as caught, open_instance(settings):
            raise error
        assert caught.value is error


@pytest.mark.parametrize("folder", ["a b", "what?", "50%", "%41", "#1", "ü'\"", "a&b=c", "[x]"])
def test_a_database_is_made_where_its_path_says(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir()

    engine = sa.create_engine(database_url(str(tmp_path / folder), "runs"))
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE it (number)")
    engine.dispose()

    with closing(sqlite3.connect(tmp_path / folder / "runs.db")) as made:
        assert made.execute("SELECT * FROM it").fetchall() == []
    assert [path.name for path in tmp_path.iterdir()] == [folder]


@pytest.mark.parametrize("folder", ["a[b]c", "all*"])
def test_a_home_that_dagster_would_not_find_is_refused(tmp_path: Path, folder: str) -> None:
    (tmp_path / "all others/.photosearch/dagster").mkdir(parents=True)
    (tmp_path / "all others/.photosearch/dagster/dagster.yaml").touch()
    (tmp_path / folder).mkdir()

    with pytest.raises(AssetsError, match=r"no \[ and no \* is in its path"):
        ensure_home(Settings(base_dir=tmp_path / folder))


def _wait_of(connection: sa.Connection) -> int:
    return int(connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one())


def _fill(instance: Any) -> None:
    """Write more than a database has room for."""
    with instance.run_storage.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        connection.exec_driver_sql("CREATE TABLE more (it BLOB)")
        connection.exec_driver_sql("INSERT INTO more VALUES (zeroblob(100000))")


def _job() -> dg.JobDefinition:
    @dg.job
    def nothing() -> None: ...

    return nothing
