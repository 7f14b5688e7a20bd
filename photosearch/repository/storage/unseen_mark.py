"""A mark on a text that nobody who reads the text sees: a run of blanks at its end.

S3 tells versions of an object apart by a digest of the content, so two moves of HEAD to one
version would look alike, and a writer could not know its own manifest from another's. Spaces
and tabs change the digest and mean nothing to JSON, nor to whoever strips a line. The first
half of a mark names something (where a version's files lie); the second is never twice the
same.
"""

import secrets

_BITS = 64
_DIGITS = _BITS // 4
_ZERO, _ONE = b" "[0], b"\t"[0]


def new_name() -> str:
    """16 hexadecimal digits that nobody has chosen before."""
    return secrets.token_hex(_BITS // 8)


def marked(content: bytes, name: str = "0" * _DIGITS) -> bytes:
    """``content`` with a fresh mark that holds ``name``; a mark that is there goes."""
    return content.rstrip(b" \t") + _blanks(name) + _blanks(new_name())


def name_in(content: bytes) -> str | None:
    """The name in the mark; None if there is no mark."""
    mark = content[len(content.rstrip(b" \t")) :]
    if len(mark) != 2 * _BITS:
        return None
    bits = "".join("1" if blank == _ONE else "0" for blank in mark[:_BITS])
    return f"{int(bits, 2):0{_DIGITS}x}"


def unmarked(content: bytes) -> bytes:
    """What was marked, as it was put; anything else as it is."""
    return content if name_in(content) is None else content.rstrip(b" \t")


def _blanks(name: str) -> bytes:
    bits = f"{int(name, 16):0{_BITS}b}"
    return bytes(_ONE if bit == "1" else _ZERO for bit in bits)
