"""Dagster's events in SQLite's files: one a run, and an index over all of them.

SQLite is told to write over what it frees, and its log is written back, so that no byte is left in
a file.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from photosearch.terminal.wording import counted
from photosearch_operations.erasure.event_stores import (
    EVENTS,
    PARTITIONED,
    DagsterNotCleaned,
    EventDatabase,
)

_BUSY_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class EventFolder:
    """A folder with SQLite databases; ``file`` is the index, none where they are of runs alone."""

    folder: Path
    file: Path | None
    runs: tuple[Path, ...]
    notes: list[str] = field(default_factory=list)

    def index(self) -> AbstractContextManager[sa.Connection | None]:
        return nullcontext() if self.file is None else _opened(self.file)

    def databases(self) -> Iterator[AbstractContextManager[EventDatabase]]:
        for file in (*self.runs, *([self.file] if self.file else [])):
            yield self._changed(file)

    @contextmanager
    def _changed(self, file: Path) -> Iterator[EventDatabase]:
        with _opened(file) as connection:
            yield EventDatabase(connection, has_all=file == self.file)
        _write_back(file, self.notes)

    def read(self) -> Iterator[tuple[str, AbstractContextManager[Iterable[Any]]]]:
        for file in (*self.runs, *([self.file] if self.file else [])):
            yield str(file), _read(file)

    def in_words(self, base_dir: Path) -> str:
        return f"{counted(len(self.runs), 'run')} of Dagster in {shown(self.folder, base_dir)}"


@contextmanager
def _opened(file: Path) -> Iterator[sa.Connection]:
    """A transaction on a SQLite database that is there."""
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(file)),
        poolclass=sa.pool.NullPool,
        connect_args={"timeout": _BUSY_TIMEOUT_S},
    )
    try:
        with engine.connect() as connection, connection.begin():
            connection.exec_driver_sql("PRAGMA secure_delete=ON")
            yield connection
    except sa.exc.DatabaseError as error:
        raise DagsterNotCleaned(
            f"Dagster's database {file} can't be searched for strips of the photos",
            found=" ".join(str(error.orig).split()),
            remedy="let go of it, or delete it if it is damaged, then run this again",
        ) from error


@contextmanager
def _read(file: Path) -> Iterator[Iterable[Any]]:
    uri = f"{file.as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_TIMEOUT_S)) as database:
            tables = "SELECT 1 FROM sqlite_master WHERE name = ?"
            is_there = database.execute(tables, [EVENTS.name]).fetchone()
            yield database.execute(str(PARTITIONED)) if is_there else ()
    except sqlite3.Error as error:
        raise DagsterNotCleaned(
            "it can't be searched for what was erased", found=str(error)
        ) from error


def _write_back(file: Path, notes: list[str]) -> None:
    """Empty SQLite's log, where the events lie as they were."""
    with closing(sqlite3.connect(file, timeout=_BUSY_TIMEOUT_S)) as own:
        busy, *_ = own.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        notes.append(f"{file.name}-wal still has what was changed, until its readers let go of it")


def shown(path: Path, base_dir: Path) -> str:
    """A path as it is told, and written into receipts, which outlive a move."""
    real = base_dir.resolve()
    return f"./{path.relative_to(real)}" if path.is_relative_to(real) else str(path)
