"""``photosearch materialize`` on a terminal: it moves while a step runs, whatever Dagster does."""

import os
import pty
import re
import subprocess
import sys
import threading
from pathlib import Path

from tests.assets.conftest import Shop
from tests.waiting import until

FRAMES = 8
#: Holds the images step until the test has seen enough; then everything goes on as it would.
HELD = """
import pathlib, sys, time
from photosearch_assets.steps import registry

step_of = registry.own_step
flags = pathlib.Path(sys.argv[1])

def own_step(name):
    def held(windows, context):
        if name == "images":
            print("a word of the step", flush=True)
            (flags / "holding").touch()
            while not (flags / "seen").exists():
                time.sleep(0.02)
        yield from step_of(name)(windows, context)
    return held

registry.own_step = own_step
import photosearch_assets.runners.in_process
photosearch_assets.runners.in_process.own_step = own_step
from photosearch.cli import main
main(["materialize", "--window", "hourly/2026-01-01T00"])
"""


class Screen:
    """What a program shows on a pseudo-terminal, with the moment of each piece."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.shown = ""
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        while True:
            try:
                piece = os.read(self._descriptor, 65536)
            except OSError:  # the program has ended
                return
            self.shown += piece.decode(errors="replace")


def test_the_progress_moves_all_through_a_step(shop: Shop, tmp_path: Path) -> None:
    shop.list_hours(1)
    mine, theirs = pty.openpty()
    program = subprocess.Popen(
        [sys.executable, "-c", HELD, str(tmp_path)],
        cwd=shop.root,
        env={**os.environ, "COLUMNS": "100", "TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    screen = Screen(mine)
    try:
        until(lambda: (tmp_path / "holding").exists())
        before = len(screen.shown)

        def moved() -> bool:
            times = re.findall(r"\d:\d\d:\d\d", screen.shown[before:])
            return len(set(times)) >= 3 and screen.shown[before:].count("photos to v") >= FRAMES

        until(moved)  # the clock of a step that is held goes on, second by second
        (tmp_path / "seen").touch()
        assert program.wait(120) == 0
    finally:
        program.kill()
        program.wait()
        screen.thread.join(30)
        os.close(mine)
    assert "hourly indexes" in screen.shown
    assert "a word of the step" in "".join(
        log.read_text() for log in shop.settings.state.rglob("*.out")
    )
