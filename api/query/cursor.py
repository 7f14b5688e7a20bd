"""Which listings a query has answered, so that the next page brings those that follow.

A cursor holds the query's vector, so the next page needs no photo and no embedding, and a short
mark of every listing answered so far. A place in the order would be shorter, but loses listings:
an index looks deeper for a later page and then finds some that belong before that place; so it
is where many look the same, and when windows are rolled up in between. It is opaque to clients;
a digest over it tells a cut or altered one from ours, and another query's cursor is refused by
the query's own digest.
"""

import base64
import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from api.problems.problems import ApiProblem

_CHECK_BYTES = 8
_UNIT_TOLERANCE = 1e-3
_MARK_BYTES = 5  # of a thousand listings and a thousand to come, two are alike once in a million


@dataclass(frozen=True)
class Position:
    """The query that was asked, and the marks of the listings that its pages have answered."""

    query: str
    fingerprint: str
    answered: frozenset[bytes]
    left_out: str | None = None


class _Head(BaseModel):
    model_config = ConfigDict(extra="forbid")

    query: str
    fingerprint: str
    left_out: str | None
    answered: int = Field(ge=1)


def mark_of(listing_id: str) -> bytes:
    """Tells one listing from another, in few bytes."""
    return hashlib.blake2b(listing_id.encode(), digest_size=_MARK_BYTES).digest()


def query_digest(kind: str, value: bytes) -> str:
    """Tells one query from another."""
    return f"{kind}:{hashlib.sha256(value).hexdigest()[:16]}"


def write_cursor(position: Position, vector: NDArray[np.float32]) -> str:
    """The cursor for ``position`` of the query ``vector`` (float32 [d])."""
    head = _Head(
        query=position.query,
        fingerprint=position.fingerprint,
        left_out=position.left_out,
        answered=len(position.answered),
    )
    text = head.model_dump_json().encode()
    marks = b"".join(sorted(position.answered))
    body = len(text).to_bytes(2, "big") + text + marks + vector.astype("<f4").tobytes()
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
        marks_at = 2 + int.from_bytes(body[:2], "big")
        head = _Head.model_validate_json(body[2:marks_at])
        vector_at = marks_at + head.answered * _MARK_BYTES
        marks = (body[at : at + _MARK_BYTES] for at in range(marks_at, vector_at, _MARK_BYTES))
        vector = np.frombuffer(body[vector_at:], "<f4").astype(np.float32)
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
    return Position(head.query, head.fingerprint, frozenset(marks), head.left_out), vector


def _check(body: bytes) -> bytes:
    return hashlib.sha256(b"photosearch cursor 2" + body).digest()[:_CHECK_BYTES]
