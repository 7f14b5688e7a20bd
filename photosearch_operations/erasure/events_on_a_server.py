"""Dagster's events on a server, which is PostgreSQL as a rule.

PostgreSQL leaves the former text of a changed row where it was, and a plain VACUUM only lets others
write over it. VACUUM FULL writes the tables anew, without it, and the former files are deleted:
nobody reads or writes the events meanwhile, and the disk has to have room for both. It passes over
a table of another owner with a warning, and takes along what an older transaction of anybody may
still see; so it is looked at whether the tables have new files, and what it says of rows it kept.
What it can't reach is told: the write-ahead log, standbys and backups.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from photosearch.terminal.masked import masked_text
from photosearch_operations.erasure.event_stores import (
    ASSETS,
    EVENTS,
    PARTITIONED,
    DagsterNotCleaned,
    EventDatabase,
)

LOCK_TIMEOUT_S = 30
_KEPT = re.compile(r"(\d+) dead row versions cannot be removed yet")


class EventsOnAServer:
    """The events that Dagster's ``engine`` leads to; in transactions, which Dagster has none of."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine.execution_options(isolation_level="READ COMMITTED")
        self._alone = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._server = engine.url.render_as_string(hide_password=True)
        self.notes: list[str] = []

    @contextmanager
    def index(self) -> Iterator[sa.Connection | None]:
        with self._errors(), self._engine.begin() as connection:
            yield connection

    def databases(self) -> Iterator[AbstractContextManager[EventDatabase]]:
        yield self._changed()

    @contextmanager
    def _changed(self) -> Iterator[EventDatabase]:
        with self._errors():
            with self._engine.begin() as connection:
                yield EventDatabase(connection, has_all=True)
            if self._engine.dialect.name == "postgresql":
                self._write_anew()
            else:
                self.notes.append(f"{self._server} may keep the former rows; its backups do")

    def read(self) -> Iterator[tuple[str, AbstractContextManager[Iterable[Any]]]]:
        yield self._server, self._read()

    @contextmanager
    def _read(self) -> Iterator[Iterable[Any]]:
        with self._errors(), self._engine.begin() as connection:
            is_there = sa.inspect(connection).has_table(EVENTS.name)
            streamed = connection.execution_options(yield_per=100)
            yield streamed.execute(PARTITIONED) if is_there else ()

    def in_words(self, _base_dir: Path) -> str:
        return f"Dagster's events in {self._server}"

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.DBAPIError as error:
            raise DagsterNotCleaned(
                f"Dagster's events in {self._server} can't be searched for strips of the photos",
                found=" ".join(masked_text(error.orig).split()),
                remedy="see that it runs and that its tables are let go of, then run this again",
            ) from error
        finally:
            self._engine.dispose()

    def _write_anew(self) -> None:
        with self._alone.connect() as connection:  # VACUUM runs in no transaction
            connection.exec_driver_sql(f"SET lock_timeout = '{LOCK_TIMEOUT_S}s'")
            tables = [t.name for t in (EVENTS, ASSETS) if sa.inspect(connection).has_table(t.name)]
            for table in tables:
                self._write_table_anew(connection, table)
        self.notes.append(
            f"{self._server}: its write-ahead log has the former rows until that is written over, "
            "and so have standbys that are behind, and backups"
        )

    def _write_table_anew(self, connection: sa.Connection, table: str) -> None:
        file = sa.select(sa.func.pg_relation_filenode(table))
        before = connection.execute(file).scalar_one()
        kept = _vacuum_full(connection, table)
        if connection.execute(file).scalar_one() == before:
            self.notes.append(
                f"{self._server}: {table} has the former rows, for it belongs to another user, who "
                f"may write it anew by VACUUM FULL {table}"
            )
        elif kept:
            raise DagsterNotCleaned(
                f"{self._server} still has former rows of {table}",
                found="an older transaction, which may look at them",
                remedy="end it (pg_stat_activity names it), then run this again",
            )


def _vacuum_full(connection: sa.Connection, table: str) -> int:
    """Write a table anew; how many former rows it still has."""
    driver: Any = connection.connection.driver_connection
    driver.notices.clear()
    try:
        with driver.cursor() as cursor:  # SQLAlchemy's own would drop the notices
            cursor.execute(f"VACUUM (FULL, VERBOSE) {table}")
    except driver.Error as error:
        raise sa.exc.DBAPIError("VACUUM", None, error) from error
    return sum(int(count) for one in driver.notices for count in _KEPT.findall(one))
