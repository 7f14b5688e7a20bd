"""Dagster's event log loses the photos of an erased listing's hour, and nothing else."""

import re
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from photosearch_assets.erasure.strips import GONE as MARK
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
