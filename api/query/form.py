"""A multipart form in memory.

The body is bounded before it comes here, so its parts stay in memory: Starlette's own parser
writes uploads to temporary files and hops between threads, which costs a search more than
its call to an index server.

Clients write forms in more ways than browsers do: with a preamble, blanks behind a boundary, a
file name by RFC 5987 alone or none at all, an encoding of a part. All of it is standard, so all
of it is read; what costs time is looked for only where the plain way failed or says so.
"""

import binascii
import email.utils
import quopri
import re
from dataclasses import dataclass, field
from email.message import Message
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
    """One field of a form; a file has a ``filename``, or a type that is not a text's."""

    name: str = ""
    filename: str | None = None
    content_type: str = ""
    transfer_encoding: str = ""
    content: bytearray = field(default_factory=bytearray)

    @property
    def is_file(self) -> bool:
        """Whether it is sent as a file: some clients name the type of one, and no file name."""
        is_text = self.content_type in ("", "text/plain")
        return self.filename is not None or not is_text


def parse_form(content_type: str, body: bytes) -> list[Part]:
    """The parts of a multipart body, in order, their transfer encoding undone.

    Raises:
        FormError: if the body is no form, or breaks off.
    """
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise FormError("the Content-Type names no boundary")
    body = _from_first_boundary(boundary, body)
    try:
        parts = _parts(boundary, body)
    except FormParserError as error:
        plain = re.sub(rb"(--%b(?:--)?)[ \t]+(?=\r\n)" % re.escape(boundary), rb"\1", body)
        if plain == body:
            raise FormError(str(error)) from error
        try:
            parts = _parts(boundary, plain)
        except FormParserError:
            raise FormError(str(error)) from error
    for part in parts:
        _decode(part)
    return parts


def _parts(boundary: bytes, body: bytes) -> list[Part]:
    reader = _Reader()
    parser = MultipartParser(boundary, reader.callbacks())
    parser.write(body)
    parser.finalize()
    if not reader.ended:
        raise FormError("the form breaks off before its last boundary")
    return reader.parts


def _from_first_boundary(boundary: bytes, body: bytes) -> bytes:
    """The body without its preamble, which is for readers that know no forms (RFC 2046)."""
    delimiter = b"--" + boundary
    if body.startswith(delimiter):
        return body
    start = body.find(b"\r\n" + delimiter)
    return body if start < 0 else body[start + 2 :]


def _decode(part: Part) -> None:
    if part.transfer_encoding in ("", "binary", "8bit", "7bit"):
        return
    if part.transfer_encoding == "quoted-printable":
        part.content = bytearray(quopri.decodestring(part.content))
    elif part.transfer_encoding == "base64":
        try:
            part.content = bytearray(binascii.a2b_base64(part.content))
        except binascii.Error as error:
            raise FormError(f"the part {part.name!r} is not base64: {error}") from error
    else:
        raise FormError(f"the Content-Transfer-Encoding {part.transfer_encoding[:40]!r}")


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
        name, part = bytes(self._header).lower(), self.parts[-1]
        if name == b"content-disposition":
            part.name, part.filename = _named(bytes(self._value))
        elif name == b"content-type":
            part.content_type = _word(self._value)
        elif name == b"content-transfer-encoding":
            part.transfer_encoding = _word(self._value)
        self._header.clear()
        self._value.clear()

    def _headers_finished(self) -> None:
        if not self.parts[-1].name:
            raise FormError("a part of the form has no name")

    def _end(self) -> None:
        self.ended = True


def _word(value: bytearray) -> str:
    return bytes(value).partition(b";")[0].strip().lower().decode("latin-1")


def _named(disposition: bytes) -> tuple[str, str | None]:
    """The name of a part and of its file, which may be written as RFC 5987 and 2231 allow."""
    options = parse_options_header(disposition)[1]
    name, filename = options.get(b"name"), options.get(b"filename")
    if (name is None or filename is None) and b"*" in disposition:
        message = Message()
        message["Content-Disposition"] = disposition.decode("latin-1")
        given = message.get_param("name", header="content-disposition")
        if name is None and given is not None:
            name = email.utils.collapse_rfc2231_value(given).encode()
        file = message.get_filename()
        if filename is None and file is not None:
            filename = file.encode()
    return (
        (name or b"").decode("utf-8", "replace"),
        None if filename is None else filename.decode("utf-8", "replace"),
    )
