"""A photo in base64, as its clients write it: with or without padding, line breaks and data:."""

import base64

from api.problems.problems import ApiProblem

_STEP = 1 << 20  # a multiple of four
_URL_SAFE = str.maketrans("-_", "+/")


def from_base64(text: str) -> bytes:
    """The photo's bytes.

    Raises:
        ApiProblem: 422 if it is no base64.
    """
    if text[:5].lower() == "data:":
        text = text.partition(",")[2]
    try:
        return _decoded(text)
    except ValueError:  # as most send it; others break lines, leave the padding out or want no "+"
        return _from_loose(text)


def _decoded(text: str) -> bytes:
    """By parts: a decoder keeps all threads from running, and so the event loop."""
    parts = [text[at : at + _STEP] for at in range(0, len(text), _STEP)]
    if any(part.endswith("=") for part in parts[:-1]):
        raise ValueError("padding amid the text")
    return b"".join(base64.b64decode(part, validate=True) for part in parts)


def _from_loose(text: str) -> bytes:
    plain = "".join(text.split()).translate(_URL_SAFE)
    if "=" not in plain:
        plain += "=" * (-len(plain) % 4)
    try:
        return _decoded(plain)
    except ValueError as error:
        raise ApiProblem(
            422,
            "bad-base64",
            "the photo is not base64",
            found=str(error),
            remedy="encode the file's bytes in base64 (RFC 4648, section 4)",
        ) from error
