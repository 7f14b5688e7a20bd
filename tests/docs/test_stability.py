"""The numbers in docs/stability.md are those of the code, and the changelog knows the release."""

import re
import tomllib
from importlib import import_module

import pytest
from pydantic import BaseModel

from tests.docs.pages import ROOT

STABILITY = (ROOT / "docs" / "stability.md").read_text()
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in STABILITY.splitlines()
    if re.match(r"\| .+ \| v?\d+ \| ", line)
]
IN_THE_CODE = {what: (told, places) for what, told, places, *_ in ROWS}


def test_the_table_has_every_document_that_says_its_format() -> None:
    """Whoever gives another document a format finds here that the page has no row for it."""
    sources = [path.read_text() for path in ROOT.rglob("*.py") if _is_product(str(path))]
    documents = sum(len(re.findall(r"^    format: ", source, re.M)) for source in sources)

    assert documents == sum("member `format`" in places for _, places in IN_THE_CODE.values())


@pytest.mark.parametrize("what", IN_THE_CODE)
def test_the_page_tells_the_version_that_the_code_has(what: str) -> None:
    told, places = IN_THE_CODE[what]

    assert told == _version_at(places)


def test_the_changelog_begins_with_this_release() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    releases = re.findall(r"^## (\S+) – ", CHANGELOG, re.M)

    assert releases[0] == project["version"]
    assert releases == sorted(releases, reverse=True, key=_numbers)


def _version_at(places: str) -> str:
    """What stands at the place that a row names: a constant, a model's default, a text."""
    if dotted := re.search(r"`(\w+(?:\.\w+)+\.[A-Z]\w*)`", places):
        module, name = dotted[1].rsplit(".", 1)
        found = getattr(import_module(module), name)
        is_model = isinstance(found, type) and issubclass(found, BaseModel)
        return str(found.model_fields["format"].default if is_model else found)
    file = re.search(r"`(\S+/\S+)`", places)
    assert file is not None, "the row names neither a constant nor a file"
    text = (ROOT / file[1]).read_text()
    patterns = (r"^package [\w.]+\.(v\d+);", r'"/(v\d+)/search"', r'"photosearch cursor (\d+)"')
    return next(found[1] for one in patterns if (found := re.search(one, text, re.M)))


def _is_product(path: str) -> bool:
    inside = path.removeprefix(f"{ROOT}/")
    return not inside.startswith((".", "tests/", "build/"))


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(map(int, release.split(".")))
