"""What a server asks for in ``WWW-Authenticate``: one way to sign in, or several to choose from.

The standard library's reading of lists knows quoted strings with commas and escapes in them;
where one challenge ends and the next begins, only a name without ``=`` after it tells.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.request import parse_http_list

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_SCHEME = re.compile(rf"({_TOKEN})(?:\s+(?!=)(.*))?", re.DOTALL)
_PARAMETER = re.compile(rf"({_TOKEN})\s*=\s*([^=\s].*)", re.DOTALL)


@dataclass(frozen=True)
class Challenge:
    """One way; ``scheme`` and the names of ``parameters`` in small letters."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def parse_challenges(header: str) -> Iterator[Challenge]:
    """The challenges of one header in order; what is none is passed over."""
    scheme: str | None = None
    parameters: dict[str, str] = {}
    for part in parse_http_list(header):
        begun = _SCHEME.fullmatch(part)
        if begun is not None:
            if scheme is not None:
                yield Challenge(scheme, parameters)
            scheme, parameters = begun[1].lower(), {}
            part = begun[2] or ""
        named = _PARAMETER.fullmatch(part)
        if named is not None:
            parameters.setdefault(named[1].lower(), _unquoted(named[2]))
    if scheme is not None:
        yield Challenge(scheme, parameters)


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
