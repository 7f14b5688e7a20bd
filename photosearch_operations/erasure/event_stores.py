"""Events of a Dagster, wherever they are kept: what an erasure does with them, and a check reads.

Dagster has no call that changes an event, and deleting runs would have every other window of theirs
made again; so the stored texts are changed where they lie. SQLite's lie in files, PostgreSQL's
behind a connection, and each has its own way of leaving no byte of what was.
"""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa

from photosearch.errors import PhotosearchError

EVENTS = sa.table(
    "event_logs",
    *map(sa.column, ("id", "run_id", "event", "dagster_event_type", "asset_key", "partition")),
)
ASSETS = sa.table("asset_keys", sa.column("id"), sa.column("last_materialization"))
PARTITIONED = sa.select(EVENTS.c.event, EVENTS.c.partition).where(EVENTS.c.partition.is_not(None))


class DagsterNotCleaned(PhotosearchError):
    """A database of Dagster's that can't be looked into, or not be changed, now."""


@dataclass(frozen=True)
class EventDatabase:
    """A database in a transaction; ``has_all`` tells the one with all runs' events about assets."""

    connection: sa.Connection
    has_all: bool


class EventStore(Protocol):
    """The events of one Dagster."""

    @property
    def notes(self) -> list[str]:
        """What could not be done about them."""

    def index(self) -> AbstractContextManager[sa.Connection | None]:
        """The database with all runs' events about assets, if it is there."""

    def databases(self) -> Iterator[AbstractContextManager[EventDatabase]]:
        """Every database, the index last; of what was changed no former byte is left after it.

        Raises:
            DagsterNotCleaned: by the context manager.
        """

    def read(self) -> Iterator[tuple[str, AbstractContextManager[Iterable[Any]]]]:
        """Each database by its name, with event and partition of what is about a partition.

        Raises:
            DagsterNotCleaned: by the context manager.
        """

    def in_words(self, base_dir: Path) -> str: ...
