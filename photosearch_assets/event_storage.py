"""Dagster's SQLite event log, fast enough for a year of hourly partitions.

The stock storage opens several connections, compiles its statements anew and waits for the
disk for every single event: *measured* 30 to 80 ms each on two cores, which for 8,760 hours
of three assets and their checks is an hour of bookkeeping. This one keeps its connections and
writes the events of materialisations and checks in groups, in one transaction.

What is given up: after a kill -9 up to a second of these events may be missing, and after a
power cut the last transactions. Neither loses work. The model repository is the truth, and a
run that finds a window made records it again.

This is the one module that imports ``dagster._core``, because Dagster has no other home for
storages. dagster.yaml names it; a test holds it against the stock storage.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import sqlalchemy as sa
from dagster._core.events import DagsterEventType
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    INDEX_SHARD_NAME,
    SqliteEventLogStorage,
)
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData

GROUP_EVENTS = 500
GROUP_S = 1.0
_BUSY_TIMEOUT_S = 60.0
_KEPT_ENGINES = 16
_GROUPED = {DagsterEventType.ASSET_MATERIALIZATION, DagsterEventType.ASSET_CHECK_EVALUATION}


class GroupedEventLog(SqliteEventLogStorage):
    """The stock event log with kept connections and grouped writes."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._lock = threading.RLock()
        self._engines: dict[str, sa.Engine] = {}
        self._tables: set[str] = set()
        self._open: dict[str, sa.Connection] = {}
        self._waiting: list[EventLogEntry] = []
        self._waiting_since = 0.0
        self._last_of_asset: dict[str, tuple[EventLogEntry, int]] | None = None
        self._process = os.getpid()
        super().__init__(base_dir, inst_data)

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event, or keep it for up to a second to store it with others."""
        with self._lock:
            if not (event.run_id and event.dagster_event_type in _GROUPED):
                self._flush()
                super().store_event(event)
                return
            if not self._waiting:
                self._waiting_since = time.monotonic()
            self._waiting.append(event)
            aged = time.monotonic() - self._waiting_since > GROUP_S
            if aged or len(self._waiting) >= GROUP_EVENTS:
                self._flush()

    def has_table(self, table_name: str) -> bool:
        if table_name not in self._tables:
            if not super().has_table(table_name):
                return False
            self._tables.add(table_name)
        return True

    def dispose(self) -> None:
        with self._lock:
            self._flush()
            for engine in self._engines.values():
                engine.dispose()
            self._engines.clear()
        super().dispose()

    def _store_asset_event(self, conn: sa.Connection, event: EventLogEntry, event_id: int) -> None:
        if self._last_of_asset is None:
            super()._store_asset_event(conn, event, event_id)
        elif event.dagster_event and event.dagster_event.asset_key:
            # The table of assets keeps the last event only: one write a group is enough.
            self._last_of_asset[event.dagster_event.asset_key.to_string()] = (event, event_id)

    def _flush(self) -> None:
        if not self._waiting:
            return
        events, self._waiting = self._waiting, []
        with ExitStack() as stack:
            for run_id in sorted({event.run_id for event in events}):
                stack.enter_context(self._held(run_id))
            index = stack.enter_context(self._held(INDEX_SHARD_NAME))
            self._last_of_asset = {}
            try:
                for event in events:
                    super().store_event(event)
                last, self._last_of_asset = self._last_of_asset, None
                for event, event_id in last.values():
                    super()._store_asset_event(index, event, event_id)
            finally:
                self._last_of_asset = None

    @contextmanager
    def _held(self, shard: str) -> Iterator[sa.Connection]:
        """A transaction on a shard, which all of this thread's work uses until it ends."""
        with self._connect(shard) as connection:
            self._open[shard] = connection
            try:
                yield connection
            finally:
                del self._open[shard]

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Any]:
        with self._lock:
            if shard in self._open:
                yield self._open[shard]
                return
            if not self._open:
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
                connect_args={"timeout": _BUSY_TIMEOUT_S, "check_same_thread": False},
            )
            sa.event.listen(engine, "connect", _relax)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
        self._engines[shard] = engine
        while len(self._engines) > _KEPT_ENGINES:
            self._engines.pop(next(iter(self._engines))).dispose()
        return engine


class PhotosearchSqliteStorage(DagsterSqliteStorage):
    """The stock SQLite storage of runs, schedules and events, with the event log above."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(base_dir, inst_data)
        self._event_log_storage = GroupedEventLog(
            os.path.join(base_dir, "history", "runs", "")  # noqa: PTH118 (as the stock storage)
        )

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> "PhotosearchSqliteStorage":
        return cls.from_local(inst_data=inst_data, **config_value)


def _relax(connection: Any, _record: object) -> None:
    # In WAL mode NORMAL never damages the file; it may lose the last commits of a power cut.
    connection.execute("PRAGMA synchronous=NORMAL")
