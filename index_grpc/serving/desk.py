"""The desk: what is asked for, what can't be served, and what answers.

Dagster's steps ask here for Servings. Whoever runs index servers, a deployer on one machine or a
controller in a cluster, looks here for what to run and tells what can't be. So neither needs the
other to be there, and neither knows where the desk is: a folder on one machine, resources in a
cluster.

A Serving names its image by digest, and what was asked once never changes under a name. Nobody
who asks deletes: a Serving is let go, which is a state. Its server answers until others hold
all it does, it is taken back by asking again, and whoever ran it removes it at last.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict, model_validator

from index_grpc.errors import IndexGrpcError
from index_grpc.serving.serving import ServedWindow, Serving
from photosearch.window_key import WindowKey
from photosearch.windows import Window


class DeskError(IndexGrpcError):
    """A desk that can't be read: what is asked for, or what runs, is not known."""


class LetGoServing(Serving):
    """A Serving that is asked for no longer, and since when."""

    let_go_at: AwareDatetime


class RefusedIndex(BaseModel):
    """An index that can't be served; its finer windows answer where they are ready."""

    model_config = ConfigDict(frozen=True)

    window: WindowKey
    version: str
    reason: str
    retry_at: datetime
    #: Whether packs are to be planned without it; else it is being tried again.
    left_out: bool = True
    #: How often it was refused in a row.
    times: int = 1
    #: Whether its server crashed. It is tried again on its own, so that it takes no other along.
    crashed: bool = False

    @property
    def key(self) -> tuple[Window, str]:
        """Window and version."""
        return (self.window, self.version)


RefusedBy = Literal["builder", "deployer"]


class CrashingServing(BaseModel):
    """A pack whose index server crashes as it loads, or refuses it, without naming a window."""

    model_config = ConfigDict(frozen=True)

    name: str
    windows: tuple[ServedWindow, ...]
    #: Those that are to be served each on its own meanwhile, so that the one at fault is found.
    apart: tuple[ServedWindow, ...]
    #: How it ended last, with its last words.
    reason: str
    #: Whether the server ended by itself and said why, as of an image that nobody signed.
    refused: bool = False
    #: How often in a row.
    crashes: int
    #: How often it was given up for a while, each time for longer.
    tries: int = 1
    retry_at: datetime


class EndpointWindow(BaseModel):
    """A window that a server holds, its index's version and its rows."""

    model_config = ConfigDict(frozen=True)

    window: WindowKey
    version: str
    rows: int


class Endpoint(BaseModel):
    """A server that answers: where it is, and what it holds for its whole life."""

    model_config = ConfigDict(frozen=True)

    serving: str
    address: str
    fingerprint: str
    quantiser: str | None
    #: Digest of the image that it was started from.
    image: str | None = None
    windows: tuple[EndpointWindow, ...]
    #: The server's process, named so that :meth:`Endpoints.is_alive` knows it.
    process: str
    #: When it began to answer. Of two servers that hold one window the later one is right.
    ready_at: AwareDatetime

    @model_validator(mode="before")
    @classmethod
    def _of_a_former_release(cls, told: object) -> object:
        if isinstance(told, dict) and "process" not in told and "pid" in told:
            return {**told, "process": str(told["pid"])}
        return told


class Endpoints(Protocol):
    """The servers that answer."""

    def read(self, *, strict: bool = False) -> list[Endpoint]:
        """Every announced server, sorted by name; one that can't be read is logged and left out.

        Raises:
            DeskError: if they can't be read; if ``strict``, also if one of them can't be.
        """
        ...

    def own(self, *, strict: bool = False) -> list[Endpoint]:
        """Those without the servers of another installation, of which this one is a copy.

        Raises:
            DeskError: as for :meth:`read`.
        """
        ...

    def edition(self) -> object:
        """What is another as soon as :meth:`read` would say something else; costs little."""
        ...

    def is_alive(self, process: str) -> bool:
        """Whether a server's process lives, though it may be withdrawn: what it announced can
        outlast it, and it its announcement."""
        ...


@dataclass(frozen=True)
class DeskName:
    """What tells a desk from all others, and where it is, for people."""

    identity: str
    place: str


@dataclass(frozen=True)
class DeskDamage:
    """Something on the desk that is not as it was written."""

    #: Where it lies.
    where: str
    found: str
    #: Who writes it again.
    again: str
    #: The Serving that was asked for there.
    serving: str | None = None


class ServingDesk(Protocol):
    """What is asked for, what can't be served, and what answers."""

    @property
    def endpoints(self) -> Endpoints:
        """The servers that answer."""
        ...

    def is_there(self) -> bool:
        """Whether anything was ever asked for here."""
        ...

    def name(self) -> DeskName:
        """Its name, which is given to it when it is asked for the first time; a desk that was
        moved is the same, and a copy is another."""
        ...

    def asked(self, *, strict: bool = False) -> Mapping[str, Serving]:
        """Every Serving that is asked for, by name; one that can't be read is left out.

        Raises:
            DeskError: if they can't be read; if ``strict``, also if one of them can't be.
        """
        ...

    def let_go_of(self, *, strict: bool = False) -> Mapping[str, LetGoServing]:
        """Every Serving that is asked for no longer and was not removed yet, by name.

        Raises:
            DeskError: as for :meth:`asked`.
        """
        ...

    def ask(self, serving: Serving) -> None:
        """Ask for a Serving; one that was let go is taken back.

        Raises:
            ServingError: if it names no image.
        """
        ...

    def let_go(self, name: str) -> None:
        """Ask for a Serving no longer; its server answers until others hold all it does."""
        ...

    def remove(self, name: str) -> None:
        """Remove a Serving that was let go and runs no more. One that is asked for stays."""
        ...

    def refused(self, by: RefusedBy) -> list[RefusedIndex]:
        """What was told last; nothing when nothing ever was."""
        ...

    def tell_refused(self, by: RefusedBy, refused: Sequence[RefusedIndex]) -> None:
        """Tell which indexes are refused, so that packs are planned without them.

        The builder of images refuses files that are not what their manifest says, and the
        deployer those that an index server refused.
        """
        ...

    def crashing(self) -> list[CrashingServing]:
        """What was told last; nothing when nothing ever was."""
        ...

    def tell_crashing(self, crashing: Sequence[CrashingServing]) -> None:
        """Tell which packs crash: packs are planned by it, and people are told."""
        ...

    def one_asker(self) -> AbstractContextManager[None]:
        """Hold the desk, so that nobody asks or lets go on what has changed meanwhile."""
        ...

    def damages(self, *, discard: bool = False) -> Iterator[DeskDamage]:
        """What is not as it was written; taken away if ``discard``."""
        ...
