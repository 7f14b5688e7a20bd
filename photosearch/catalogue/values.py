"""Other people's values as ours, one at a time.

SQLite keeps any type in any column, PostgreSQL has some forty, and shops have put into both
what their imports left: prices as text with a currency, ids as bytes, positions as words. Each
is read as its database means it. What can't be read is none, and never fails the rows beside it.
Times are read in :mod:`photosearch.catalogue.times`, with the rule by which they are found.
"""

import json
import math
import re
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from typing import TypeGuard

from photosearch.catalogue.times import read_time, spelled

#: What neither UTF-8 nor PostgreSQL's text can hold: NUL, and halves of a pair.
_UNFIT = re.compile("[\0\ud800-\udfff]")
_HEX = re.compile(r"\\x(?:[0-9a-f]{2})*")
_LONGEST_PRICE = 40

_BLANK = "[ \t\r\n\u00a0\u2007\u2009\u202f]"
#: $, €, EUR, kr., R$; of letters so few that no sentence passes for a price.
_CURRENCY = r"[^\W\d_]{0,3}\.?[$\u00a2-\u00a5\u20a0-\u20cf]?"
_PRICE = re.compile(
    f"{_BLANK}*([-\u2212]?){_CURRENCY}{_BLANK}*([0-9.,'\u2019 \u00a0\u2007\u2009\u202f]*[0-9])"
    rf"(?:[.,][-\u2013\u2014]?)?{_BLANK}*{_CURRENCY}{_BLANK}*"
)
#: Whole and hundredths: as a program writes them, grouped by one sign, or with a comma.
_NUMBERS = tuple(
    map(
        re.compile,
        (
            r"([0-9]*)\.?([0-9]*)",
            r"([0-9]{1,3}(?:,[0-9]{2,3})*,[0-9]{3})(?:\.([0-9]+))?",
            r"([0-9]{1,3}(?:\.[0-9]{3})+),([0-9]+)",
            r"([0-9]{1,3}(?:\.[0-9]{3}){2,})()",
            r"([0-9]{1,3}(?:['\u2019 \u00a0\u2007\u2009\u202f][0-9]{3})+)(?:[.,]([0-9]+))?",
            r"([0-9]*),([0-9]+)",
        ),
    )
)


def read_id(value: object) -> str | None:
    """An id as text, which bytes are as PostgreSQL writes them (``\\x6c61``); none of NULL, of an
    empty text, and of a text that no answer could name."""
    if type(value) is str:  # nearly all, of hundreds of thousands: without another call
        return value if value.isascii() and value and "\0" not in value else _id(value)
    if value is None:
        return None
    return _id(f"\\x{bytes(value).hex()}" if is_bytes(value) else str(value))


def is_id(text: str) -> bool:
    """Whether an id can be this text: what was typed may be no UTF-8, or have a NUL in it."""
    if text.isascii():
        return bool(text) and "\0" not in text
    return _UNFIT.search(text) is None


def bytes_of_id(text: str) -> bytes | None:
    """The bytes that :func:`read_id` reads as ``text``; none if it does of no bytes."""
    return bytes.fromhex(text[2:]) if _HEX.fullmatch(text) else None


def read_text(value: object) -> str | None:
    """A text that can be shown and stored anywhere; none of NULL and of bytes that are no text."""
    if type(value) is str:
        if value.isascii() and "\0" not in value:
            return value
        return _UNFIT.sub("\N{REPLACEMENT CHARACTER}", value)
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ", ".join(text for text in map(read_text, value) if text is not None)
    if isinstance(value, date):
        return value.isoformat()
    if is_bytes(value):
        try:
            return read_text(bytes(value).decode())
        except UnicodeDecodeError:
            return None
    return read_text(str(value))


def read_json_text(value: object) -> str | None:
    """The text that a JSON document is, or else the document."""
    text = read_text(value)
    try:
        document = None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        return text
    return text if document is not None and not isinstance(document, str) else read_text(document)


def read_price(value: object) -> float | None:
    """A price as a finite number; none of what is none, such as a range or ``on request``.

    Of a text the currency is left out and either way of grouping understood: ``$1,299.00``,
    ``1.299,00 €``. One comma before three digits groups, one point before three does not.
    """
    if type(value) is float and math.isfinite(value):
        return value
    if is_bytes(value):
        value = read_text(value)
    price = None
    if isinstance(value, str):
        price = _read_amount(value)
    elif isinstance(value, float | int | Decimal) and not isinstance(value, bool):
        with suppress(OverflowError, ValueError):  # a huge integer, a signalling NaN
            price = float(value)
    return price if price is not None and math.isfinite(price) else None


def read_position(value: object) -> float:
    """A photo's place among its listing's; the first of what is no number."""
    try:
        place = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return 0.0 if math.isnan(place) else place


def read_version(value: object = None) -> str:
    """What changes when a photo's bytes do; empty if there is nothing."""
    if value is None or value == "":
        return ""
    if isinstance(value, datetime):  # PostgreSQL gives it in the zone of the connection
        moment = read_time(value)
        return "" if moment is None else spelled(moment)
    if is_bytes(value):  # a digest
        return bytes(value).hex()
    return read_text(value if type(value) is str else str(value)) or ""


def is_bytes(value: object) -> TypeGuard[bytes | bytearray | memoryview]:
    """Whether it is bytes as a driver gives them."""
    return isinstance(value, bytes | bytearray | memoryview)


def _id(text: str) -> str | None:
    return text if is_id(text) else None


def _read_amount(text: str) -> float | None:
    try:
        return float(text) if text.isascii() and "_" not in text else _amount(text)
    except ValueError:
        return _amount(text)


def _amount(text: str) -> float | None:
    found = None if len(text) > _LONGEST_PRICE else _PRICE.fullmatch(text)
    if found is None:
        return None
    sign, number = found.groups()
    parts = next(filter(None, (shape.fullmatch(number) for shape in _NUMBERS)), None)
    if parts is None:
        return None
    whole = re.sub("[^0-9]", "", parts[1])
    return float(f"{'-' if sign else ''}{whole or '0'}.{parts[2] or '0'}")
