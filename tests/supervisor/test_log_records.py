"""Where every record is an object, a trace is one, with the line that it belongs to."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photosearch.logs.log_file import LogFile
from photosearch.logs.records import LONGEST_LINE, Records
from photosearch.processes.supervised import ProcessState
from photosearch.processes.supervisor import Supervisor
from photosearch.settings.settings import Settings
from tests.supervisor.conftest import said, script
from tests.waiting import until

LOGGED = """import logging
logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level="INFO")
"""
CHAINED = """
try:
    try:
        {}["a"]
    except KeyError as error:
        raise ValueError("two\\nlines") from error
except ValueError:
    raise SystemError("last")
"""
TRACES = {
    "an error that ends a process": (CHAINED, 1),
    "an error that is logged": (
        f"""{LOGGED}logging.info("before")
try:
    1 / 0
except ZeroDivisionError:
    logging.exception("it failed")
logging.info("after")
""",
        3,
    ),
    "two errors": (
        """import traceback
for _ in range(2):
    try:
        1 / 0
    except ZeroDivisionError:
        traceback.print_exc()
""",
        2,
    ),
    "a group of errors": (
        """try:
    raise ExceptionGroup("several", [ValueError("a\\nb"), TypeError("c")])
except ExceptionGroup as error:
    raise RuntimeError("around") from error
""",
        1,
    ),
    "an error in a thread": (
        f"""{LOGGED}import threading
logging.info("before")
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()
""",
        2,
    ),
    "a crash in native code": (
        """import ctypes, faulthandler, sys
print("before", file=sys.stderr, flush=True)
faulthandler.enable()
ctypes.string_at(0)
""",
        2,
    ),
    "an error after a line": ("import sys; print('plain', file=sys.stderr); 1 / 0", 2),
}


def printed(code: str) -> list[str]:
    run = [sys.executable, "-c", code]
    return subprocess.run(run, capture_output=True, text=True).stderr.splitlines()


@pytest.mark.parametrize(("code", "count"), TRACES.values(), ids=TRACES)
def test_a_trace_is_one_record_with_the_line_that_it_belongs_to(code: str, count: int) -> None:
    lines = printed(code)
    assert len(lines) > count

    records = Records()
    found = [*records.add(lines), *records.end()]

    assert len(found) == count, found
    joined = [line for record in found for line in record.splitlines()]
    assert [line for line in joined if line] == [line for line in lines if line]


@given(st.data())
def test_it_does_not_matter_how_the_lines_come(data: st.DataObject) -> None:
    lines = data.draw(st.lists(st.sampled_from(SOME_LINES), max_size=30))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(lines)), max_size=5)))
    at_once, bit_by_bit = Records(), Records()

    found = []
    for start, end in zip([0, *cuts], [*cuts, len(lines)], strict=True):
        found += bit_by_bit.add(lines[start:end])

    assert found + bit_by_bit.end() == at_once.add(lines) + at_once.end()
    assert not bit_by_bit.is_open


SOME_LINES = [
    "",
    "plain",
    "  indented",
    "2026-11-30T06:15:55Z ERROR it failed",
    "2026-11-30 06:15:55,123 INFO well",
    '{"time": "2026-11-30T06:15:55Z"}',
    "Traceback (most recent call last):",
    "  + Exception Group Traceback (most recent call last):",
    "During handling of the above exception, another exception occurred:",
    "ValueError: no",
    "Exception in thread Thread-1:",
]


def test_a_record_that_does_not_end_is_written_at_a_length() -> None:
    records = Records()
    lines = ["Traceback (most recent call last):", *["  File ..." + "x" * 1000] * 200]

    found = [*records.add(lines), *records.end()]

    assert max(map(len, found)) <= LONGEST_LINE
    assert "\n".join(found).splitlines() == lines


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_trace_is_one_object_of_a_log_and_as_text_its_lines_have_a_time(
    settings: Settings, form: str
) -> None:
    settings = settings.model_copy(update={"log_format": form})
    with Supervisor(settings, [script(CHAINED)]).start() as supervisor:
        until(lambda: supervisor.processes[0].state is ProcessState.CRASHED)
        supervisor.processes[0].log_tail()
        lines = said(settings).splitlines()[:16]
    if form == "text":
        assert len(lines) == 16
        assert all(re.match(r"\d{4}-\d\d-\d\dT", line) for line in lines)
        return
    _, trace = (json.loads(line)["message"] for line in lines[:2])
    assert trace.startswith("Traceback (most recent call last):\n  File ")
    assert "ValueError: two\nlines" in trace
    assert trace.endswith("SystemError: last")


def test_a_record_that_may_go_on_is_written_when_nothing_comes(settings: Settings) -> None:
    settings = settings.model_copy(update={"log_format": "json"})
    spec = script("import time; print('waits', flush=True); time.sleep(600)")
    with Supervisor(settings, [spec]).start():
        until(lambda: "waits" in said(settings))


def test_a_read_that_brings_no_whole_line_hides_no_loss(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.mkdir()
    of = LogFile(path, most_bytes=1 << 20, kept=1, as_json=True)
    of.write([b"lost"])
    of.write([], more=True)
    path.rmdir()
    of.write([b"kept"])
    told = [json.loads(line)["message"] for line in path.read_text().splitlines()]
    assert told == ["1 lines were lost: Is a directory", "kept"]
