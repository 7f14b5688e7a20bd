"""Dagster's storage in PostgreSQL, for history that several machines share.

Dagster's own, with an event log that keeps a connection, writes in groups, and works out the states
of checks for all partitions together. The stock one connects anew for every statement, and its
pages of a year's checks stay as empty as on SQLite.

dagster.yaml names it, with a variable of the environment in place of a URL
(:mod:`photosearch_assets.instance.home_storage`); a test holds it against the stock storage.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import dagster as dg
import sqlalchemy as sa
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    SqlEventLogStorageTable,
)
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage

from photosearch_assets.instance.check_states import CheckStates
from photosearch_assets.instance.grouped_events import EVALUATED, GroupedEvents
from photosearch_assets.instance.home_storage import PASSWORD_VARIABLE, with_password


class PostgresEventLog(CheckStates, GroupedEvents, PostgresEventLogStorage):  # type: ignore[misc]
    """The stock event log with a kept connection and grouped writes."""

    def __init__(self, postgres_url: str, should_autocreate_tables: bool = True) -> None:
        self._begin()
        self._open: sa.Connection | None = None
        self._process = os.getpid()
        super().__init__(postgres_url, should_autocreate_tables)  # type: ignore[call-arg,no-untyped-call]
        self._engine: sa.Engine = sa.create_engine(
            postgres_url,
            isolation_level="AUTOCOMMIT",
            poolclass=sa.pool.QueuePool,
            pool_size=1,
            max_overflow=-1,
            pool_pre_ping=True,  # of a server that was started anew meanwhile
        )

    def dispose(self) -> None:
        with self._lock:
            self._flush()
        super().dispose()
        self._engine.dispose()

    def _store_group(self, events: Sequence[EventLogEntry], rows: list[dict[str, Any]]) -> None:
        columns = SqlEventLogStorageTable.c
        stored = sa.insert(SqlEventLogStorageTable).returning(
            columns.id, sort_by_parameter_order=True
        )
        # At once, as Dagster stores its own batches: whoever reads on from the highest id would
        # never see those that a longer transaction shows after it.
        with self._connect() as connection:
            ids = connection.execute(stored, rows).scalars().all()
        with self.index_transaction() as index:
            self._store_materialisations(index, events, ids)
            self._store_evaluations(index, events, rows, ids)

    def _evaluate(self, index: sa.Connection, evaluated: list[dict[str, Any]]) -> int:
        # By one statement: psycopg2 sends one for each row otherwise, and counts the last only.
        if any(one["of_partition"] is None for one in evaluated):
            return 0  # which may be none or all of a check: one by one
        names = [*evaluated[0]]
        given = sa.values(*map(sa.column, names), name="given").data(
            [tuple(one[name] for name in names) for one in evaluated]
        )
        planned = AssetCheckExecutionsTable.c
        noted = {name: sa.cast(given.c[name], planned[name].type) for name in EVALUATED}
        return index.execute(
            sa.update(AssetCheckExecutionsTable)
            .where(
                planned.asset_key == given.c.of_asset,
                planned.check_name == given.c.of_check,
                planned.run_id == given.c.of_run,
                planned.partition == given.c.of_partition,
            )
            .values(noted)
        ).rowcount

    @contextmanager
    def _held(self, connection: sa.Connection) -> Iterator[None]:
        self._open = connection
        try:
            yield
        finally:
            self._open = None

    @contextmanager
    def _connect(self) -> Iterator[sa.Connection]:
        with self._lock:
            if self._open is not None:
                yield self._open
                return
            if self._process != os.getpid():
                # A connection must not cross a fork.
                self._engine.dispose(close=False)
                self._process = os.getpid()
            self._flush()  # whoever reads sees what was stored before
        with super()._connect() as connection:
            yield connection


class PhotosearchPostgresStorage(DagsterPostgresStorage):  # type: ignore[misc]
    """The stock PostgreSQL storage of runs, schedules and events, with the event log above.

    A URL without a password gets the one that the variable ``password_env`` holds, if it does.
    """

    def __init__(
        self,
        postgres_url: str,
        should_autocreate_tables: bool = True,
        inst_data: ConfigurableClassData | None = None,
    ) -> None:
        super().__init__(postgres_url, should_autocreate_tables, inst_data)
        self._event_log_storage = PostgresEventLog(postgres_url, should_autocreate_tables)

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        return {
            "postgres_url": dg.StringSource,
            "password_env": dg.Field(str, default_value=PASSWORD_VARIABLE),
            "should_autocreate_tables": dg.Field(bool, default_value=True),
        }

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> "PhotosearchPostgresStorage":
        url = with_password(
            config_value["postgres_url"], os.environ.get(config_value["password_env"])
        )
        return cls(url, config_value["should_autocreate_tables"], inst_data)
