"""Dagster's SQLite event log, fast enough for a year of hourly partitions.

The stock storage opens several connections, compiles its statements anew and waits for the
disk for every single event: *measured* 30 to 80 ms each on two cores, which for 8,760 hours
of three assets and their checks is an hour of bookkeeping. This one keeps its connections and
writes in groups, and after a power cut may miss the last transactions as well.

dagster.yaml names it; a test holds it against the stock storage.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    INDEX_SHARD_NAME,
    SqliteEventLogStorage,
)
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData

from photosearch.files.locks import file_lock
from photosearch_assets.instance.check_states import CheckStates
from photosearch_assets.instance.grouped_events import GroupedEvents
from photosearch_assets.instance.in_home import in_home
from photosearch_assets.instance.sqlite_files import BUSY_TIMEOUT_S, open_by_uri

_KEPT_ENGINES = 16
_LOCK = ".lock"  # in a folder of databases: one process at a time makes their tables
open_by_uri()


class GroupedEventLog(CheckStates, GroupedEvents, SqliteEventLogStorage):
    """The stock event log with kept connections and grouped writes."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._begin()
        self._engines: dict[str, sa.Engine] = {}
        self._open: dict[str, sa.Connection] = {}
        self._process = os.getpid()
        super().__init__(base_dir, inst_data)

    def dispose(self) -> None:
        with self._lock:
            self._flush()
            for engine in self._engines.values():
                engine.dispose()
            self._engines.clear()
        super().dispose()

    def _store_group(self, events: Sequence[EventLogEntry], rows: list[dict[str, Any]]) -> None:
        for run_id in sorted({event.run_id for event in events}):
            with self._connect(run_id) as connection:
                mine = [row for row in rows if row["run_id"] == run_id]
                connection.execute(SqlEventLogStorageTable.insert(), mine)
        with self._connect(INDEX_SHARD_NAME) as index:
            index.execute(SqlEventLogStorageTable.insert(), rows)
            # SQLite has one writer at a time, so this transaction's ids are consecutive.
            last_id = index.execute(
                sa.select(sa.func.max(SqlEventLogStorageTable.c.id))
            ).scalar_one()
            ids = range(last_id - len(rows) + 1, last_id + 1)
            self._store_materialisations(index, events, ids)
            self._store_evaluations(index, events, rows, ids)

    @contextmanager
    def _held(self, connection: sa.Connection) -> Iterator[None]:
        self._open[INDEX_SHARD_NAME] = connection
        try:
            yield
        finally:
            del self._open[INDEX_SHARD_NAME]

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Any]:
        with self._lock:
            if shard in self._open:
                yield self._open[shard]
                return
            self._flush()  # whoever reads sees what was stored before
            with self._engine(shard).connect() as connection, connection.begin():
                yield connection

    def _engine(self, shard: str) -> sa.Engine:
        if self._process != os.getpid():
            # A connection must not cross a fork.
            self._engines, self._process = {}, os.getpid()
        engine = self._engines.pop(shard, None)
        if engine is None:
            engine = sa.create_engine(
                self.conn_string_for_shard(shard),
                poolclass=sa.pool.QueuePool,
                pool_size=1,
                connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False},
            )
            sa.event.listen(engine, "connect", _relax)
            # One of a run long over may be gone (photosearch_assets.instance.old_runs).
            is_there = Path(self.path_for_shard(shard)).exists()
            if shard not in self._initialized_dbs or not is_there:
                with file_lock(Path(self._base_dir) / _LOCK):
                    self._initdb(engine)
                self._initialized_dbs.add(shard)
        self._engines[shard] = engine
        while len(self._engines) > _KEPT_ENGINES:
            self._engines.pop(next(iter(self._engines))).dispose()
        return engine


class PhotosearchSqliteStorage(DagsterSqliteStorage):
    """The stock SQLite storage of runs, schedules and events, with the event log above.

    In dagster.yaml ``base_dir`` may count from Dagster's home.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        # Webserver, daemon and code server open a new home at the same moment. The stock storage
        # does not expect that: one fails on a table that is there by now, or the version is
        # written twice, and then nobody can ever open the home again.
        with file_lock(Path(base_dir) / _LOCK):
            super().__init__(base_dir, inst_data)
            self._event_log_storage = GroupedEventLog(
                os.path.join(base_dir, "history", "runs", "")  # noqa: PTH118 (as the stock one)
            )

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> "PhotosearchSqliteStorage":
        return cls(in_home(config_value["base_dir"]), inst_data)


def _relax(connection: Any, _record: object) -> None:
    # In WAL mode NORMAL never damages the file; it may lose the last commits of a power cut.
    connection.execute("PRAGMA synchronous=NORMAL")
