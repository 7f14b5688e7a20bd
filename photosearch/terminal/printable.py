"""Text from outside, as it may be shown.

Titles, names, paths, ids and the errors of others are written by people whom the operator has
never met. A terminal obeys escape sequences, and bidi marks make it show another order than
the one that is there, so both become visible escapes, as ``\\x1b`` and ``\\u202e``. Letters of
every script stay, with the two joiners that Persian, Hindi and emoji are written with.
"""

import logging
import re
import unicodedata

from photosearch.terminal.masked import masked_text

_JOINERS = "\u200c\u200d"
_OBEYED = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode's categories of what is not seen but acts, or can't be encoded."""

_PERHAPS = re.compile(r"[^ -~]")
_JSON_KEEPS = "\n"  # between the members; inside a text JSON has written it as \n already


def printable(text: object) -> str:
    """One line, however many ``text`` had: nothing in it moves the cursor, ends the line, or
    turns around what follows."""
    return _PERHAPS.sub(lambda found: _shown(found[0]), str(text))


def printable_lines(text: object) -> str:
    """The same for a text of several lines, which it keeps, with their tabs."""
    return _PERHAPS.sub(lambda f: f[0] if f[0] in "\n\t" else _shown(f[0]), str(text))


def printable_json(text: str, encoding: str = "utf-8") -> str:
    """JSON of the same value, of which a terminal obeys nothing and ``encoding`` loses nothing."""
    return _PERHAPS.sub(lambda found: _in_json(found[0], encoding), text)


class PrintableFormatter(logging.Formatter):
    """Log lines: a record is one line, beside the trace that it may carry."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's name)
        return printable(masked_text(super().formatMessage(record)))

    def formatException(self, ei: object) -> str:  # noqa: N802
        return printable_lines(masked_text(super().formatException(ei)))  # type: ignore[arg-type]

    def formatStack(self, stack_info: str) -> str:  # noqa: N802
        return printable_lines(super().formatStack(stack_info))


def _is_obeyed(sign: str) -> bool:
    return unicodedata.category(sign) in _OBEYED and sign not in _JOINERS


def _shown(sign: str) -> str:
    return sign.encode("unicode_escape").decode("ascii") if _is_obeyed(sign) else sign


def _in_json(sign: str, encoding: str) -> str:
    if sign in _JSON_KEEPS:
        return sign
    try:
        sign.encode(encoding)
    except UnicodeEncodeError:
        lost = True
    else:
        lost = _is_obeyed(sign)
    if not lost:
        return sign
    units = sign.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
