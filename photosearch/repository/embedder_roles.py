"""The embedder that is being prepared beside the current one, and the one before it.

Two small objects beside HEAD. While an embedder is prepared its windows are made and served
like the current one's, but no query is asked of them; a switch moves HEAD and nothing else.
"""

from dataclasses import dataclass
from enum import StrEnum

from photosearch.repository.addresses import Address, require_name
from photosearch.repository.errors import DamagedArtifact, HeadMoved, RepositoryError
from photosearch.repository.repository import Repository
from photosearch.repository.storage.port import TagMoved


class Role(StrEnum):
    """What an embedder is, beside the current one."""

    NEXT = "next"
    PREVIOUS = "previous"


@dataclass(frozen=True)
class Noted:
    """An embedder's fingerprint, and the tag by which it is replaced."""

    fingerprint: str
    tag: str


def read_noted(repository: Repository, role: Role) -> Noted | None:
    """The embedder in this role; None when there is none.

    Raises:
        DamagedArtifact: if what is noted can be no embedder.
    """
    stored = repository.storage.read(role_path(role))
    if stored is None or not stored.content:
        return None
    try:
        fingerprint = require_name("an embedder", stored.content.decode("ascii"))
        return Noted(fingerprint, stored.tag)
    except (UnicodeDecodeError, RepositoryError) as error:
        raise DamagedArtifact(
            f"{role_path(role)} names no embedder",
            found=repr(stored.content[:80]),
            remedy="delete it: then no embedder has that role",
        ) from error


def next_fingerprint(repository: Repository) -> str | None:
    """The embedder that is being prepared; None when none is."""
    noted = read_noted(repository, Role.NEXT)
    return None if noted is None else noted.fingerprint


def named_embedders(repository: Repository) -> frozenset[str] | None:
    """The current embedder and those in a role; None if nobody knows which is current."""
    try:
        head = repository.head(Address.embedders())
    except DamagedArtifact:
        return None
    if head is None:
        return None
    noted = (read_noted(repository, role) for role in Role)
    return frozenset({head.version, *(one.fingerprint for one in noted if one is not None)})


def note(repository: Repository, role: Role, fingerprint: str) -> None:
    """Put an embedder into a role; an empty fingerprint empties it.

    Raises:
        HeadMoved: if another process does the same at this moment.
    """
    stored = repository.storage.read(role_path(role))
    try:
        repository.storage.replace(
            role_path(role), fingerprint.encode(), None if stored is None else stored.tag
        )
    except TagMoved:
        raise HeadMoved(
            f"the {role} embedder was changed by another process",
            remedy="wait until that process ends, then run this again",
        ) from None


def role_path(role: Role) -> str:
    """Where it is noted which embedder is in a role."""
    # Beside the versions and not among them: gc and verify look at those.
    return f"asked/{role}-embedder"
