"""A multipart form in memory.

The body is bounded before it comes here, so its parts stay in memory: Starlette's own parser
writes uploads to temporary files and hops between threads, which costs a search more than
its call to an index server.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks


#: Far more than a search has fields: each costs Python's time, which all queries share.
MOST_PARTS = 32


class FormError(ValueError):
    """A body that is no form."""


@dataclass
class Part:
    """One field of a form; a file has a ``filename``."""

    name: str = ""
    filename: str | None = None
    content: bytearray = field(default_factory=bytearray)


def parse_form(content_type: str, body: bytes) -> list[Part]:
    """The parts of a multipart body, in order.

    Raises:
        FormError: if the body is no form, or breaks off.
    """
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise FormError("the Content-Type names no boundary")
    reader = _Reader()
    try:
        parser = MultipartParser(boundary, reader.callbacks())
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise FormError(str(error)) from error
    if not reader.ended:
        raise FormError("the form breaks off before its last boundary")
    return reader.parts


class _Reader:
    """Collects what the parser calls out."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.ended = False
        self._header = bytearray()
        self._value = bytearray()

    def callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._part_begin,
            "on_part_data": self._data,
            "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_end": self._end,
        }

    def _part_begin(self) -> None:
        if len(self.parts) == MOST_PARTS:
            raise FormError(f"more than {MOST_PARTS} parts")
        self.parts.append(Part())

    def _data(self, data: bytes, start: int, end: int) -> None:
        self.parts[-1].content += memoryview(data)[start:end]

    def _header_end(self) -> None:
        if bytes(self._header).lower() == b"content-disposition":
            options = parse_options_header(bytes(self._value))[1]
            part = self.parts[-1]
            part.name = options.get(b"name", b"").decode("utf-8", "replace")
            if b"filename" in options:
                part.filename = options[b"filename"].decode("utf-8", "replace")
        self._header.clear()
        self._value.clear()

    def _headers_finished(self) -> None:
        if not self.parts[-1].name:
            raise FormError("a part of the form has no name")

    def _end(self) -> None:
        self.ended = True
