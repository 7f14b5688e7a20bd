"""What images are called: HOST:PORT/NAME, with :TAG or @DIGEST.

As container runtimes read it, but that a name always begins with its registry's host: which
registry a name without one means differs from machine to machine.
"""

import re
from dataclasses import dataclass

_PART = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_NAME = re.compile(
    r"(?P<host>(?:[\w.-]+|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?)"
    rf"/(?P<path>{_PART}(?:/{_PART})*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}))?",
    re.ASCII,
)
#: How an error tells what is allowed.
ALLOWED = "a name is of a-z, 0-9, ., _, - and /"


@dataclass(frozen=True)
class ImageName:
    """``host`` with its port, if one is named; of tag and digest both may be missing."""

    host: str
    path: str
    tag: str | None
    digest: str | None

    @property
    def repository(self) -> str:
        """The name without tag and digest."""
        return f"{self.host}/{self.path}"


def parse_image_name(name: str) -> ImageName | None:
    """The parts of a name; None if it is none."""
    found = _NAME.fullmatch(name)
    return None if found is None else ImageName(**found.groupdict())
