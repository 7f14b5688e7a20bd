"""The command line is assembled from what the installed packages bring."""

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from photosearch.cli import main
from photosearch.version import CODE_VERSION

HEAVY = ("torch", "scann", "onnxruntime", "dagster", "fastapi", "grpc", "sqlalchemy")


def run(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout


def test_a_command_that_needs_little_imports_little() -> None:
    loaded = run(
        "import sys\n"
        "from photosearch.cli import command_line\n"
        "command_line(['settings'])\n"
        "print(*sys.modules)"
    ).split()

    assert [name for name in HEAVY if name in loaded] == []


@pytest.mark.parametrize("before", [[], ["--settings", "no-such-file.toml"]], ids=" ".join)
def test_the_version_is_said_alone(before: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*before, "--version"])

    assert ended.value.code == 0
    assert capsys.readouterr() == (f"{CODE_VERSION}\n", "")


def test_the_version_is_said_where_no_command_can_be_loaded(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(point: EntryPoint) -> None:
        raise ImportError(f"{point.name} is broken")

    monkeypatch.setattr(EntryPoint, "load", broken)

    with pytest.raises(SystemExit) as ended:
        main(["--version"])

    assert ended.value.code == 0
    assert capsys.readouterr() == (f"{CODE_VERSION}\n", "")


def test_an_error_of_ours_is_one_line_that_names_the_remedy(
    capsys: pytest.CaptureFixture[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    missing = tmp_path_factory.mktemp("shop") / "photosearch.toml"

    with pytest.raises(SystemExit) as ended:
        main(["--settings", str(missing), "settings"])

    assert ended.value.code == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert "photosearch init" in error


def test_a_path_that_cannot_be_used_is_one_line_too(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "photo.jpg"
    file.touch()

    with pytest.raises(SystemExit) as ended:
        main(["demo", "--exit", "--dir", str(file)])

    assert ended.value.code == 1
    error = capsys.readouterr().err
    assert error.startswith(f"error: '{file}' can't be used: found File exists; ")
    assert error.count("\n") == 1


def test_an_unknown_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["serch"])

    assert ended.value.code == 2
    assert "serch" in capsys.readouterr().err
