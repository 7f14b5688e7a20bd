"""Dagster's event log loses the photos of an erased listing's hour, and nothing else."""

import json
import re
import sqlite3
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from photosearch_operations.erasure import strips
from photosearch_operations.erasure.check import still_there
from photosearch_operations.erasure.strips import GONE as MARK
from photosearch_operations.erasure.strips import DagsterNotCleaned, clean_strips
from tests.assets.by_hand import due
from tests.assets.conftest import START, Materialize, Shop, hours, instance, materialize
from tests.erasure.test_erase import erase, files_with

__all__ = ["instance", "materialize"]

_IMAGE = re.compile(r"data:image/jpeg;base64,[A-Za-z0-9+/=]+")


def materializations(instance: dg.DagsterInstance, name: str, partition: str) -> list[Any]:
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(dg.AssetKey(name), asset_partitions=[partition]), limit=10
    ).records
    return [record.asset_materialization for record in records]


def shown(instance: dg.DagsterInstance, name: str, partition: str) -> str:
    found = materializations(instance, name, partition)
    return " ".join(str(one.metadata) for one in found)


def databases(shop: Shop) -> list[Path]:
    return sorted(shop.settings.dagster_home.rglob("*.db"))


def strips_in(shop: Shop, partition: str) -> int:
    """The strips of a partition in all of Dagster's databases, shards of runs included."""
    count = 0
    for path in databases(shop):
        with sqlite3.connect(path) as connection:
            tables = connection.execute("SELECT name FROM sqlite_master WHERE name='event_logs'")
            if tables.fetchall():
                events = connection.execute(
                    "SELECT event FROM event_logs WHERE partition = ?", (partition,)
                )
                count += sum(len(_IMAGE.findall(event)) for (event,) in events)
        connection.close()
    return count


def test_the_strips_of_its_hour_go_and_those_of_others_stay(
    shop: Shop, instance: dg.DagsterInstance, materialize: Materialize
) -> None:
    shop.list_hours(3)
    shop.list_photo("broken.jpg", START + timedelta(hours=1, minutes=9), b"not a photo")
    assert materialize("embedder").success
    assert materialize("images", "embeddings", "hourly_index", windows=hours(0, 3)).success
    _, gone, other = (hour.start_text for hour in hours(0, 3))
    assert strips_in(shop, gone) == strips_in(shop, other) == 4  # of two assets, in two files
    assert "broken.jpg" in shown(instance, "embeddings", gone)

    receipt = erase(shop)

    assert receipt.strips == 2
    assert strips_in(shop, gone) == 0
    assert strips_in(shop, other) == 4
    assert MARK in shown(instance, "images", gone)
    assert "broken.jpg" in shown(instance, "embeddings", gone)
    [one] = materializations(instance, "embeddings", gone)
    assert one.metadata["rows"].value == 2
    materialized = instance.get_materialized_partitions(dg.AssetKey("images"))
    assert {gone, other} <= set(materialized)  # nothing is asked for again

    erase(shop, "listing of broken.jpg")

    assert "broken.jpg" not in shown(instance, "embeddings", gone)
    assert len(materializations(instance, "embeddings", gone)) == 1
    assert [hour.start_text for hour in due(shop).images] == [
        hour.start_text for hour in hours(3, 21)
    ]


def test_no_byte_of_a_strip_is_left_in_the_databases_files(
    shop: Shop, materialize: Materialize
) -> None:
    shop.list_hours(2, photos=1)
    assert materialize("embedder").success
    assert materialize("images", windows=hours(0, 2)).success
    gone = hours(1, 1)[0].start_text
    with sqlite3.connect(next(p for p in databases(shop) if p.name == "index.db")) as connection:
        events = connection.execute("SELECT event FROM event_logs WHERE partition = ?", (gone,))
        [strip] = {found for (event,) in events for found in _IMAGE.findall(event)}
    connection.close()
    # In pieces, for a long text lies in several pages; its tables, before, are those of any JPEG.
    pieces = [strip[first : first + 60].encode() for first in range(900, len(strip) - 60, 60)]
    assert len(files_with(shop, *pieces)) >= 2

    erase(shop, "p1.png")

    assert files_with(shop, *pieces) == []


HOUR = hours(1, 1)[0]
_RUNS = "storage/history/runs"


class Events:
    """Event databases as Dagster lays them out, without Dagster."""

    def __init__(self, shop: Shop) -> None:
        self.folder = shop.settings.dagster_home / _RUNS
        self.folder.mkdir(parents=True)

    def materialised(
        self,
        run: str,
        window: str,
        *,
        at: float = 0.0,
        text: str = "![photos](data:image/jpeg;base64,AAAA)",
        indexed: bool = True,
    ) -> None:
        partition = window.partition("/")[2]
        event = json.dumps({"md_str": text, "timestamp": at, "partition": partition})
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

    def left(self, name: str) -> list[str]:
        """The partitions with a strip in one database."""
        database = sqlite3.connect(self.folder / f"{name}.db")
        found = database.execute("SELECT partition FROM event_logs WHERE event LIKE '%data:image%'")
        partitions = [partition for (partition,) in found]
        database.close()
        return partitions

    def texts(self, name: str) -> list[str]:
        """The tables and strips in one database."""
        database = sqlite3.connect(self.folder / f"{name}.db")
        found = database.execute("SELECT event FROM event_logs").fetchall()
        database.close()
        return [json.loads(event)["md_str"] for (event,) in found]


def test_strips_that_the_index_does_not_know_go_too(shop: Shop) -> None:
    """As after an erasure that was killed between the two, or of an asset that was wiped."""
    events = Events(shop)
    events.materialised("one", HOUR.key, indexed=False)
    events.materialised("two", HOUR.key)

    cleaned = clean_strips(shop.settings, [HOUR.key], [])

    assert events.left("one") == events.left("two") == events.left("index") == []
    assert cleaned.strips == 1
    assert cleaned.looked_at == ["2 runs of Dagster in ./.photosearch/dagster/storage/history/runs"]


def test_a_strip_of_a_former_hour_of_the_listing_goes_and_a_current_one_stays(shop: Shop) -> None:
    """It was listed anew: nothing else tells that its photo was in that hour."""
    events, other = Events(shop), hours(5, 1)[0].key
    events.materialised("first", other)
    events.materialised("second", other)

    clean_strips(shop.settings, [HOUR.key], [])

    assert events.left("first") == []
    assert events.left("second") == events.left("index") == [other.partition("/")[2]]


def test_killed_between_runs_and_index_it_is_finished_by_running_it_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = Events(shop)
    events.materialised("one", HOUR.key)
    events.materialised("two", HOUR.key)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(strips, "_write_back", die)
        with pytest.raises(KeyboardInterrupt):
            clean_strips(shop.settings, [HOUR.key], [])
    assert events.left("index")

    assert clean_strips(shop.settings, [HOUR.key], []).strips == 2
    assert events.left("one") == events.left("two") == events.left("index") == []


def test_a_database_that_can_not_be_read_leaves_the_erasure_open(made: Shop) -> None:
    events = Events(made)
    (events.folder / "broken.db").write_bytes(b"no database, but of the length of one" * 99)

    with pytest.raises(DagsterNotCleaned, match=r"broken\.db can't be searched"):
        erase(made)

    assert any("the erasure is not finished" in one for one in still_there(made.settings))
    (events.folder / "broken.db").unlink()
    assert erase(made).finished_at is not None


def test_without_a_home_it_says_that_there_was_none(made: Shop) -> None:
    receipt = erase(made)

    assert receipt.strips == 0
    assert receipt.looked_at == ["no run of Dagster in ./.photosearch/dagster"]


def test_verify_finds_strips_from_before_that_came_back_and_no_others(made: Shop) -> None:
    events, partition = Events(made), HOUR.start_text
    began = time.time()
    erase(made)
    events.materialised("later", HOUR.key, at=time.time() + 60)
    events.materialised("other", hours(5, 1)[0].key, at=began)
    looked_at: list[str] = []
    assert list(still_there(made.settings, looked_at=looked_at)) == []
    assert "2 runs of Dagster in ./.photosearch/dagster/storage/history/runs" in looked_at

    events.materialised("before", HOUR.key, at=began - 60, indexed=False)

    [found] = still_there(made.settings)
    assert f"a strip of photos of {partition} from before an erasure" in found
    erase(made)
    assert list(still_there(made.settings)) == []


def test_verify_finds_an_event_that_names_a_photo(made: Shop) -> None:
    events = Events(made)
    erase(made)
    odd = made.list_photo('a|b "c".png', HOUR.start + timedelta(minutes=9), b"no photo")
    erase(made, odd.listing_id)
    rows = ["| p2.png | is gone |", "| p3.png | is \\| gone |", '| a\\|b "c".png | no |']
    table = "\n".join(["| photo | reason |", "| --- | --- |", *rows])
    events.materialised("again", HOUR.key, at=time.time() + 60, text=table)

    found = list(still_there(made.settings))

    assert len(found) == 2  # the run's database, and the index
    assert all("names a photo that was erased" in one for one in found)
    erase(made)
    assert len(list(still_there(made.settings))) == 2
    erase(made, odd.listing_id)
    [left] = events.texts("again")
    assert left.splitlines()[2:] == [
        "| p2.png | is gone |",
        f"| {MARK} | {MARK} |",
        f"| {MARK} | {MARK} |",
    ]
    assert list(still_there(made.settings)) == []
