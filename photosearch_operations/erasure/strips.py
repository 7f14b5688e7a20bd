"""Taking photos out of Dagster's event log.

A materialisation of an hour keeps a strip of some of its photos, as text of an image, for
ever; which ones nobody knows any more. So all strips of the hour go, and those of other hours
that were materialised again since, for what was listed anew left its former hour without a trace.
From the tables of photos that could not be used the listing's own lines go.

Dagster has no call for that, and deleting the runs would have every other window of theirs made
again; so the stored events are changed where they lie: in the database of each run, also of one
whose events are not in the index any more, and last in the index, by which a strip is found that
was left by an erasure that was killed. SQLite is told to write over what it frees, and its log is
written back, so that no byte is left in a file.
"""

import json
import re
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from photosearch.errors import PhotosearchError
from photosearch.repository.erasures import digest_of
from photosearch.settings.settings import Settings
from photosearch_assets.instance.events import connection_to_events
from photosearch_assets.instance.home import open_instance
from photosearch_assets.markdown import readings
from photosearch_operations.erasure.event_databases import EventFolder, find_event_databases, shown

GONE = "(erased)"
IMAGE = "data:image/jpeg;base64,"
MATERIALIZED = "ASSET_MATERIALIZATION"
_BUSY_TIMEOUT_S = 30.0
FAILURES = "| photo | reason |"
CELL = r"(?P<cell>(?:[^|\\]|\\\\\||\\.)*?)"
"""The first cell of a line of the table of failures, as it lies in an event's JSON."""
_LINE = re.compile(rf"(?<=\\n)\| {CELL} \| (?:[^|]|\\\\\|)*? \|(?=\\n|\")")
_STRIP = re.compile(rf"!\[photos\]\({IMAGE}[A-Za-z0-9+/=]*\)")

_ASSETS = sa.table("asset_keys", sa.column("id"), sa.column("last_materialization"))
_EVENTS = sa.table(
    "event_logs",
    *map(sa.column, ("id", "run_id", "event", "dagster_event_type", "asset_key", "partition")),
)

Partition = tuple[str | None, str | None]
"""An asset's key, as Dagster writes it, and a partition's."""


class DagsterNotCleaned(PhotosearchError):
    """A database of Dagster's that can't be looked into, or not be changed, now."""


@dataclass
class CleanedStrips:
    """How many strips went, where was looked, and what could not be looked into."""

    strips: int = 0
    looked_at: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def clean_strips(
    settings: Settings, windows: Collection[str], photos: Collection[str]
) -> CleanedStrips:
    """Clean the events of these windows (keys), wherever this installation's Dagster has them.

    ``photos`` are the digests of the photos' ids, which is all that a closed receipt has of them.

    Raises:
        DagsterNotCleaned: if a database is locked, or damaged.
        AssetsError: if dagster.yaml does not say clearly where they are.
    """
    wanted = _Wanted(frozenset(w.partition("/")[2] for w in windows), frozenset(photos))
    found, done = find_event_databases(settings), CleanedStrips()
    for folder in found.folders:
        done.strips += _clean_folder(folder, wanted, done.notes)
        done.looked_at.append(folder.in_words(settings.base_dir))
    if found.has_server:
        with open_instance(settings) as instance, connection_to_events(instance) as index:
            done.strips += wanted.clean(index, _latest(index))
            server = index.engine.url.render_as_string(hide_password=True)
        done.looked_at.append(f"Dagster's events in {server}")
        done.notes.append(
            f"{server} keeps the former rows until it is vacuumed, and in its backups"
        )
    if found.not_looked_at is not None:
        done.notes.append(
            f"Dagster's events are kept by {found.not_looked_at}: nobody looked for strips of the "
            "photos there"
        )
    if not done.looked_at and found.not_looked_at is None:
        done.looked_at.append(
            f"no run of Dagster in {shown(settings.dagster_home, settings.base_dir)}"
        )
    return done


def _clean_folder(folder: EventFolder, wanted: "_Wanted", notes: list[str]) -> int:
    latest: dict[Partition, str] = {}
    if folder.index is not None:
        with _opened(folder.index) as index:
            latest = _latest(index)
    for run in folder.runs:
        with _opened(run) as database:
            wanted.clean(database, latest)
        _write_back(run, notes)
    if folder.index is None:
        return 0
    with _opened(folder.index) as index:
        count = wanted.clean(index, latest)
    _write_back(folder.index, notes)
    return count


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


def _write_back(file: Path, notes: list[str]) -> None:
    """Empty SQLite's log, where the events lie as they were."""
    with closing(sqlite3.connect(file, timeout=_BUSY_TIMEOUT_S)) as own:
        busy, *_ = own.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        notes.append(f"{file.name}-wal still has what was changed, until its readers let go of it")


def _latest(connection: sa.Connection) -> dict[Partition, str]:
    """Which run materialised each partition last."""
    if not sa.inspect(connection).has_table(_EVENTS.name):
        return {}
    columns = _EVENTS.c
    newest = (
        sa.select(sa.func.max(columns.id))
        .where(columns.dagster_event_type == MATERIALIZED)
        .group_by(columns.asset_key, columns.partition)
    )
    query = sa.select(columns.asset_key, columns.partition, columns.run_id)
    return {
        (asset, partition): run
        for asset, partition, run in connection.execute(query.where(columns.id.in_(newest)))
    }


@dataclass(frozen=True)
class _Wanted:
    """What is to go: the strips of ``partitions`` and the lines of ``photos``."""

    partitions: frozenset[str]
    photos: frozenset[str]

    def clean(self, connection: sa.Connection, latest: Mapping[Partition, str]) -> int:
        """Clean one database; how many strips went."""
        if not sa.inspect(connection).has_table(_EVENTS.name):
            return 0
        columns, count = _EVENTS.c, 0
        where = sa.or_(
            columns.partition.in_(sorted(self.partitions)),
            columns.event.contains(IMAGE),
            columns.event.contains(FAILURES),
        )
        # Without their texts, of which a year has some hundred megabytes.
        named = sa.select(columns.id, columns.run_id, columns.asset_key, columns.partition)
        for number, run, asset, partition in connection.execute(named.where(where)).fetchall():
            text = sa.select(columns.event).where(columns.id == number)
            event = connection.execute(text).scalar_one()
            is_shown = partition not in self.partitions and latest.get((asset, partition)) == run
            cleaned, strips = self._cleaned(event, strips=not is_shown)
            if cleaned != event:
                row = sa.update(_EVENTS).where(columns.id == number)
                connection.execute(row.values(event=cleaned))
                count += strips
        if sa.inspect(connection).has_table(_ASSETS.name):
            self._clean_latest(connection)
        return count

    def _clean_latest(self, connection: sa.Connection) -> None:
        """The table of assets has a copy of each one's latest event."""
        query = sa.select(_ASSETS).where(_ASSETS.c.last_materialization.is_not(None))
        for number, event in connection.execute(query).fetchall():
            if any(f'"{partition}"' in event for partition in self.partitions):
                connection.execute(
                    sa.update(_ASSETS)
                    .where(_ASSETS.c.id == number)
                    .values(last_materialization=self._cleaned(event, strips=True)[0])
                )

    def _cleaned(self, event: str, *, strips: bool) -> tuple[str, int]:
        """An event's text without the photos' lines and, if so wanted, its strips; how many."""
        cleaned, count = _STRIP.subn(GONE, event) if strips else (event, 0)
        return _LINE.sub(self._without, cleaned), count

    def _without(self, line: re.Match[str]) -> str:
        return f"| {GONE} | {GONE} |" if is_one_of(line["cell"], self.photos) else line[0]


def is_one_of(cell: str, photos: Collection[str]) -> bool:
    """Whether the first cell of a line of failures, as it lies in JSON, is one of these photos."""
    try:
        read = readings(str(json.loads(f'"{cell}"')))
    except (ValueError, OverflowError):
        return False
    return any(digest_of(photo_id) in photos for photo_id in read)
