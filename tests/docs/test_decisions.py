"""Each decision is one short record of one shape, and the list has all of them."""

import re
from datetime import date
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, page_name

FOLDER = ROOT / "docs" / "decisions"
RECORDS = sorted(FOLDER.glob("[0-9]*.md"))
MOST_LINES = 40

each_record = pytest.mark.parametrize("record", RECORDS, ids=page_name)


def test_the_list_has_every_record_by_its_number() -> None:
    listed = re.findall(
        r"^\| \[(\d{4})\]\((\1-.+?\.md)\) \|", (FOLDER / "README.md").read_text(), re.M
    )

    assert [name for _, name in listed] == [record.name for record in RECORDS]
    assert [int(number) for number, _ in listed] == list(range(1, len(RECORDS) + 1))


@each_record
def test_a_record_says_what_was_decided_when_and_what_would_change_it(record: Path) -> None:
    text = record.read_text()

    assert text.startswith(f"# {int(record.name[:4])}. ")
    status = re.search(r"^Status: \w.* · Date: (\d{4}-\d\d-\d\d)\b", text, re.M)
    assert status is not None
    assert date.fromisoformat(status[1]) >= date(2026, 11, 23)  # the first commit's
    for part in ("Decided", "Why", "Measured", "What would change it"):
        assert re.search(rf"^\*\*{part}\b", text, re.M), f"it has no part {part!r}"


@each_record
def test_a_record_is_one_page(record: Path) -> None:
    assert len(record.read_text().splitlines()) <= MOST_LINES
