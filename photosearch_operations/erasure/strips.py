"""Taking photos out of Dagster's event log.

A materialisation of an hour keeps a strip of some of its photos, as text of an image, for
ever; which ones nobody knows any more. So all strips of the hour go, and those of other hours
that were materialised again since, for what was listed anew left its former hour without a trace.
From the tables of photos that could not be used the listing's own lines go.

They go from the database of each run, also of one whose events are not in the index any more, and
last from the index, by which a strip is found that was left by an erasure that was killed. How no
byte of them is left is the databases' matter (:mod:`photosearch_operations.erasure.event_stores`).
"""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from photosearch.repository.erasures import digest_of
from photosearch.settings.settings import Settings
from photosearch_assets.markdown import readings
from photosearch_operations.erasure.event_databases import find_event_databases
from photosearch_operations.erasure.event_stores import ASSETS, EVENTS
from photosearch_operations.erasure.events_in_files import shown

GONE = "(erased)"
IMAGE = "data:image/jpeg;base64,"
MATERIALIZED = "ASSET_MATERIALIZATION"
FAILURES = "| photo | reason |"
CELL = r"(?P<cell>(?:[^|\\]|\\\\\||\\.)*?)"
"""The first cell of a line of the table of failures, as it lies in an event's JSON."""
_LINE = re.compile(rf"(?<=\\n)\| {CELL} \| (?:[^|]|\\\\\|)*? \|(?=\\n|\")")
_STRIP = re.compile(rf"!\[photos\]\({IMAGE}[A-Za-z0-9+/=]*\)")

Partition = tuple[str | None, str | None]
"""An asset's key, as Dagster writes it, and a partition's."""


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
    for store in found.stores:
        with store.index() as index:
            latest = {} if index is None else _latest(index)
        for opened in store.databases():
            with opened as database:
                count = wanted.clean(database.connection, latest)
            done.strips += count if database.has_all else 0
        done.notes += store.notes
        done.looked_at.append(store.in_words(settings.base_dir))
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


def _latest(connection: sa.Connection) -> dict[Partition, str]:
    """Which run materialised each partition last."""
    if not sa.inspect(connection).has_table(EVENTS.name):
        return {}
    columns = EVENTS.c
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
        if not sa.inspect(connection).has_table(EVENTS.name):
            return 0
        columns, count = EVENTS.c, 0
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
                row = sa.update(EVENTS).where(columns.id == number)
                connection.execute(row.values(event=cleaned))
                count += strips
        if sa.inspect(connection).has_table(ASSETS.name):
            self._clean_latest(connection)
        return count

    def _clean_latest(self, connection: sa.Connection) -> None:
        """The table of assets has a copy of each one's latest event."""
        query = sa.select(ASSETS).where(ASSETS.c.last_materialization.is_not(None))
        for number, event in connection.execute(query).fetchall():
            if any(f'"{partition}"' in event for partition in self.partitions):
                connection.execute(
                    sa.update(ASSETS)
                    .where(ASSETS.c.id == number)
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
