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
from photosearch.terminal.wording import counted
from photosearch_assets.instance.events import events_folder, is_on_a_server
from photosearch_assets.instance.home import open_instance
from photosearch_assets.instance.home_paths import CONFIG, databases_folder, keep_up

INDEX = "index.db"
"""SQLite's database of all runs' events about assets; each run has one of its own beside it."""


@dataclass(frozen=True)
class EventFolder:
    """A folder with SQLite databases; ``index`` is none where they are of runs alone."""

    folder: Path
    index: Path | None
    runs: tuple[Path, ...]

    def in_words(self, base_dir: Path) -> str:
        return f"{counted(len(self.runs), 'run')} of Dagster in {shown(self.folder, base_dir)}"


@dataclass(frozen=True)
class EventDatabases:
    """``not_looked_at`` names a storage that nobody here can look into."""

    folders: tuple[EventFolder, ...] = ()
    has_server: bool = False
    not_looked_at: str | None = None


def find_event_databases(settings: Settings) -> EventDatabases:
    """All of them.

    Raises:
        AssetsError: if dagster.yaml can't be read, or leads to the databases of another place.
        DagsterHomeError: if DAGSTER_HOME is set, and is no folder.
    """
    own, home = settings.own_dagster_home, settings.dagster_home
    roots, server, other = {own}, False, None
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
                server = True
            else:
                other = type(instance.event_log_storage).__name__
    return EventDatabases(tuple(_folders(roots)), server, other)


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


def shown(path: Path, base_dir: Path) -> str:
    """A path as it is told, and written into receipts, which outlive a move."""
    real = base_dir.resolve()
    return f"./{path.relative_to(real)}" if path.is_relative_to(real) else str(path)
