"""What a step's process reports, read from a file as it is written.

Dagster's own reader takes whatever it finds for a whole line. A process that is writing one, at
the border of a page of memory, has written half of it, and the reader dies of that: nothing
the process reports from then on is heard, and the run fails though the work is done. This one
waits for a line's end.
"""

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import dagster as dg
from dagster_pipes import PipesDefaultMessageWriter, PipesParams

_LOOK_S = 0.1


class WholeLines(dg.PipesMessageReader):
    """Messages of one process, a line each in a file of its own."""

    @contextmanager
    def read_messages(self, handler: dg.PipesMessageHandler) -> Iterator[PipesParams]:
        """Hand the messages to ``handler`` while the block runs, and all of them at its end."""
        with TemporaryDirectory() as folder:
            path = Path(folder) / "messages"
            path.touch()
            ended = threading.Event()
            thread = threading.Thread(target=_follow, args=(path, ended, handler), daemon=True)
            thread.start()
            try:
                yield {PipesDefaultMessageWriter.FILE_PATH_KEY: str(path)}
            finally:
                ended.set()
                thread.join()

    def no_messages_debug_text(self) -> str:
        return "Read the messages from a file on this machine."


def _follow(path: Path, ended: threading.Event, handler: dg.PipesMessageHandler) -> None:
    rest = b""
    with path.open("rb") as file:
        while True:
            is_last = ended.is_set()  # first: what was written until then is read below
            *lines, rest = (rest + file.read()).split(b"\n")
            for line in lines:
                _handle(line, handler)
            if is_last:
                return
            ended.wait(_LOOK_S)


def _handle(line: bytes, handler: dg.PipesMessageHandler) -> None:
    try:
        handler.handle_message(json.loads(line))
    except Exception:  # told in the run's log; the messages after it are as good as any
        handler.report_pipes_framework_exception("reading a message", sys.exc_info())
