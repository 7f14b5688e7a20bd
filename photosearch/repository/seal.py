"""A checksum over a document, inside the document.

What decides an artifact's content decides its version and can be worked out again; who made it,
when, and how well it recalls can not, and a flipped bit in these reads like the truth. So
whoever writes a document adds a last member ``sha256`` over the bytes before it. Bytes and not
meaning, so that nothing in the file is left out. Readers pass the member over, as they do
with any that they don't know: only verify works it out again, as thousands are read often.
"""

import hashlib
import json
import re
from collections.abc import Collection
from enum import Enum, auto

from pydantic import BaseModel

_END = b"\n}\n"
_SEAL = re.compile(rb',\n "sha256": "([0-9a-f]{64})"\n}\n\Z')


class Seal(Enum):
    """What the checksum of a document says."""

    WHOLE = auto()
    BROKEN = auto()
    #: There is none: a former release wrote the document.
    NONE = auto()


def sealed(document: bytes) -> bytes:
    """A JSON object of several lines, with its checksum as the last member."""
    if not document.endswith(_END):
        raise ValueError("only a JSON object that ends with a line of its own can be sealed")
    digest = hashlib.sha256(document).hexdigest()
    return document.removesuffix(_END) + b',\n "sha256": "%s"\n}\n' % digest.encode()


def sealed_text(document: BaseModel) -> str:
    """A document as the text of a file, with its checksum."""
    return sealed(document.model_dump_json(indent=1).encode() + b"\n").decode()


def seal_of(content: bytes, known: Collection[str]) -> Seal:
    """What became of a document whose members are ``known``.

    A member that nobody knows, where there is no checksum, may be the checksum itself with a
    changed name: former releases wrote none but the known ones.
    """
    found = _SEAL.search(content)
    if found is not None:
        document = content[: found.start()] + _END
        return Seal.WHOLE if _hex(document) == found[1] else Seal.BROKEN
    try:
        members = json.loads(content)
    except (ValueError, RecursionError):
        return Seal.BROKEN
    is_former = isinstance(members, dict) and members.keys() <= set(known)
    return Seal.NONE if is_former and content.endswith(_END) else Seal.BROKEN


def _hex(document: bytes) -> bytes:
    return hashlib.sha256(document).hexdigest().encode()
