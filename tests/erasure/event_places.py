"""Dagster's events in SQLite's files and in PostgreSQL, for the same tests over both."""

import json
import re
import sqlite3
from pathlib import Path

import sqlalchemy as sa

from photosearch_assets.instance.home import open_instance
from tests.assets.conftest import Shop

IMAGE = re.compile(r"data:image/jpeg;base64,[A-Za-z0-9+/=]+")
STRIP = "![photos](data:image/jpeg;base64,AAAA)"


def event_of(window: str, at: float, text: str) -> tuple[str, str]:
    """An event's partition and its text, as far as an erasure reads it."""
    partition = window.partition("/")[2]
    return partition, json.dumps({"md_str": text, "timestamp": at, "partition": partition})


class Files:
    """Event databases as Dagster lays them out in files, made without Dagster."""

    copies = 2
    """Of an event: in its run's database and in the index."""

    def __init__(self, shop: Shop) -> None:
        self.home = shop.settings.own_dagster_home
        self.folder = self.home / "storage/history/runs"

    @property
    def databases(self) -> list[Path]:
        return sorted(self.home.rglob("*.db"))

    def materialised(
        self, run: str, window: str, *, at: float = 0.0, text: str = STRIP, indexed: bool = True
    ) -> None:
        partition, event = event_of(window, at, text)
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in (run, "index") if indexed else (run,):
            with sqlite3.connect(self.folder / f"{name}.db") as database:
                database.execute(
                    "CREATE TABLE IF NOT EXISTS event_logs (id INTEGER PRIMARY KEY, run_id, event,"
                    " dagster_event_type, asset_key, partition)"
                )
                database.execute(
                    "INSERT INTO event_logs (run_id, event, dagster_event_type, asset_key,"
                    " partition) VALUES (?, ?, 'ASSET_MATERIALIZATION', 'images', ?)",
                    (run, event, partition),
                )
            database.close()

    def events(self, run: str | None = None) -> list[tuple[str, str]]:
        """Partition and text of every event, or of those of one run."""
        found: list[tuple[str, str]] = []
        for path in self.databases if run is None else [self.folder / f"{run}.db"]:
            database = sqlite3.connect(path)
            there = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'event_logs'")
            if there.fetchone():
                found += database.execute("SELECT partition, event FROM event_logs").fetchall()
            database.close()
        return found

    def looked_at(self, runs: int) -> str:
        return f"{runs} runs of Dagster in ./.photosearch/dagster/storage/history/runs"


class Server(Files):
    """The same in a PostgreSQL database, which Dagster has made its tables in."""

    copies = 1

    def __init__(self, shop: Shop, url: str) -> None:
        super().__init__(shop)
        self.url = url
        shop.configure(dagster_database_url=url)
        with open_instance(shop.settings):
            pass

    def materialised(
        self, run: str, window: str, *, at: float = 0.0, text: str = STRIP, indexed: bool = True
    ) -> None:
        partition, event = event_of(window, at, text)
        self.run(
            'INSERT INTO event_logs (run_id, event, dagster_event_type, "timestamp", asset_key,'
            " partition) VALUES (:run, :event, 'ASSET_MATERIALIZATION', now(), 'images', :part)",
            run=run,
            event=event,
            part=partition,
        )

    def events(self, run: str | None = None) -> list[tuple[str, str]]:
        where = "" if run in (None, "index") else "WHERE run_id = :run"
        given = {} if run in (None, "index") else {"run": run}
        return self.run(f"SELECT partition, event FROM event_logs {where}", **given)

    def looked_at(self, runs: int) -> str:
        return f"Dagster's events in {self.url}"

    def run(self, sql: str, **given: object) -> list[tuple[str, str]]:
        engine = sa.create_engine(self.url, poolclass=sa.pool.NullPool)
        try:
            with engine.begin() as connection:
                done = connection.execute(sa.text(sql), given)
                return [tuple(row) for row in done] if done.returns_rows else []
        finally:
            engine.dispose()


def partitions_left(events: Files, run: str | None = None) -> list[str]:
    """The partitions with a strip, of one run or of all."""
    return [partition for partition, event in events.events(run) if "data:image" in event]


def texts(events: Files, run: str) -> list[str]:
    """The tables and strips of a run."""
    return [json.loads(event)["md_str"] for _, event in events.events(run)]
