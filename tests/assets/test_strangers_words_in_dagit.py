"""Ids, names and reasons are shown in Dagit as they are, whatever Markdown they hold."""

import json
import re

import pytest
from markdown_it import MarkdownIt

from photosearch.photo_notes import PhotoFailure
from photosearch.repository.erasures import digest_of
from photosearch_assets.metadata import metadata_of
from photosearch_assets.steps.result import StepResult
from photosearch_operations.erasure.strips import CELL, is_one_of

HOSTILE = [
    "![a](https://elsewhere.example/seen.png)",
    "[read this](https://elsewhere.example)",
    '<img src=x onerror="alert(1)">',
    "<script>alert(1)</script>",
    "a | b",
    "a \\| ![x](https://elsewhere.example/y)",
    "`code` and ``more``",
    "ends with \\",
    "\\\\",
    "a\nb\r\n| other.jpg | fine |",
    "a\u2028b",
    "*bold* _it_ ~~gone~~ # head",
    "&lt;b&gt; &#10; &amp;",
    "\\&#10;",
    "![][1]",
]


def table_of(photo_id: str, reason: str) -> str:
    result = StepResult(
        step="images",
        rows=0,
        size_bytes=0,
        seconds=0.0,
        failures=(PhotoFailure(photo_id=photo_id, reason=reason),),
    )
    return str(metadata_of(result, is_own=True)["failed photos"].value)


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_stranger_wrote_is_shown_and_not_obeyed(text: str) -> None:
    rendered = MarkdownIt("gfm-like", {"linkify": False}).parse(table_of(text, text))

    cells = [each for each in rendered if each.type == "inline"]
    assert len(cells) == 4
    for cell in cells[2:]:
        kinds = {child.type for child in cell.children or ()}
        assert kinds <= {"text", "text_special"}
        shown = "".join(child.content for child in cell.children or ())
        assert shown.split() == text.split()
    assert {each.type for each in rendered} <= {
        *("table_open", "table_close", "thead_open", "thead_close", "tbody_open", "tbody_close"),
        *("tr_open", "tr_close", "th_open", "th_close", "td_open", "td_close", "inline"),
    }


@pytest.mark.parametrize("text", HOSTILE)
def test_an_erasure_finds_the_line_of_such_a_photo(text: str) -> None:
    line = json.dumps("\n".join(table_of(text, "no photo").splitlines()[2:]))

    found = re.search(rf"\| {CELL} \| ", line)

    assert found is not None
    assert is_one_of(found["cell"], {digest_of(text)})


@pytest.mark.parametrize("photo_id", ["a|b.jpg", "a*b.jpg", "a&#10;b.jpg", "c\\d.jpg"])
def test_an_erasure_finds_the_lines_of_older_tables(photo_id: str) -> None:
    old = photo_id.replace("|", "\\|")

    found = re.search(rf"\| {CELL} \| ", json.dumps(f"| {old} | no photo |"))

    assert found is not None
    assert is_one_of(found["cell"], {digest_of(photo_id)})
