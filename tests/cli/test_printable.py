"""What strangers write is shown, and obeyed by no terminal."""

import io
import json
import logging
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.progress import Progress, TextColumn
from rich.table import Table
from rich.text import Text

from photosearch.terminal.printable import (
    PrintableFormatter,
    printable,
    printable_json,
    printable_lines,
)
from photosearch.terminal.terminal import Terminal, say, say_json

HOSTILE = "\x1b[31m\x9b2J\x07 [red] [/] :smile: \u202egnp.exe\u2066\r\n0 damaged\x7f\ud800"
OBEYED = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def acts(text: str, *, but: str = "\u200c\u200d") -> list[str]:
    """The signs of a text that a terminal would obey."""
    return [s for s in text if unicodedata.category(s) in OBEYED and s not in but]


@given(st.text(st.characters(), max_size=50))
def test_nothing_that_is_shown_is_obeyed(text: str) -> None:
    shown = printable(text)

    assert acts(shown) == []
    assert printable(shown) == shown
    assert acts(printable_lines(text), but="\u200c\u200d\n\t") == []
    shown.encode()


def test_letters_of_every_script_stay_as_they_are() -> None:
    for text in (
        "Grüße aus Köln",
        "می\u200cخواهم",
        "क्\u200dष",
        "👩\u200d🚀",
        "空\u3000白",
        "a\u00a0b",
    ):
        assert printable(text) == text


def test_what_is_obeyed_becomes_its_visible_escape() -> None:
    assert printable("\x1b]0;x\x07") == "\\x1b]0;x\\x07"
    assert printable("a\u202eb\ud800c\nd\u2028\U000e0041") == (
        "a\\u202eb\\ud800c\\nd\\u2028\\U000e0041"
    )


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii"])
@given(text=st.text(st.characters(), max_size=50))
def test_json_has_the_same_value_in_every_encoding(encoding: str, text: str) -> None:
    written = printable_json(json.dumps([{text: text}], ensure_ascii=False, indent=1), encoding)

    assert json.loads(written.encode(encoding).decode(encoding)) == [{text: text}]
    assert acts(written, but="\u200c\u200d\n") == []


def test_json_keeps_its_letters_where_they_can_be_shown() -> None:
    assert printable_json('"Köln 👩"') == '"Köln 👩"'
    assert printable_json('"Köln 👩"', "latin-1") == '"Köln \\ud83d\\udc69"'


def test_the_terminal_shows_a_hostile_title_wherever_it_stands(
    capsys: pytest.CaptureFixture[str],
) -> None:
    terminal = Terminal(width=200)
    table = Table(HOSTILE, title=HOSTILE)
    table.add_row(HOSTILE)
    table.add_row(Text(HOSTILE))

    terminal.print(HOSTILE, Text(HOSTILE), table)
    with Progress(TextColumn("{task.description}", markup=False), console=terminal) as progress:
        progress.add_task(HOSTILE)

    told = capsys.readouterr().out
    assert acts(told, but="\n") == []
    assert told.count("[red] [/] :smile:") >= 6
    assert "\\x1b[31m\\x9b2J" in told
    assert "\\u202egnp.exe" in told


def test_a_line_that_is_said_stays_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    say(HOSTILE, "second")

    told = capsys.readouterr().out
    assert told.count("\n") == 2
    assert acts(told, but="\n") == []


def test_a_document_is_said_exactly(capsys: pytest.CaptureFixture[str]) -> None:
    say_json({"title": HOSTILE})

    told = capsys.readouterr().out
    assert json.loads(told) == {"title": HOSTILE}
    assert acts(told, but="\n") == []


def test_a_record_is_one_line_of_the_log_beside_its_trace() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(PrintableFormatter("%(levelname)s %(message)s"))
    try:
        raise ValueError(HOSTILE)
    except ValueError as error:
        record = logging.LogRecord(
            "x", logging.ERROR, "x.py", 1, "of %s", (HOSTILE,), (ValueError, error, None)
        )

    handler.emit(record)

    lines = stream.getvalue().splitlines()
    assert lines[0] == f"ERROR of {printable(HOSTILE)}"
    assert lines[1].startswith("ValueError: \\x1b[31m")
    assert acts(stream.getvalue(), but="\n") == []
