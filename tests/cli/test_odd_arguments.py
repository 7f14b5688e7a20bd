"""Whatever a script passes: no trace, an error that names what is wrong, the documented code.

The commands and their parameters are the application's own, so that a new one is tried too.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from photosearch.cli import LONGEST_ARGUMENT, command_line, main
from photosearch.terminal.masked import masked_text

REFUSED = {"empty": "", "NUL": "a\0b", "long": "x" * 100_000}
TRIED = {
    "no UTF-8": os.fsdecode(b"caf\xe9"),
    "dash": "-x",
    "dashes": "--x",
    "lines": "a\nb\x1b[31m",
    "blank": " ",
    "long": "9" * 400,
    "negative": "-1",
    "no number": "nan",
}
#: What is to be reached behind the other arguments.
GIVEN = {"photo": "a.jpg", "window": "hourly/2026-11-22T14"}
#: These begin to work with whatever folder or host it is.
WORKS = {("demo", "--dir")}
Leaf = tuple[tuple[str, ...], Any]


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[Leaf]:
    """Every command, with the commands of commands."""
    for name, sub in getattr(command, "commands", {}).items():
        yield from leaves(sub, (*path, name))
    if not hasattr(command, "commands"):
        yield path, command


LEAVES = list(leaves(typer.main.get_command(command_line([]))))
VALUES = [
    (path, command, one)
    for path, command in LEAVES
    for one in command.params
    if one.name != "help" and not getattr(one, "is_flag", False)
]


def words(path: tuple[str, ...], command: Any, odd: Any = None, value: str = "") -> list[str]:
    """A command line with every required argument, and ``odd`` of this value."""
    options, arguments = list(path), []
    for one in command.params:
        if one is odd or one.required:
            said = value if one is odd else GIVEN.get(one.name, "x")
            if one.param_type_name == "argument":
                arguments.append(said)
            elif one.opts[0].startswith("--"):
                options.append(f"{one.opts[0]}={said}")
            else:
                options += [one.opts[0], said]
    return [*options, *(["--", *arguments] if arguments else [])]


def run(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    out, error = capfd.readouterr()
    return int(ended.value.code or 0), out, error


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation without photos, whose API does not run."""
    for name in os.environ:
        if name.startswith("PHOTOSEARCH_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    (tmp_path / "a.jpg").write_bytes(b"no photo")
    (tmp_path / "photosearch.toml").write_text('api_port = 1\nphotos_url = "photos"\n')
    return tmp_path


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize(
    ("path", "command", "odd"), VALUES, ids=[f"{' '.join(p)} {o.name}" for p, _, o in VALUES]
)
def test_what_no_command_takes_is_refused_by_name(
    path: tuple[str, ...], command: Any, odd: Any, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    code, out, error = run(capfd, *words(path, command, odd, REFUSED[kind]))

    assert (code, out) == (2, "")
    assert error.startswith("error: the value of ")
    assert error.count("\n") == 1
    assert len(error) < 300
    if odd.param_type_name == "option":
        assert odd.opts[0] in error


@pytest.mark.parametrize("kind", TRIED)
@pytest.mark.parametrize(
    ("path", "command", "odd"), VALUES, ids=[f"{' '.join(p)} {o.name}" for p, _, o in VALUES]
)
def test_what_is_odd_ends_in_an_error(
    path: tuple[str, ...], command: Any, odd: Any, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    if any((path[0], name) in WORKS for name in odd.opts):
        return
    code, out, error = run(capfd, *words(path, command, odd, TRIED[kind]))

    if kind in ("long", "negative") and code == 0:  # a number like others
        return
    told = error + out if path == ("explain",) else error
    assert code in (1, 2)
    assert "Traceback" not in told
    assert "\x1b" not in told
    assert "error: " in told or told.startswith("Usage: ") or path == ("explain",)
    if code == 2:
        assert (odd.opts[0] if odd.param_type_name == "option" else odd.name) in error


@pytest.mark.parametrize(
    ("path", "command"),
    [leaf for leaf in LEAVES if any("--json" in one.opts for one in leaf[1].params)],
    ids=lambda one: " ".join(one) if isinstance(one, tuple) else "",
)
@pytest.mark.parametrize("fault", ["no installation", "settings", "no such option"])
def test_json_is_a_document_or_nothing(
    path: tuple[str, ...],
    command: Any,
    fault: str,
    shop: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """An error is told on standard error alone, by the exit code of the table."""
    line = words(path, command)
    if fault == "no installation":
        (shop / "empty").mkdir()
        monkeypatch.chdir(shop / "empty")
        monkeypatch.setenv("PHOTOSEARCH_API_PORT", "1")
        (shop / "empty" / "a.jpg").touch()
    elif fault == "settings":
        (shop / "photosearch.toml").write_text("api_port = 'none'\n")
    elif fault == "no such option":
        line.insert(len(path), "--none")

    code, out, error = run(capfd, *line[: len(path)], "--json", *line[len(path) :])

    assert out == ""
    assert code == (2 if fault == "no such option" else 1)
    assert "Traceback" not in error
    assert error.startswith("error: " if code == 1 else "Usage: ")


def test_commands_with_json_are_found() -> None:
    found = {path[0] for path, one in LEAVES if any("--json" in o.opts for o in one.params)}
    assert found >= {"search", "windows", "explain", "versions", "gc", "erase"}
    assert len(VALUES) > 15


def test_the_longest_path_is_an_argument(shop: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, _, error = run(capfd, "search", "/" * LONGEST_ARGUMENT)
    assert code == 1
    assert "can't be read" in error


def test_a_long_text_is_masked_in_one_go() -> None:
    """From each letter on it would take hours: a log line may hold what a stranger sent."""
    text = "x" * 5_000_000
    assert masked_text(text) == text
    assert masked_text(f"{text}://user:secret@host/") == f"{text}://***@host/"
