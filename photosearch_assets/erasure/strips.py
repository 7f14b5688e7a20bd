"""Taking photos out of Dagster's event log.

A materialisation of an hour keeps a strip of some of its photos, as text of an image, for
ever; which ones nobody knows any more. So all strips of the hour go, and from the tables of
photos that could not be used the listing's own lines. Dagster has no call for that, and
deleting the runs would have every other window of theirs made again; so the stored events are
changed where they lie, in the shard of their run and in the index. SQLite is told to write over
what it frees, and its log is written back, so that no byte is left in a file.
"""

import json
import re
import sqlite3
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, closing
from functools import cache, partial
from typing import Any

import sqlalchemy as sa

from photosearch.settings import Settings
from photosearch_assets.dagster_home import open_instance

GONE = "(erased)"
_BUSY_TIMEOUT_S = 30.0
_STRIP = re.compile(r"!\[photos\]\(data:image/jpeg;base64,[A-Za-z0-9+/=]*\)")

_ASSETS = sa.table("asset_keys", sa.column("id"), sa.column("last_materialization"))
_EVENTS = sa.table(
    "event_logs", sa.column("id"), sa.column("run_id"), sa.column("event"), sa.column("partition")
)


def clean_strips(settings: Settings, windows: Collection[str], photo_ids: Collection[str]) -> int:
    """Clean the events of these windows (keys); how many strips there were."""
    partitions = {window.partition("/")[2] for window in windows}
    if not partitions:
        return 0
    with open_instance(settings) as instance:
        # Dagster names the log storage, and its connections, in no public way.
        storage: Any = instance._event_storage
        with storage.index_connection() as index:
            count, runs = _clean(index, partitions, photo_ids)
            _clean_latest(index, partitions, photo_ids)
        _write_back(storage.index_connection)
        for run_id in sorted(runs):
            with storage.run_connection(run_id) as shard:
                _clean(shard, partitions, photo_ids)
            _write_back(partial(storage.run_connection, run_id))
    return count


def _write_back(connect: Callable[[], AbstractContextManager[Any]]) -> None:
    """Empty SQLite's log, where the events lie as they were."""
    with connect() as connection:
        database = connection.engine.url.database
        if connection.dialect.name != "sqlite" or not database:
            return
    with closing(sqlite3.connect(database, timeout=_BUSY_TIMEOUT_S)) as own:
        own.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _clean(
    connection: Any, partitions: Collection[str], photo_ids: Collection[str]
) -> tuple[int, set[str]]:
    """Clean one database; how many strips went, and the runs that its events are of."""
    count, runs = 0, set()
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete=ON")
    query = sa.select(_EVENTS.c.id, _EVENTS.c.run_id, _EVENTS.c.event).where(
        _EVENTS.c.partition.in_(sorted(partitions))
    )
    for number, run_id, event in connection.execute(query).fetchall():
        cleaned, strips = _cleaned(event, photo_ids)
        if cleaned != event:
            connection.execute(
                sa.update(_EVENTS).where(_EVENTS.c.id == number).values(event=cleaned)
            )
            count += strips
            runs.add(run_id)
    return count, runs


def _clean_latest(connection: Any, partitions: Collection[str], photo_ids: Collection[str]) -> None:
    """The table of assets has a copy of each one's latest event."""
    query = sa.select(_ASSETS).where(_ASSETS.c.last_materialization.is_not(None))
    for number, event in connection.execute(query).fetchall():
        if any(f'"{partition}"' in event for partition in partitions):
            cleaned, _ = _cleaned(event, photo_ids)
            connection.execute(
                sa.update(_ASSETS)
                .where(_ASSETS.c.id == number)
                .values(last_materialization=cleaned)
            )


def _cleaned(event: str, photo_ids: Collection[str]) -> tuple[str, int]:
    """An event's text without strips and without the photos' lines; how many strips it had."""
    cleaned, strips = _STRIP.subn(GONE, event)
    for photo_id in photo_ids:
        cleaned = _line_of(photo_id).sub(f"| {GONE} | {GONE} |", cleaned)
    return cleaned, strips


@cache
def _line_of(photo_id: str) -> re.Pattern[str]:
    """The photo's line in a table of failures, as it lies in an event's JSON."""
    cell = json.dumps(photo_id.replace("|", "\\|").replace("\n", " "))[1:-1]
    return re.compile(rf"\| {re.escape(cell)} \| (?:[^|]|\\\\\|)*? \|(?=\\n|\")")
