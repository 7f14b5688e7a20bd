"""Where a Dagster instance has its events: in files of SQLite, or behind a connection.

Dagster has no call that tells, and none that changes an event; whoever takes photos out of the
events needs both.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as sa


def events_folder(instance: dg.DagsterInstance) -> Path | None:
    """The folder of the databases, of an instance that has them in files."""
    folder = getattr(instance.event_log_storage, "_base_dir", None)
    return None if folder is None else Path(folder)


def is_on_a_server(instance: dg.DagsterInstance) -> bool:
    """Whether there is a connection to all of its events."""
    return events_folder(instance) is None and hasattr(
        instance.event_log_storage, "index_connection"
    )


@contextmanager
def connection_to_events(instance: dg.DagsterInstance) -> Iterator[sa.Connection]:
    """A connection to the events of an instance on a server."""
    storage: Any = instance.event_log_storage
    with storage.index_connection() as connection:
        yield connection
