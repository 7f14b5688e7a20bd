"""URLs as they may be shown: whole but for what opens a door.

Passwords stand before the host, tokens there or in the query, and in a URL that is written
wrongly nobody knows where a password ends. So what may be one is hidden, and rather too much of
a wrong URL than a word too few. The user stays where it is a database's: it tells which is meant.
"""

import re
from typing import Any
from urllib.parse import unquote, unquote_plus

from pydantic import SecretStr

HIDDEN = "***"
_SECRET_KEY = re.compile(r"pass|pwd|secret|token|key|sig|cred|auth", re.IGNORECASE)
#: Bounded at its front, or a long text without a URL would be gone through from each letter on.
_IN_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,40}://[^\s'\"<>]+")


def masked(url: str) -> str:
    """A setting's URL, or what was written in its stead, without passwords and tokens."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        before, at, after = url.rpartition("@")
        return f"{HIDDEN}@{_without_keys(after)}" if at else _without_keys(before or after)
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" in authority or (":" in authority and "@" in rest):
        # A password may hold an @, a slash or a question mark that should have been written as %40.
        info, _, tail = rest.rpartition("@")
        user = info.partition(":")[0] if scheme.startswith("postgres") else ""
        # Nothing but a plain name: before a second scheme or a query it would be a part of more.
        shown = user if re.fullmatch(r"[\w.%-]+", user) else ""
        hidden = HIDDEN if ":" in info or not shown else ""
        return f"{scheme}://{':'.join(filter(None, (shown, hidden)))}@{_without_keys(tail)}"
    host, colon, port = authority.rpartition(":")
    if colon and port and not port.isdecimal() and not authority.endswith("]"):
        return f"{scheme}://{host}:{HIDDEN}"  # user:password, and the host is missing
    return f"{scheme}://{_without_keys(rest)}"


def masked_text(text: object) -> str:
    """A text, such as another program's error, whose URLs are masked.

    Only where they are well-formed: here an @ further on is more often a file's name.
    """
    return _IN_TEXT.sub(_masked_well_formed, str(text))


def masked_setting(value: Any) -> Any:
    """A setting's value as it may be shown."""
    if isinstance(value, SecretStr):
        return HIDDEN
    is_url = isinstance(value, str) and ("://" in value or "@" in value)
    return masked(value) if is_url else value


def _masked_well_formed(found: re.Match[str]) -> str:
    scheme, _, rest = found[0].partition("://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" in authority:
        return masked(f"{scheme}://{authority}") + _without_keys(rest.removeprefix(authority))
    return f"{scheme}://{_without_keys(rest)}"


def _without_keys(text: str) -> str:
    """``text`` with the values of the query's keys that name a secret hidden."""
    path, question, query = text.partition("?")
    if not question:
        return text
    return path + question + re.sub(r"[^&;#]+", _without_value, query)


def _without_value(pair: re.Match[str]) -> str:
    key, equals, value = pair[0].partition("=")
    names = {key, unquote(key), unquote_plus(key)}
    secret = bool(equals and value) and any(map(_SECRET_KEY.search, names))
    return f"{key}={HIDDEN}" if secret else pair[0]
