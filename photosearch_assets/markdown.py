"""Strangers' words in the Markdown that Dagit shows.

An id, a file's name or a decoder's reason may be Markdown too: a picture of another host, which
then sees every operator who looks, a link, HTML, or a line that looks like one of ours. All that
Markdown could obey is escaped; an erasure reads the cells of a table back (``readings``).
"""

import re

_OBEYED = re.compile(r"[\\`*_{}\[\]<>#!|~&]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])|&#([0-9]{1,7});")


def literal(text: str) -> str:
    """``text`` as one line of Markdown that shows just this, in a table's cell too."""
    plain = _OBEYED.sub(r"\\\g<0>", text)
    return _CONTROL.sub(lambda found: f"&#{ord(found[0])};", plain)


def readings(cell: str) -> tuple[str, str]:
    """What a cell may have been made of: by ``literal``, or with its bars escaped alone, as the
    tables of installations before it are."""
    return (
        _ESCAPED.sub(lambda found: found[1] or chr(int(found[2])), cell),
        cell.replace("\\|", "|"),
    )
