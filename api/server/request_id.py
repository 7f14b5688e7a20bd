"""The name of the request that is being answered, for its answer and for every log line of it."""

import re
import secrets
from contextvars import ContextVar

_CURRENT: ContextVar[str] = ContextVar("request_id", default="-")
_GIVEN = re.compile(rb"[A-Za-z0-9._-]{1,64}")


def begin(given: bytes | None) -> str:
    """Name the request as whoever passed it on does (X-Request-Id), or anew."""
    name = given.decode() if given and _GIVEN.fullmatch(given) else secrets.token_hex(8)
    _CURRENT.set(name)
    return name


def current() -> str:
    """The name of the request under way."""
    return _CURRENT.get()
