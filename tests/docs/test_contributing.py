"""CONTRIBUTING.md names all there is to know, and quotes what stands in the code."""

import re
import tomllib

import pytest

from tests.docs.pages import ROOT, in_code_type

TEXT = (ROOT / "CONTRIBUTING.md").read_text()
QUOTED = re.findall(r"`(\S+\.py)`:\n\n```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def test_every_block_of_python_is_quoted_from_a_file() -> None:
    assert len(QUOTED) == TEXT.count("```python") > 0


@pytest.mark.parametrize(("file", "lines"), QUOTED, ids=[file for file, _ in QUOTED])
def test_what_is_quoted_stands_in_the_code(file: str, lines: str) -> None:
    assert lines in (ROOT / file).read_text()


def test_every_target_of_make_is_told_of() -> None:
    targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)

    assert [name for name in targets if f"`make {name}" not in TEXT] == []


def test_every_folder_of_tests_is_told_of() -> None:
    there = {f"tests/{path.parent.name}" for path in (ROOT / "tests").glob("*/test_*.py")}

    told = {name for name in in_code_type(TEXT) if re.fullmatch(r"tests/[a-z_]+", name)}
    assert told == there


def test_every_marker_is_told_of() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    markers = [
        line.partition(":")[0] for line in project["tool"]["pytest"]["ini_options"]["markers"]
    ]

    assert [name for name in markers if f"`{name}`" not in TEXT] == []
