"""The one way of all commands to the terminal.

What is shown comes from strangers: nothing in it is markup, an emoji's name, or an escape
sequence, whoever forgets that. So no command makes rich's own Console or calls typer.echo.
Terminals differ, too: a sign that one can't show has a stand-in, and work never ends for it.
"""

import codecs
import io
import json
import os
import sys
import weakref
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, TextIO

from pydantic import BaseModel
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from photosearch.terminal.printable import printable, printable_json, printable_lines

NEAREST = "photosearch.nearest"
_STAND_INS = {"✓": "+", "✗": "x", "…": ".", "–": "-", "—": "-", "→": ">", "×": "x"}
_SPINNER, _TURNS = range(0x2800, 0x2900), "|/-\\"


class Terminal(Console):
    """rich's Console, for text of which nothing is believed.

    One that is ``apart`` has a descriptor of its own: what it shows goes on while somebody, as
    Dagster for a step, leads the process's standard output into a file.
    """

    def __init__(
        self,
        *,
        stderr: bool = False,
        width: int | None = None,
        soft_wrap: bool = False,
        apart: bool = False,
    ) -> None:
        own = _duplicate(sys.stdout) if apart else None
        if own is not None:
            weakref.finalize(self, _close, own)
        super().__init__(
            file=own,
            stderr=stderr,
            width=width,
            soft_wrap=soft_wrap,
            markup=False,
            emoji=False,
            highlight=False,
        )

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            if segment.control:  # rich's own: it moves the cursor of a progress bar
                yield segment
            else:
                yield Segment(printable_lines(segment.text), segment.style)


def _duplicate(stream: TextIO) -> TextIO | None:
    """The same place under a descriptor of its own; None if the stream has none."""
    try:
        number = os.dup(stream.fileno())
    except (OSError, ValueError):  # io.UnsupportedOperation is both
        return None
    return os.fdopen(number, "w", encoding=stream.encoding, errors=stream.errors)


def _close(stream: TextIO) -> None:
    """Close it; what nobody reads any more was told of where it was printed."""
    with suppress(OSError):
        stream.close()


def say(*lines: object, err: bool = False) -> None:
    """Print plain lines; what ends a line inside of one is shown as an escape."""
    stream = sys.stderr if err else sys.stdout
    for line in lines:
        print(printable(line), file=stream, flush=True)


def say_json(document: Any, indent: int | None = 2) -> None:
    """Print a document exactly, in whatever encoding."""
    if isinstance(document, BaseModel):
        document = document.model_dump(mode="json")
    text = json.dumps(document, indent=indent, ensure_ascii=False)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(printable_json(text, encoding), flush=True)  # noqa: T201


def make_streams_whole() -> None:
    """Have a standard stream where the caller closed one, and let none end the work.

    A file that is opened later would get the number of a closed stream, and what is printed would
    go into it.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number: this one
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=NEAREST)


def _nearest(error: UnicodeError) -> tuple[str, int]:
    """What a terminal shows in the stead of signs that its encoding lacks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(map(_stand_in, lost)), error.end


def _stand_in(sign: str) -> str:
    if ord(sign) in _SPINNER:
        return _TURNS[ord(sign) % len(_TURNS)]
    return _STAND_INS.get(sign, "?")


codecs.register_error(NEAREST, _nearest)
