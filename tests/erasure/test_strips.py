"""Dagster's event log loses the photos of an erased listing's hour, and nothing else."""

import base64
import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
import numpy as np
import pytest
import sqlalchemy as sa

from photosearch_operations.erasure import events_in_files, events_on_a_server
from photosearch_operations.erasure.check import still_there
from photosearch_operations.erasure.event_stores import DagsterNotCleaned
from photosearch_operations.erasure.events_on_a_server import EventsOnAServer
from photosearch_operations.erasure.strips import GONE as MARK
from photosearch_operations.erasure.strips import IMAGE as IMAGE_OF
from photosearch_operations.erasure.strips import clean_strips
from tests.assets.by_hand import due
from tests.assets.conftest import START, Materialize, Shop, hours, instance, materialize
from tests.erasure.event_places import IMAGE, Files, Server, partitions_left, texts
from tests.erasure.test_erase import erase, files_with

__all__ = ["instance", "materialize"]


def materializations(instance: dg.DagsterInstance, name: str, partition: str) -> list[Any]:
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(dg.AssetKey(name), asset_partitions=[partition]), limit=10
    ).records
    return [record.asset_materialization for record in records]


def shown(instance: dg.DagsterInstance, name: str, partition: str) -> str:
    found = materializations(instance, name, partition)
    return " ".join(str(one.metadata) for one in found)


@pytest.fixture(params=["files", pytest.param("postgresql", marks=pytest.mark.postgres)])
def events(request: pytest.FixtureRequest, shop: Shop) -> Files:
    """Where Dagster has its events, in both ways."""
    if request.param == "files":
        return Files(shop)
    return Server(shop, request.getfixturevalue("postgres_url"))


def strips_of(events: Files, partition: str) -> int:
    """The strips of a partition in all of Dagster's databases, those of runs included."""
    found = [event for where, event in events.events() if where == partition]
    return sum(len(IMAGE.findall(event)) for event in found)


def test_the_strips_of_its_hour_go_and_those_of_others_stay(
    events: Files, shop: Shop, instance: dg.DagsterInstance, materialize: Materialize
) -> None:
    shop.list_hours(3)
    shop.list_photo("broken.jpg", START + timedelta(hours=1, minutes=9), b"not a photo")
    assert materialize("embedder").success
    assert materialize("images", "embeddings", "hourly_index", windows=hours(0, 3)).success
    _, gone, other = (hour.start_text for hour in hours(0, 3))
    assert strips_of(events, gone) == strips_of(events, other) == 2 * events.copies
    assert "broken.jpg" in shown(instance, "embeddings", gone)

    receipt = erase(shop)

    assert receipt.strips == 2
    assert strips_of(events, gone) == 0
    assert strips_of(events, other) == 2 * events.copies
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
    events = [event for where, event in Files(shop).events() if where == gone]
    [strip] = {found for event in events for found in IMAGE.findall(event)}
    # In pieces, for a long text lies in several pages; its tables, before, are those of any JPEG.
    pieces = [strip[first : first + 60].encode() for first in range(900, len(strip) - 60, 60)]
    assert len(files_with(shop, *pieces)) >= 2

    erase(shop, "p1.png")

    assert files_with(shop, *pieces) == []


HOUR = hours(1, 1)[0]


def test_strips_that_the_index_does_not_know_go_too(shop: Shop) -> None:
    """As after an erasure that was killed between the two, or of an asset that was wiped."""
    events = Files(shop)
    events.materialised("one", HOUR.key, indexed=False)
    events.materialised("two", HOUR.key)

    cleaned = clean_strips(shop.settings, [HOUR.key], [])

    assert partitions_left(events) == []
    assert cleaned.strips == 1
    assert cleaned.looked_at == [events.looked_at(2)]


def test_a_strip_of_a_former_hour_of_the_listing_goes_and_a_current_one_stays(
    events: Files, shop: Shop
) -> None:
    """It was listed anew: nothing else tells that its photo was in that hour."""
    other = hours(5, 1)[0].key
    events.materialised("first", other)
    events.materialised("second", other)

    clean_strips(shop.settings, [HOUR.key], [])

    assert partitions_left(events, "first") == []
    assert partitions_left(events, "second") == [other.partition("/")[2]]
    assert partitions_left(events, "index") == [other.partition("/")[2]]


def test_killed_between_runs_and_index_it_is_finished_by_running_it_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = Files(shop)
    events.materialised("one", HOUR.key)
    events.materialised("two", HOUR.key)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(events_in_files, "_write_back", die)
        with pytest.raises(KeyboardInterrupt):
            clean_strips(shop.settings, [HOUR.key], [])
    assert partitions_left(events, "index")

    assert clean_strips(shop.settings, [HOUR.key], []).strips == 2
    assert partitions_left(events) == []


def test_a_database_that_can_not_be_read_leaves_the_erasure_open(made: Shop) -> None:
    events = Files(made)
    events.folder.mkdir(parents=True)
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


def test_verify_finds_strips_from_before_that_came_back_and_no_others(
    made: Shop, events: Files
) -> None:
    partition = HOUR.start_text
    began = time.time()
    erase(made)
    events.materialised("later", HOUR.key, at=time.time() + 60)
    events.materialised("other", hours(5, 1)[0].key, at=began)
    looked_at: list[str] = []
    assert list(still_there(made.settings, looked_at=looked_at)) == []
    assert events.looked_at(2) in looked_at

    events.materialised("before", HOUR.key, at=began - 60, indexed=False)

    [found] = still_there(made.settings)
    assert f"a strip of photos of {partition} from before an erasure" in found
    erase(made)
    assert list(still_there(made.settings)) == []


def test_verify_finds_an_event_that_names_a_photo(made: Shop, events: Files) -> None:
    erase(made)
    odd = made.list_photo('a|b "c".png', HOUR.start + timedelta(minutes=9), b"no photo")
    erase(made, odd.listing_id)
    rows = ["| p2.png | is gone |", "| p3.png | is \\| gone |", '| a\\|b "c".png | no |']
    table = "\n".join(["| photo | reason |", "| --- | --- |", *rows])
    events.materialised("again", HOUR.key, at=time.time() + 60, text=table)

    found = list(still_there(made.settings))

    assert len(found) == events.copies
    assert all("names a photo that was erased" in one for one in found)
    erase(made)
    assert len(list(still_there(made.settings))) == events.copies
    erase(made, odd.listing_id)
    [left] = texts(events, "again")
    assert left.splitlines()[2:] == [
        "| p2.png | is gone |",
        f"| {MARK} | {MARK} |",
        f"| {MARK} | {MARK} |",
    ]
    assert list(still_there(made.settings)) == []


@pytest.fixture
def server(shop: Shop, postgres_url: str) -> Server:
    """A database in which both hours' strips were recorded by Dagster's tables."""
    server = Server(shop, postgres_url)
    # No text that PostgreSQL could pack, and longer than a row of a page.
    for number, hour in enumerate(hours(0, 2)):
        draw = np.random.default_rng(number)
        strip = base64.b64encode(draw.bytes(6000)).decode()
        server.materialised(f"run {number}", hour.key, text=f"![photos]({IMAGE_OF}{strip})")
    return server


def pieces_of(server: Server, partition: str) -> list[bytes]:
    [event] = [event for where, event in server.events() if where == partition]
    [strip] = IMAGE.findall(event)
    return [strip[first : first + 30].encode() for first in range(90, len(strip) - 30, 60)]


def tables_with(server: Server, pieces: list[bytes]) -> list[Path]:
    """The files of tables, on the server's own disk, that hold one of these bytes."""
    server.run("CHECKPOINT")
    [(folder, number)] = server.run(
        "SELECT current_setting('data_directory'), oid::text FROM pg_database"
        " WHERE datname = current_database()"
    )
    files = (Path(folder) / "base" / number).glob("[0-9]*")  # others come and go
    return [file for file in files if any(piece in file.read_bytes() for piece in pieces)]


@pytest.mark.postgres
def test_no_byte_of_a_strip_is_left_in_the_files_of_postgresqls_tables(
    server: Server, shop: Shop
) -> None:
    gone, stays = (pieces_of(server, hour.start_text) for hour in hours(0, 2))
    assert tables_with(server, gone)

    cleaned = clean_strips(shop.settings, [hours(0, 1)[0].key], [])

    assert cleaned.strips == 1
    assert tables_with(server, gone) == []
    assert tables_with(server, stays)
    [note] = cleaned.notes
    assert "write-ahead log" in note
    assert "backups" in note


@pytest.mark.postgres
def test_an_erasure_that_was_killed_before_the_tables_were_written_anew_is_finished(
    server: Server, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = pieces_of(server, hours(0, 1)[0].start_text)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(EventsOnAServer, "_write_anew", die)
        with pytest.raises(KeyboardInterrupt):
            clean_strips(shop.settings, [hours(0, 1)[0].key], [])
    assert partitions_left(server) == [hours(1, 1)[0].start_text]
    assert tables_with(server, gone)

    clean_strips(shop.settings, [hours(0, 1)[0].key], [])

    assert tables_with(server, gone) == []


@pytest.mark.postgres
@pytest.mark.parametrize("table", ["event_logs", "asset_keys"])
def test_a_table_that_is_held_and_rows_that_may_still_be_seen_leave_the_erasure_open(
    server: Server, shop: Shop, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_on_a_server, "LOCK_TIMEOUT_S", 1)
    engine = sa.create_engine(server.url, isolation_level="REPEATABLE READ")
    with engine.connect() as other:
        # One that has looked at the events holds them; at anything else, only their former rows.
        other.execute(sa.text(f"SELECT count(*) FROM {'runs' if table == 'asset_keys' else table}"))

        with pytest.raises(DagsterNotCleaned, match="run this again") as open_still:
            clean_strips(shop.settings, [hours(0, 1)[0].key], [])

    engine.dispose()
    told = str(open_still.value)
    assert ("lock timeout" in told) == (table == "event_logs")
    assert ("older transaction" in told) == (table == "asset_keys")
    assert clean_strips(shop.settings, [hours(0, 1)[0].key], []).notes


@pytest.mark.postgres
def test_tables_of_another_owner_are_told_of(server: Server, shop: Shop, postgres_url: str) -> None:
    guest = f"guest_{uuid4().hex}"
    server.run(f"CREATE ROLE {guest} LOGIN")
    server.run(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {guest}")
    server.run(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {guest}")
    shop.configure(dagster_database_url=postgres_url.replace("postgres@", f"{guest}@"))

    cleaned = clean_strips(shop.settings, [hours(0, 1)[0].key], [])

    server.run(f"DROP OWNED BY {guest}")
    server.run(f"DROP ROLE {guest}")
    assert cleaned.strips == 1
    assert any("VACUUM FULL event_logs" in note for note in cleaned.notes)
