"""A command in a wrong folder says so, and makes nothing there."""

import os
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from photosearch.cli import COMMANDS, main
from photosearch.settings.settings import SETTINGS_VARIABLE, load_settings

WORK_ON_ONE = [
    ("verify",),
    ("verify", "--discard"),
    ("gc",),
    ("gc", "--dry-run"),
    ("gc", "--json"),
    ("versions",),
    ("versions", "daily/2026-11-22", "--json"),
    ("rollback", "daily/2026-11-22", "5d1c"),
    ("rollback", "daily/2026-11-22", "--release"),
    ("explain", "a.jpg"),
    ("explain", "a.jpg", "--json"),
    ("erase", "a.jpg"),
    ("embedder", "show"),
    ("embedder", "use", "efficientnet_lite0"),
    ("embedder", "use", "--back"),
    ("embedder", "drop"),
    ("materialize",),
    ("materialize", "--window", "daily/2026-11-22"),
    ("up",),
    ("api",),
    ("deployer",),
]
NEED_NONE = {
    "init": "makes one",
    "demo": "makes one",
    "settings": "shows the defaults, and that there is no file",
    "search": "asks the API",
    "windows": "asks the API",
    "index-server": "serves the file that is named",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith("PHOTOSEARCH_"):
            monkeypatch.delenv(name)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    return int(ended.value.code or 0), *capsys.readouterr()


def test_each_command_is_known_to_need_an_installation_or_not() -> None:
    names = {point.name for point in entry_points(group=COMMANDS)}

    assert names == {words[0] for words in WORK_ON_ONE} | NEED_NONE.keys()


@pytest.mark.parametrize("words", WORK_ON_ONE, ids=" ".join)
def test_a_command_refuses_where_there_is_no_installation(
    words: tuple[str, ...], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, error = run(capsys, *words)

    assert (code, out) == (1, "")
    assert error.startswith(f"error: there is no photosearch installation in {folder}: ")
    assert "--settings FILE" in error
    assert "photosearch init" in error
    assert error.count("\n") == 1
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("words", WORK_ON_ONE, ids=" ".join)
def test_a_command_refuses_a_settings_file_that_is_not_there(
    words: tuple[str, ...],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    missing = folder / "elsewhere" / "photosearch.toml"
    monkeypatch.setenv(SETTINGS_VARIABLE, str(missing))

    code, out, error = run(capsys, *words)

    assert (code, out) == (1, "")
    assert f"there is no settings file {missing}" in error
    assert list(folder.iterdir()) == []


def test_the_settings_say_that_there_is_no_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "300")

    code, out, _ = run(capsys, "settings")

    assert code == 0
    assert f"{folder}/photosearch.toml is not there: defaults hold" in out


def test_an_api_that_is_not_there_tells_of_the_folder_too(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOTOSEARCH_API_PORT", "1")

    code, _, error = run(capsys, "windows")

    assert code == 1
    assert f"there is no installation in {folder}" in error


def test_variables_that_say_where_things_lie_are_an_installation(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PHOTOSEARCH_STATE_DIR", "state")

    code, out, _ = run(capsys, "verify")

    assert code == 1  # nothing was looked at
    assert "0 versions read, 0 damaged" in out
    assert f"there was nothing to look at: the model repository file://{folder}/state" in out
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("named", [None, "no-such-disk"])
def test_a_state_folder_that_is_gone_is_not_well(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    named: str | None,
) -> None:
    (folder / "photosearch.toml").write_text("" if named is None else f'state_dir = "{named}"')

    code, out, _ = run(capsys, "verify")
    assert code == 1
    assert "there was nothing to look at" in out
    assert [path.name for path in folder.iterdir()] == ["photosearch.toml"]

    (folder / (named or ".photosearch")).mkdir(mode=0o700)
    code, out, _ = run(capsys, "verify")
    assert code == 0
    assert "there was nothing to look at" in out


def test_a_repository_that_was_named_and_holds_nothing_is_not_well(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PHOTOSEARCH_MODELS_URL", "no-such-folder")

    code, out, _ = run(capsys, "verify")
    assert code == 1
    assert f"file://{folder}/no-such-folder holds no version" in out

    code, out, error = run(capsys, "gc", "--dry-run")
    assert code == 0
    assert "no-such-folder holds no version" in error
    assert "0 would be deleted" in out
    assert list(folder.iterdir()) == []


def test_processes_of_an_installation_without_a_file_work_on_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("PHOTOSEARCH_STATE_DIR", "state")
    before = load_settings()

    for name, value in before.whereabouts().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))

    assert load_settings().state == before.state == folder / "state"
