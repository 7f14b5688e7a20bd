"""What Dagster keeps of each run by itself is bounded in time; what a run made stays."""

import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from photosearch.files.walk import files_below
from photosearch.settings.settings import Settings
from photosearch_assets.instance.home import open_instance
from photosearch_assets.instance.old_runs import DAY_S, old_runs_files, remove_daily

DAYS = 30


@dg.asset
def spoken() -> None:
    print("a step speaks")  # noqa: T201


def run(instance: dg.DagsterInstance) -> str:
    job = dg.Definitions([spoken]).resolve_implicit_global_asset_job_def()
    return job.execute_in_process(instance=instance).run_id


def files(settings: Settings, run_id: str) -> list[Path]:
    home = settings.dagster_home
    folders = [path for path in (home / "logs").glob("*") if path.is_dir()]
    return [path for path in (*folders, *files_below(home)) if run_id in str(path)]


def make_old(settings: Settings, run_id: str, days: float) -> None:
    then = time.time() - days * DAY_S
    for path in files(settings, run_id):
        os.utime(path, (then, then))


def gone(settings: Settings, *, dry_run: bool = False) -> list[tuple[str, int, str]]:
    found = old_runs_files(settings, timedelta(hours=24), dry_run=dry_run)
    return list(found)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(base_dir=tmp_path, run_log_days=DAYS)


def test_the_logs_and_events_of_an_old_run_go_and_what_it_made_stays(settings: Settings) -> None:
    with open_instance(settings) as instance:
        old, young = run(instance), run(instance)
        instance.all_logs(old)
    make_old(settings, old, DAYS + 1)
    make_old(settings, young, DAYS - 1)
    kept = files(settings, young)
    assert any("compute_logs" in path.parts for path in kept)

    with open_instance(settings) as instance:
        assert instance.all_logs(old)  # to be looked at makes nothing young
        planned = gone(settings, dry_run=True)
        assert files(settings, old)
        assert gone(settings) == planned
        logs, events = planned
        assert (logs[0], events[0]) == (f"step logs of run {old}", f"events of run {old}")
        assert all(size > 0 for _, size, _ in planned)
        assert files(settings, old) == []
        assert len(files(settings, young)) == len(kept)

        assert gone(settings) == []
        assert instance.get_run_by_id(old) is not None
        found = instance.fetch_materializations(spoken.key, limit=10).records
        assert {record.run_id for record in found} == {old, young}

    with open_instance(settings) as instance:
        assert instance.all_logs(old) == []  # as Dagit asks, who opens its page
        assert instance.all_logs(young)


def test_a_process_that_looked_at_a_run_before_looks_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photosearch_assets.instance.event_storage._KEPT_ENGINES", 1)
    with open_instance(settings) as instance:
        runs = [run(instance), run(instance)]
        for run_id in runs:
            make_old(settings, run_id, DAYS + 1)
        assert len(gone(settings)) == 4
        for run_id in runs:
            assert instance.all_logs(run_id) == []


def test_none_go_where_they_are_to_stay(settings: Settings) -> None:
    with open_instance(settings) as instance:
        make_old(settings, run(instance), 10_000)
    assert gone(settings.model_copy(update={"run_log_days": 0})) == []
    assert gone(settings) != []


def test_the_daemon_does_it_daily(settings: Settings) -> None:
    with open_instance(settings) as instance:
        old = run(instance)
    make_old(settings, old, DAYS + 1)
    remove_daily(settings)
    limit = time.monotonic() + 60
    while files(settings, old):
        assert time.monotonic() < limit
        time.sleep(0.05)


def test_gc_needs_no_dagster_for_it() -> None:
    code = "import sys, photosearch_assets.instance.old_runs; print(*sys.modules)"
    run = [sys.executable, "-c", code]
    loaded = subprocess.run(run, capture_output=True, text=True, check=True).stdout.split()
    assert not {"dagster", "yaml"} & {*loaded}
