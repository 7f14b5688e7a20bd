"""One file and the environment; what can't be used is named with its remedy."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from photosearch.settings.settings import (
    SETTINGS_FILE,
    SETTINGS_VARIABLE,
    SettingsError,
    load_settings,
)


@pytest.fixture(autouse=True)
def a_folder_and_environment_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith("PHOTOSEARCH_"):
            monkeypatch.delenv(name)


def write(content: str, folder: Path | None = None) -> Path:
    file = (folder or Path.cwd()) / SETTINGS_FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    return file


def refusal(**given: Any) -> SettingsError:
    with pytest.raises(SettingsError) as refused:
        load_settings(**given)
    return refused.value


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    settings = load_settings()

    assert settings.max_k == 1000
    assert settings.state == tmp_path / ".photosearch"
    assert settings.repository_url == (tmp_path / ".photosearch" / "repository").as_uri()
    assert settings.catalogue_file == tmp_path / ".photosearch/catalogue.db"


def test_the_file_wins_over_defaults_the_environment_over_the_file_and_the_caller_over_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write("max_k = 10\napi_port = 10\ndagster_port = 10")
    monkeypatch.setenv("PHOTOSEARCH_API_PORT", "20")
    monkeypatch.setenv("PHOTOSEARCH_DAGSTER_PORT", "20")

    settings = load_settings(dagster_port=30)

    assert (settings.max_k, settings.api_port, settings.dagster_port) == (10, 20, 30)


def test_paths_count_from_the_files_folder_wherever_the_command_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = tmp_path / "my shop"
    file = write('photos_url = "photos"\nstate_dir = "state"', shop)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)

    for settings in (load_settings(file), load_settings(Path("../my shop") / SETTINGS_FILE)):
        assert settings.file == file
        assert settings.image_store_url == (shop / "photos").as_uri()
        assert settings.dagster_home == shop / "state" / "dagster"
        assert settings.cache_dir == shop / "state" / "cache"


def test_an_absolute_path_and_a_url_are_taken_as_they_are(tmp_path: Path) -> None:
    settings = load_settings(
        state_dir=tmp_path / "state", photos_url="s3://bucket/photos", database_url="sqlite://"
    )

    assert settings.state == tmp_path / "state"
    assert settings.image_store_url == "s3://bucket/photos"
    assert settings.database_url == "sqlite://"


def test_a_child_process_loads_the_same_settings_from_another_folder(tmp_path: Path) -> None:
    settings = load_settings(write("max_k = 77", tmp_path / "shop"))

    code = (
        "from photosearch.settings.settings import load_settings as load; "
        "print(load().max_k, load().state)"
    )
    child = subprocess.run(
        [sys.executable, "-c", code],
        env=settings.environment(),
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )

    assert child.stdout.split() == ["77", str(settings.state)]


@pytest.mark.parametrize(
    "start",
    [
        "2026-03-01",
        "2026-03-01T00:00:00Z",
        '"2026-03-01T00:00:00"',
        '"2026-03-01T02:00:00+02:00"',
    ],
)
def test_the_timeline_starts_with_a_month_in_utc(start: str) -> None:
    write(f"timeline_start = {start}")

    assert load_settings().timeline_start == datetime(2026, 3, 1, tzinfo=UTC)


def test_a_start_inside_a_month_is_refused_with_the_month_to_use() -> None:
    file = write("timeline_start = 2026-03-02T00:00:00Z")

    error = refusal()

    assert error.what == "setting timeline_start can't be used: the timeline starts with a month"
    assert error.found == "2026-03-02T00:00:00+00:00"
    assert "use 2026-03-01T00:00:00+00:00" in (error.remedy or "")
    assert str(file) in (error.remedy or "")


@pytest.mark.parametrize(
    ("line", "name", "found"),
    [
        ("max_megapixels = -1", "max_megapixels", "-1"),
        ("api_port = 70000", "api_port", "70000"),
        ('api_port = "http"', "api_port", "'http'"),
        ('embed_device = "tpu"', "embed_device", "'tpu'"),
        ("recall_target = 1.5", "recall_target", "1.5"),
        ("state_dir = 3", "state_dir", "3"),
        ("embedder_std = [0.2, 0, 0.2]", "embedder_std", "0"),
        ("embedder_mean = [0.5, nan, 0.5]", "embedder_mean", "nan"),
    ],
)
def test_a_value_that_is_not_allowed_is_named_with_file_and_variable(
    line: str, name: str, found: str
) -> None:
    file = write(line)

    error = refusal()

    assert error.what.startswith(f"setting {name} can't be used: ")
    assert error.found == found
    assert error.remedy == f"correct it in {file} or in PHOTOSEARCH_{name.upper()}"


def test_a_bad_value_in_the_environment_is_named_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTOSEARCH_FETCH_CONCURRENCY", "many")

    error = refusal()

    assert error.found == "'many'"
    assert "PHOTOSEARCH_FETCH_CONCURRENCY" in (error.remedy or "")


def test_a_misspelt_setting_is_refused_and_the_right_name_suggested() -> None:
    write("max_megapixel = 20")

    error = refusal()

    assert error.what == "there is no setting max_megapixel"
    assert "did you mean max_megapixels?" in (error.remedy or "")


def test_a_file_that_is_not_toml_is_named_with_the_place() -> None:
    file = write("max_k = 10\napi_port 8080")

    error = refusal()

    assert error.what == f"{file} is not a TOML file"
    assert "line 2" in (error.found or "")


@pytest.mark.parametrize("name", ["state_dir", "own_steps"])
def test_an_empty_path_is_not_the_folder_of_the_settings(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"PHOTOSEARCH_{name.upper()}", "")

    error = refusal()

    assert name in error.what
    assert "the path is empty; leave the setting out" in str(error)


def test_a_file_that_is_not_text_is_refused() -> None:
    file = Path.cwd() / SETTINGS_FILE
    file.write_bytes(b"\xff\xfe\x00")

    assert "not a TOML file" in refusal().what


def test_a_file_that_was_named_and_is_not_there_says_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = tmp_path / "nowhere" / SETTINGS_FILE

    assert "photosearch init" in (refusal(file=missing).remedy or "")
    monkeypatch.setenv(SETTINGS_VARIABLE, str(missing))
    assert str(missing) in refusal().what


def test_a_file_of_another_name_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "settings.toml"
    other.write_text("")

    error = refusal(file=other)

    assert error.found == str(other)
    assert SETTINGS_FILE in (error.remedy or "")


def test_a_folder_in_the_files_place_is_not_passed_over_in_silence() -> None:
    (Path.cwd() / SETTINGS_FILE).mkdir()

    assert "is not a file" in refusal().what


def test_photos_that_are_not_set_say_how_to_set_them() -> None:
    settings = load_settings()

    with pytest.raises(SettingsError, match="photosearch init --photos"):
        _ = settings.image_store_url


def test_settings_can_not_be_changed_once_loaded() -> None:
    settings = load_settings()

    with pytest.raises(ValueError, match="frozen"):
        settings.max_k = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("written", "live"),
    [
        ('"live"', ("live",)),
        ('["active", "new"]', ("active", "new")),
        ("true", ("true",)),
        ("1", ("1",)),
        ("[1, 2]", ("1", "2")),
    ],
)
def test_one_or_several_statuses_may_be_live(
    tmp_path: Path, written: str, live: tuple[str, ...]
) -> None:
    (tmp_path / SETTINGS_FILE).write_text(f"live_status = {written}\n")

    assert load_settings(tmp_path / SETTINGS_FILE).live_statuses == live


def test_live_statuses_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for text, live in (("active", ("active",)), ('["a", "b"]', ("a", "b"))):
        monkeypatch.setenv("PHOTOSEARCH_LIVE_STATUS", text)
        assert load_settings().live_statuses == live


@pytest.mark.parametrize("written", ["[]", "{ a = 1 }", "1.5"])
def test_a_live_status_that_is_none_is_refused(tmp_path: Path, written: str) -> None:
    (tmp_path / SETTINGS_FILE).write_text(f"live_status = {written}\n")

    with pytest.raises(SettingsError, match="live_status"):
        load_settings(tmp_path / SETTINGS_FILE)
