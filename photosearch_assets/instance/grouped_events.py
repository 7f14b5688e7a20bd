"""Events of materialisations and checks, written in groups.

Dagster stores one event at a time, with connections and transactions of its own each, and a run
over a month of hours has thousands that nobody waits for. So those of materialisations and checks
wait for up to a second, or until something else is stored or anything is read, and are then written
together. SQLite and PostgreSQL each write a group in their own way.

What is given up: after a kill -9 up to a second of these events may be missing. No work is lost.
The model repository is the truth, and a run that finds a window made records it again.
"""

import threading
import time
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import sqlalchemy as sa
from dagster._core.events import DagsterEventType
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._serdes import serialize_value

GROUP_EVENTS = 500
GROUP_S = 1.0
_OF_ASSETS = (
    DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    DagsterEventType.ASSET_MATERIALIZATION,
)
_GROUPED = {*_OF_ASSETS, DagsterEventType.ASSET_CHECK_EVALUATION}

_table = AssetCheckExecutionsTable
EVALUATED = (
    "execution_status",
    "evaluation_event",
    "evaluation_event_timestamp",
    "evaluation_event_storage_id",
    "materialization_event_storage_id",
)
_EVALUATE = (
    sa.update(_table)
    .where(
        _table.c.asset_key == sa.bindparam("of_asset"),
        _table.c.check_name == sa.bindparam("of_check"),
        _table.c.run_id == sa.bindparam("of_run"),
        _table.c.partition.is_not_distinct_from(sa.bindparam("of_partition")),
    )
    .values({name: sa.bindparam(name) for name in EVALUATED})
)


class GroupedEvents(SqlEventLogStorage):
    """An event log that stores such events together.

    Whatever opens a connection to read has to call :meth:`_flush` first, under ``_lock``.
    """

    def _begin(self) -> None:
        self._lock = threading.RLock()
        self._tables: set[str] = set()
        self._waiting: list[EventLogEntry] = []
        self._waiting_since = 0.0

    @abstractmethod
    def _store_group(self, events: Sequence[EventLogEntry], rows: list[dict[str, Any]]) -> None:
        """Write events, whose ``rows`` of the table of events these are."""

    @abstractmethod
    def _held(self, connection: sa.Connection) -> AbstractContextManager[None]:
        """Let the stock methods use an open transaction on the table of checks."""

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
            if not super().has_table(table_name):  # type: ignore[safe-super]
                return False
            self._tables.add(table_name)
        return True

    def _flush(self) -> None:
        if self._waiting:
            events, self._waiting = self._waiting, []
            self._store_group(events, [self._event_to_row(event) for event in events])

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
        if not found or self._evaluate(index, [values for *_, values in found]) == len(found):
            return
        for event, event_id, values in found:  # some may not have been planned
            if index.execute(_EVALUATE, values).rowcount == 0:
                with self._held(index):
                    self.store_asset_check_event(event, event_id)

    def _evaluate(self, index: sa.Connection, evaluated: list[dict[str, Any]]) -> int:
        """Note evaluations of checks that were planned, and say of how many."""
        return index.execute(_EVALUATE, evaluated).rowcount

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
