"""Dagster's home goes where its folder goes: moved, copied, renamed, or under a second name."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from photosearch.settings.settings import Settings
from photosearch_assets.errors import AssetsError
from photosearch_assets.instance.home import ensure_home, environment, open_instance
from photosearch_assets.instance.home_paths import databases_folder
from photosearch_assets.instance.in_home import in_home

FIRST = "0b5ba6cf-6f0e-4cf1-8a6b-4d7b7f5b2a10"
SECOND = "1b5ba6cf-6f0e-4cf1-8a6b-4d7b7f5b2a11"

# As releases up to now wrote it.
FORMER = """\
# Dagster on one machine. Written by photosearch once; yours to change.

storage:
  custom:
    module: photosearch_assets.event_storage
    class: PhotosearchSqliteStorage
    config:
      base_dir: '{home}/storage'

# Ours has eight cores.
concurrency:
  runs:
    max_concurrent_runs: 8

compute_logs: {{"module": "dagster.core.storage.local_compute_log_manager", \
"class": "LocalComputeLogManager", "config": {{"base_dir": "{home}/logs"}}}}

telemetry:
  enabled: false
"""


def shop(folder: Path) -> Settings:
    return Settings(base_dir=folder)


def record(folder: Path, run: str) -> None:
    with open_instance(shop(folder)) as instance:
        instance.report_engine_event("opened", run_id=run, job_name="job")


def recorded(folder: Path) -> set[str]:
    """The runs whose databases are there."""
    files = folder.rglob("*.db")
    return {file.stem for file in files if file.parent.name == "runs"} - {"index"}


@pytest.fixture(scope="session")
def used_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one run, never opened where it is used: copies of it were moved."""
    folder = tmp_path_factory.mktemp("used") / "one"
    record(folder, FIRST)
    assert files_that_name(folder, str(folder)) == []
    return folder


@pytest.fixture
def one(tmp_path: Path, used_once: Path) -> Path:
    shutil.copytree(used_once, tmp_path / "one")
    return tmp_path / "one"


def files_that_name(root: Path, text: str) -> list[Path]:
    return [p for p in root.rglob("*") if p.is_file() and text.encode() in p.read_bytes()]


def moved(one: Path, two: Path) -> None:
    one.rename(two)


def copied(one: Path, two: Path) -> None:
    shutil.copytree(one, two)


def archived(one: Path, two: Path) -> None:
    subprocess.run(["tar", "-C", one, "-cf", f"{two}.tar", "."], check=True)
    two.mkdir()
    subprocess.run(["tar", "-C", two, "-xf", f"{two}.tar"], check=True)
    shutil.rmtree(one)


WAYS = [moved, copied, archived]


@pytest.mark.parametrize("way", WAYS)
def test_its_history_comes_along_and_nothing_is_written_to_the_place_before(
    one: Path, way: Callable[[Path, Path], None]
) -> None:
    two = one.with_name("two")
    way(one, two)

    record(two, SECOND)

    assert recorded(two) == {FIRST, SECOND}
    if way is copied:
        assert recorded(one) == {FIRST}
    else:
        assert not one.exists()


@pytest.mark.parametrize("way", WAYS)
def test_a_home_of_a_former_release_comes_along_too(
    one: Path, way: Callable[[Path, Path], None]
) -> None:
    two = one.with_name("two")
    config = shop(one).dagster_home / "dagster.yaml"
    config.write_text(FORMER.format(home=config.parent))
    config.chmod(0o640)
    way(one, two)

    ensure_home(shop(two))

    assert databases_folder(shop(two).dagster_home) == shop(two).dagster_home / "storage"
    assert one.exists() == (way is copied)
    here = shop(two).dagster_home / "dagster.yaml"
    text = here.read_text()
    assert str(one) not in text
    assert text.startswith("# Dagster on one machine.")
    assert "# Ours has eight cores." in text
    assert yaml.safe_load(text)["compute_logs"] == {
        "module": "photosearch_assets.instance.logs_in_home",
        "class": "LogsInHome",
        "config": {"base_dir": "logs"},
    }
    assert here.stat().st_mode & 0o777 == 0o640
    again = here.stat().st_mtime_ns
    ensure_home(shop(two))
    assert here.stat().st_mtime_ns == again


def test_a_home_that_names_our_classes_where_they_were_is_opened(one: Path) -> None:
    config = shop(one).dagster_home / "dagster.yaml"
    text = config.read_text()
    config.write_text(text.replace("photosearch_assets.instance.", "photosearch_assets."))
    assert config.read_text() != text

    record(one, SECOND)

    assert recorded(one) == {FIRST, SECOND}
    assert config.read_text() == text


def test_databases_that_a_person_put_elsewhere_stay_there(tmp_path: Path) -> None:
    one, fast = tmp_path / "one", tmp_path / "fast"
    config = ensure_home(shop(one)) / "dagster.yaml"
    config.write_text(config.read_text().replace("base_dir: storage", f"base_dir: {fast}"))

    record(one, FIRST)

    assert recorded(one) == set()
    assert recorded(fast) == {FIRST}
    one.rename(tmp_path / "two")
    assert databases_folder(ensure_home(shop(tmp_path / "two"))) == fast


def test_databases_here_and_elsewhere_are_refused_with_both_places(one: Path) -> None:
    fast = one.with_name("fast")
    fast.mkdir()
    config = shop(one).dagster_home / "dagster.yaml"
    config.write_text(config.read_text().replace("base_dir: storage", f"base_dir: {fast}"))

    with pytest.raises(AssetsError) as refused:
        ensure_home(shop(one))

    assert str(fast) in str(refused.value)
    assert str(config.parent / "storage") in str(refused.value)


def test_another_storage_and_whatever_else_a_person_wrote_is_left_alone(tmp_path: Path) -> None:
    config = ensure_home(shop(tmp_path)) / "dagster.yaml"
    text = "storage:\n  sqlite:\n    base_dir: /somewhere/dagster/storage  # ours\n"
    config.write_text(text)

    ensure_home(shop(tmp_path))

    assert config.read_text() == text
    assert databases_folder(config.parent) is None


def test_a_dagster_yaml_that_is_none_is_said(tmp_path: Path) -> None:
    config = ensure_home(shop(tmp_path)) / "dagster.yaml"
    config.write_text("storage: [")

    with pytest.raises(AssetsError, match="can't be read"):
        ensure_home(shop(tmp_path))


def test_a_folder_under_two_names_has_one_history(one: Path) -> None:
    other = one.with_name("other name")
    other.symlink_to(one)

    record(other, SECOND)

    assert recorded(one) == {FIRST, SECOND}


def test_dagsters_own_programs_find_the_same_history(one: Path) -> None:
    """Started from anywhere, as by 'dagster dev' with the home that the docs name."""
    two = one.with_name("two")
    one.rename(two)
    ask = (
        "from dagster import DagsterInstance\n"
        f"with DagsterInstance.get() as instance: print(len(instance.all_logs({FIRST!r})))"
    )
    (two / "photosearch.toml").write_text("")
    home = {"DAGSTER_HOME": str(shop(two).dagster_home)}

    for given in ({**os.environ, **home}, environment(shop(two))):
        asked = [sys.executable, "-c", ask]
        printed = subprocess.run(asked, env=given, cwd="/", check=True, capture_output=True)
        assert printed.stdout.strip() == b"1"
    assert not one.exists()


def test_a_path_that_counts_from_the_home_needs_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "/somewhere")
    assert in_home("storage") == "/somewhere/storage"
    assert in_home("/elsewhere") == "/elsewhere"

    for value in ("", "relative"):
        monkeypatch.setenv("DAGSTER_HOME", value)
        with pytest.raises(AssetsError, match="set DAGSTER_HOME to the absolute path"):
            in_home("storage")


def test_an_instance_leaves_the_environment_as_it_was(tmp_path: Path) -> None:
    before = dict(os.environ)

    with open_instance(shop(tmp_path)):
        assert os.environ["DAGSTER_HOME"] == str(shop(tmp_path).own_dagster_home)

    assert dict(os.environ) == before
