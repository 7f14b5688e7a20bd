"""Where a page of results ended, so that the next one follows it exactly.

A cursor holds the query's vector and the rank of the last listing. So the next page needs no
photo and no embedding, and begins after that rank whatever was listed, sold or rolled up in
between: pages are disjoint and in order. It is opaque to clients; a digest over it tells a
cut or altered one from ours, and another query's cursor is refused by the query's own digest.
"""

import base64
import hashlib

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from api.problems import ApiProblem

_CHECK_BYTES = 8
_UNIT_TOLERANCE = 1e-3


class Position(BaseModel):
    """The last listing of a page, and the query it was found for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    query: str
    fingerprint: str
    score: FiniteFloat
    listing_id: str
    returned: int = Field(ge=1)
    left_out: str | None = None

    @property
    def rank(self) -> tuple[float, str]:
        """Comparable with :attr:`api.compose.Hit.rank`."""
        return (-self.score, self.listing_id)


def query_digest(kind: str, value: bytes) -> str:
    """Tells one query from another."""
    return f"{kind}:{hashlib.sha256(value).hexdigest()[:16]}"


def write_cursor(position: Position, vector: NDArray[np.float32]) -> str:
    """The cursor for ``position`` of the query ``vector`` (float32 [d])."""
    head = position.model_dump_json().encode()
    body = len(head).to_bytes(2, "big") + head + vector.astype("<f4").tobytes()
    return base64.urlsafe_b64encode(_check(body) + body).decode().rstrip("=")


def read_cursor(text: str) -> tuple[Position, NDArray[np.float32]]:
    """A cursor's position and vector (float32 [d], finite).

    Raises:
        ApiProblem: if the text is not a cursor of ours.
    """
    try:
        raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), b"-_", True)
        body = raw[_CHECK_BYTES:]
        if raw[:_CHECK_BYTES] != _check(body):
            raise ValueError("it was cut or altered")
        size = int.from_bytes(body[:2], "big")
        position = Position.model_validate_json(body[2 : 2 + size])
        vector = np.frombuffer(body[2 + size :], "<f4").astype(np.float32)
        # Ours have unit length; the digest is no secret, so a longer one may have been made up.
        if not abs(np.linalg.norm(vector.astype(np.float64)) - 1) < _UNIT_TOLERANCE:
            raise ValueError("it holds no vector of unit length")
    except ValueError as error:
        raise ApiProblem(
            422,
            "bad-cursor",
            "the cursor is not one that this API gave",
            found=repr(text if len(text) <= 40 else f"{text[:37]}..."),
            remedy="send the cursor of the last answer unchanged, or none for the first page",
        ) from error
    return position, vector


def _check(body: bytes) -> bytes:
    return hashlib.sha256(b"photosearch cursor 1" + body).digest()[:_CHECK_BYTES]
