"""What is looked at before anything is decided: servers, and what the repository holds.

A server is a process here and a pod elsewhere. Nothing in this folder knows which: whoever
carries decisions out says what it sees in these words.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from index_grpc.serving.desired import RefusedKey
from index_grpc.serving.serving import Serving
from photosearch.windows import Window


class ServingState(StrEnum):
    """Where a Serving stands."""

    WAITING = "waiting"  # for its turn, or for the pause after a failure
    STARTING = "starting"  # verifies, loads, warms up
    READY = "ready"  # answers, and is announced
    RETIRING = "retiring"  # its windows are answered by others


@dataclass(frozen=True)
class ServerFailure:
    """Why a server ended, if nobody told it to: it refused ``index``, or the whole of its Serving
    if that is None, or it ``crashed`` as it loaded, which names nothing."""

    reason: str
    index: RefusedKey | None = None
    crashed: bool = False


@dataclass(frozen=True)
class SeenServer:
    """A Serving that is run, or was, or is to be. Times are those of a clock that is never set."""

    serving: Serving
    state: ServingState = ServingState.WAITING
    #: Whether the last decision was to run it.
    wanted: bool = True
    #: Whether it has a process, and whether that was told to end.
    runs: bool = False
    is_ending: bool = False
    #: Whether it was ready once: only then can anything depend on it.
    answered: bool = False
    announced: bool = False
    #: When it began to answer, as it is announced: of two that hold a window the later is right.
    ready_at: datetime | None = None
    #: When it had read its files.
    loaded_at: float | None = None
    #: Since when others answer all it holds.
    unneeded_since: float | None = None
    #: What it failed of since the last look.
    failure: ServerFailure | None = None
    #: How often it failed in a row, crashed in a row as it loaded, and when it may start again.
    failures: int = 0
    crashes: int = 0
    retry_at: float = 0.0

    @property
    def name(self) -> str:
        return self.serving.name

    @cached_property
    def windows(self) -> list[Window]:
        """What it holds, in time order."""
        return [served.window for served in self.serving.windows]

    @cached_property
    def keys(self) -> frozenset[RefusedKey]:
        """Window and version of all that it holds."""
        return keys_of(self.serving)

    @property
    def has_loaded(self) -> bool:
        """Whether it has all its files in memory."""
        return self.runs and self.state in (ServingState.READY, ServingState.RETIRING)

    def is_newer_than(self, other: "SeenServer") -> bool:
        """Whether it became ready later, so that of two versions its is the right one.

        What answers is newer than one whose process has ended, else that would be started
        again in its stead, and then it in that one's, while their successor waits.
        """
        if self.ready_at is None:
            return False
        if not other.runs:
            return True
        return other.ready_at is not None and self.ready_at > other.ready_at


@dataclass(frozen=True)
class KnownIndexes:
    """What the repository holds, as far as it could be read."""

    #: The embedder whose servers are asked.
    fingerprint: str | None
    #: Its windows that are current, served or not; None while that is not known.
    windows: Collection[Window] | None
    #: Every index that a HEAD names, of the next embedder too; None before that was ever known.
    versions: Collection[RefusedKey] | None
    #: Nobody has to answer for time from here on: only a clock that was ahead made windows of it.
    closed_until: datetime


def keys_of(serving: Serving) -> frozenset[RefusedKey]:
    """Window and version of all that a Serving holds."""
    return frozenset((served.window, served.version) for served in serving.windows)
