"""What ``materialize`` says of photos that could not be used adds up."""

import re

import pytest

from photosearch.photo_notes import PhotoFailure
from photosearch.terminal.terminal import Terminal
from photosearch_assets.materialize.command import _report_unusable


def told(kinds: int, capsys: pytest.CaptureFixture[str]) -> str:
    """The report of 1 photo of the first kind of fault, 2 of the second, and so on."""
    failures = [
        PhotoFailure(photo_id=f"{kind}-{number}.jpg", reason=f"fault {kind}")
        for kind in range(1, kinds + 1)
        for number in range(kind)
    ]
    _report_unusable(Terminal(width=120), failures)
    return capsys.readouterr().out


def test_reasons_beyond_eight_are_counted_and_the_counts_add_up(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = told(15, capsys)

    listed = [int(count) for count in re.findall(r"^  (\d+) x fault", said, re.MULTILINE)]
    assert listed == [15, 14, 13, 12, 11, 10, 9, 8]
    assert "and 7 more, 28 in all" in said
    assert sum(listed) + 28 == sum(range(16))


def test_nothing_is_left_over_where_all_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    said = told(9, capsys)

    assert (said.count(" x fault"), "more" in said) == (9, False)
