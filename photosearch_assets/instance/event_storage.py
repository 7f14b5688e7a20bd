"""Dagster's SQLite event log, fast enough for a year of hourly partitions.

The stock storage opens several connections, compiles its statements anew and waits for the
disk for every single event: *measured* 30 to 80 ms each on two cores, which for 8,760 hours
of three assets and their checks is an hour of bookkeeping. This one keeps its connections and
writes the events of materialisations and checks in groups, in one transaction.

What is given up: after a kill -9 up to a second of these events may be missing, and after a
power cut the last transactions. Neither loses work. The model repository is the truth, and a
run that finds a window made records it again.

It imports ``dagster._core``, because Dagster has no other home for storages. dagster.yaml names
it; a test holds it against the stock storage.
"""

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from dagster._core.events import DagsterEventType
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    SqlEventLogStorageTable,
)
from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    INDEX_SHARD_NAME,
    SqliteEventLogStorage,
)
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData, serialize_value

from photosearch.files.locks import file_lock
from photosearch_assets.instance.check_states import CheckStates
from photosearch_assets.instance.in_home import in_home
from photosearch_assets.instance.sqlite_files import BUSY_TIMEOUT_S, open_by_uri

GROUP_EVENTS = 500
GROUP_S = 1.0
_KEPT_ENGINES = 16
_LOCK = ".lock"  # in a folder of databases: one process at a time makes their tables
_OF_ASSETS = (
    DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    DagsterEventType.ASSET_MATERIALIZATION,
)
_GROUPED = {*_OF_ASSETS, DagsterEventType.ASSET_CHECK_EVALUATION}

open_by_uri()

_table = AssetCheckExecutionsTable
_EVALUATE = (
    sa.update(_table)
    .where(
        _table.c.asset_key == sa.bindparam("of_asset"),
        _table.c.check_name == sa.bindparam("of_check"),
        _table.c.run_id == sa.bindparam("of_run"),
        _table.c.partition.is_not_distinct_from(sa.bindparam("of_partition")),
    )
    .values(
        execution_status=sa.bindparam("execution_status"),
        evaluation_event=sa.bindparam("evaluation_event"),
        evaluation_event_timestamp=sa.bindparam("evaluation_event_timestamp"),
        evaluation_event_storage_id=sa.bindparam("evaluation_event_storage_id"),
        materialization_event_storage_id=sa.bindparam("materialization_event_storage_id"),
    )
)


class GroupedEventLog(CheckStates, SqliteEventLogStorage):
    """The stock event log with kept connections and grouped writes."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._lock = threading.RLock()
        self._engines: dict[str, sa.Engine] = {}
        self._tables: set[str] = set()
        self._open: dict[str, sa.Connection] = {}
        self._waiting: list[EventLogEntry] = []
        self._waiting_since = 0.0
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

    def _flush(self) -> None:
        if not self._waiting:
            return
        events, self._waiting = self._waiting, []
        rows = [self._event_to_row(event) for event in events]
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

    def _store_materialisations(
        self, index: sa.Connection, events: Sequence[EventLogEntry], ids: Sequence[int]
    ) -> None:
        found = [
            (event, event_id)
            for event, event_id in zip(events, ids, strict=True)
            if event.dagster_event_type in _OF_ASSETS
        ]
        if not found:
            return
        self._store_asset_event_tags(index, *zip(*found, strict=True))
        # The table of assets keeps the last event of a kind only: one write a group is enough.
        last = {
            (event.get_dagster_event().asset_key, event.dagster_event_type): (event, event_id)
            for event, event_id in found
        }
        for event, event_id in last.values():
            self._store_asset_event(index, event, event_id)

    def _store_evaluations(
        self,
        index: sa.Connection,
        events: Sequence[EventLogEntry],
        rows: Sequence[dict[str, Any]],
        ids: Sequence[int],
    ) -> None:
        found = [
            (event, event_id, _evaluated(event, row, event_id))
            for event, row, event_id in zip(events, rows, ids, strict=True)
            if event.dagster_event_type is DagsterEventType.ASSET_CHECK_EVALUATION
        ]
        if not found:
            return
        if index.execute(_EVALUATE, [values for *_, values in found]).rowcount == len(found):
            return
        for event, event_id, values in found:  # some were not planned
            if index.execute(_EVALUATE, values).rowcount == 0:
                with self._held(INDEX_SHARD_NAME, index):
                    self.store_asset_check_event(event, event_id)

    def _store_asset_check_evaluation_planned(
        self, event: EventLogEntry, event_id: int | None
    ) -> None:
        # The stock method serialises the event, with all its partitions, once for each of them.
        planned: Any = event.get_dagster_event().event_specific_data
        subset = planned.partitions_subset
        row = {
            "asset_key": planned.asset_key.to_string(),
            "check_name": planned.check_name,
            "run_id": event.run_id,
            "execution_status": "PLANNED",
            "evaluation_event": serialize_value(event),
            "evaluation_event_timestamp": self._event_to_row(event)["timestamp"],
            "evaluation_event_storage_id": event_id,
        }
        keys = [None] if subset is None else list(subset.get_partition_keys())
        with self.index_connection() as connection:
            connection.execute(
                AssetCheckExecutionsTable.insert(), [{**row, "partition": key} for key in keys]
            )

    @contextmanager
    def _held(self, shard: str, connection: sa.Connection) -> Iterator[None]:
        """Let the stock methods use an open transaction on a shard."""
        self._open[shard] = connection
        try:
            yield
        finally:
            del self._open[shard]

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


def _evaluated(event: EventLogEntry, row: dict[str, Any], event_id: int) -> dict[str, Any]:
    """The parameters of the statement that notes a check's evaluation."""
    evaluation: Any = event.get_dagster_event().event_specific_data
    target = evaluation.target_materialization_data
    return {
        "of_asset": evaluation.asset_key.to_string(),
        "of_check": evaluation.check_name,
        "of_run": event.run_id,
        "of_partition": evaluation.partition,
        "execution_status": "SUCCEEDED" if evaluation.passed else "FAILED",
        "evaluation_event": row["event"],
        "evaluation_event_timestamp": row["timestamp"],
        "evaluation_event_storage_id": event_id,
        "materialization_event_storage_id": None if target is None else target.storage_id,
    }


def _relax(connection: Any, _record: object) -> None:
    # In WAL mode NORMAL never damages the file; it may lose the last commits of a power cut.
    connection.execute("PRAGMA synchronous=NORMAL")
