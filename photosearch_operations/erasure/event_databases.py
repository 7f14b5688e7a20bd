"""Where the events of this installation's Dagster lie.

Whatever dagster.yaml says now, databases that lie in this installation's own home are its own: they
may be of the time before somebody moved to PostgreSQL, or to a Dagster that DAGSTER_HOME names.
SQLite's are files that are looked at as they are. Those of a server are reached through Dagster.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from photosearch.files.walk import files_below
from photosearch.settings.settings import Settings
from photosearch_assets.instance.events import (
    connection_to_events,
    events_folder,
    is_on_a_server,
)
from photosearch_assets.instance.home import open_instance
from photosearch_assets.instance.home_paths import CONFIG, databases_folder, keep_up
from photosearch_operations.erasure.event_stores import EventStore
from photosearch_operations.erasure.events_in_files import EventFolder
from photosearch_operations.erasure.events_on_a_server import EventsOnAServer

INDEX = "index.db"
"""SQLite's database of all runs' events about assets; each run has one of its own beside it."""


@dataclass(frozen=True)
class EventDatabases:
    """``not_looked_at`` names a storage that nobody here can look into."""

    stores: tuple[EventStore, ...] = ()
    not_looked_at: str | None = None


def find_event_databases(settings: Settings) -> EventDatabases:
    """All of them.

    Raises:
        AssetsError: if dagster.yaml can't be read, or leads to the databases of another place.
        DagsterHomeError: if DAGSTER_HOME is set, and is no folder.
    """
    server: tuple[EventStore, ...]
    own, home = settings.own_dagster_home, settings.dagster_home
    roots, server, other = {own}, (), None
    folder = None
    if home == own and (own / CONFIG).exists():
        keep_up(own)
        folder = databases_folder(own)
    if folder is not None:
        roots.add(folder)
    elif home != own or (own / CONFIG).exists():
        with open_instance(settings) as instance:
            if (folder := events_folder(instance)) is not None:
                roots.add(folder)
            elif is_on_a_server(instance):
                with connection_to_events(instance) as connection:
                    server = (EventsOnAServer(connection.engine),)
            else:
                other = type(instance.event_log_storage).__name__
    return EventDatabases((*_folders(roots), *server), other)


def _folders(roots: set[Path]) -> Iterator[EventFolder]:
    by_folder: defaultdict[Path, set[Path]] = defaultdict(set)
    for root in roots:
        for file in files_below(root):
            if file.suffix == ".db":
                by_folder[file.parent.resolve()].add(file.resolve())
    for folder, files in sorted(by_folder.items()):
        # Those of runs' states and of schedules lie elsewhere, and have no events.
        if folder / INDEX in files or folder.parts[-2:] == ("history", "runs"):
            index = folder / INDEX
            runs = tuple(sorted(files - {index}))
            yield EventFolder(folder, index if index in files else None, runs)
