"""What Dagster does not promise is used in one room, also where no import tells of it."""

import re
from pathlib import Path

import dagster
import pytest

from tests.docs.pages import ROOT

ROOM = ROOT / "photosearch_assets" / "instance"
PRIVATE_PART = re.compile(
    r"\bdagster(?:\._|\.core\b|_shared\b)"  # also in a text: a class that dagster.yaml names
    r"|\b(?:instance|storage|event_log|run_storage|context|session)\._[a-z]"
)
PACKAGES = (
    "photosearch",
    "index_grpc",
    "photosearch_assets",
    "photosearch_operations",
    "photosearch_demo",
    "api",
    "controller",
    "bench",
)


def test_no_text_outside_of_the_room_names_one() -> None:
    found = [
        f"{file.relative_to(ROOT)}: {line.strip()}"
        for package in PACKAGES
        for file in sorted((ROOT / package).rglob("*.py"))
        if ROOM not in file.parents
        for line in file.read_text().splitlines()
        if PRIVATE_PART.search(line)
    ]

    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "from dagster._core.events import DagsterEventType",
        'argv = ["-m", "dagster._daemon"]',
        "module: dagster.core.run_coordinator",
        "instance._event_storage.dispose()",
        "from dagster_shared.record import replace",
    ],
)
def test_a_line_that_names_one_is_seen(line: str) -> None:
    assert PRIVATE_PART.search(line)


def test_the_contract_names_all_that_there_are() -> None:
    contract = (ROOT / "pyproject.toml").read_text()
    [folder] = dagster.__path__
    private = {
        path.stem for path in Path(folder).iterdir() if re.fullmatch(r"_[a-z]\w*", path.stem)
    }

    assert [name for name in sorted(private) if f'"dagster.{name}"' not in contract] == []
