"""What gc may take, and what it must never take."""

import os
import threading
import time
from datetime import timedelta
from typing import Any

import pytest

from photosearch.repository.addresses import Address
from photosearch.repository.embedder_roles import Role, note
from photosearch.repository.errors import NewerFormat, StorageError
from photosearch.repository.manifest import Input
from photosearch.repository.retention import DROPPED, collect, newest
from photosearch.windows import Window
from tests.repository.artifacts import FINGERPRINT, HOUR, Shelf, as_input

AT_ONCE = timedelta(0)
ONLY_NEEDED = newest(0)
DAY = Address.index(FINGERPRINT, Window.parse("daily/2026-11-22"))
VECTORS = Address.embeddings(FINGERPRINT, Window.parse("hourly/2026-11-22T14"))


def test_old_versions_beyond_the_retention_rule_go(shelf: Shelf) -> None:
    made = [shelf.made_current(b"%d" % number) for number in range(5)]

    report = collect(shelf.repository, keep=newest(2), grace=AT_ONCE)

    assert shelf.reopened().versions(HOUR) == [made[4], made[3]]
    assert {item.version for item in report.removed} == {one.version for one in made[:3]}
    assert report.size_bytes > 0
    assert report.kept == 2
    assert not shelf.version_folder(made[0]).exists()


def test_what_head_names_stays_however_old(shelf: Shelf) -> None:
    first = shelf.made_current(b"1")
    second = shelf.made_current(b"2")
    shelf.repository.rollback(HOUR, first.version)
    shelf.make_old(shelf.folder)

    collect(shelf.repository, keep=ONLY_NEEDED, grace=timedelta(days=1))

    assert shelf.reopened().versions(HOUR) == [first]
    assert second.version not in "".join(shelf.names())


def test_nothing_younger_than_the_grace_period_goes(shelf: Shelf) -> None:
    old, young = shelf.publish(b"old"), shelf.publish(b"young")
    shelf.make_old(shelf.version_folder(old))

    collect(shelf.repository, keep=ONLY_NEEDED, grace=timedelta(days=1))

    assert shelf.reopened().versions(HOUR) == [young]


def test_what_a_serving_holds_stays(shelf: Shelf) -> None:
    held, other = shelf.publish(b"held"), shelf.publish(b"other")
    shelf.made_current(b"current")

    collect(shelf.repository, keep=ONLY_NEEDED, grace=AT_ONCE, in_use=[(HOUR, held.version)])

    assert {one.version for one in shelf.repository.versions(HOUR)} > {held.version}
    assert other not in shelf.reopened().versions(HOUR)


def test_what_the_kept_was_made_from_stays_back_to_the_embedder(shelf: Shelf) -> None:
    embedder = shelf.publish(b"network", Address.embedders(), version=FINGERPRINT)
    shelf.publish(b"network nobody uses", Address.embedders(), version="f2")
    quantiser = shelf.publish(b"codebook", Address.quantisers(FINGERPRINT))
    vectors = shelf.publish(b"vectors", VECTORS, inputs=[as_input(embedder)])
    hour = shelf.made_current(
        b"hour",
        inputs=[as_input(vectors), Input(kind="catalogue", window=None, version="c", digest="d")],
        quantiser=quantiser.version,
    )
    day = shelf.glued("daily/2026-11-22", [hour])
    month = shelf.glued("monthly/2026-11", [day])
    later_vectors = shelf.made_current(b"later vectors", VECTORS)
    later = shelf.made_current(b"later hour", inputs=[as_input(later_vectors)])

    collect(shelf.repository, keep=ONLY_NEEDED, grace=AT_ONCE)

    seen = shelf.reopened()
    assert seen.versions(HOUR) == [later, hour]  # the day was made from the older one
    assert seen.versions(VECTORS) == [later_vectors, vectors]
    assert seen.versions(Address.quantisers(FINGERPRINT)) == [quantiser]
    assert seen.versions(Address.embedders()) == [embedder]
    assert seen.current(Address.index(FINGERPRINT, Window.parse("monthly/2026-11"))) == month
    assert list(seen.verify()) == []


def test_a_dry_run_tells_and_takes_nothing(shelf: Shelf) -> None:
    for number in range(4):
        shelf.made_current(b"%d" % number)
    before = shelf.names()

    told = collect(shelf.repository, keep=newest(1), grace=AT_ONCE, dry_run=True)

    assert shelf.names() == before
    done = collect(shelf.repository, keep=newest(1), grace=AT_ONCE)
    assert told.removed == done.removed
    assert told.kept == done.kept == 1


def test_a_folder_that_can_not_be_read_ends_a_gc_before_anything_goes(
    folder_shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unread, the day would need its hour's version no more."""
    hour = folder_shelf.made_current(b"taken by the day")
    day = folder_shelf.glued("daily/2026-11-22", [hour])
    folder_shelf.made_current(b"newer")
    before, read = folder_shelf.names(), os.scandir
    shut = str(folder_shelf.version_folder(day, DAY))

    def refuse(path: Any = ".") -> Any:
        if path == shut:
            raise PermissionError(13, "Permission denied", path)
        return read(path)

    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", refuse)
        with pytest.raises(StorageError, match="Permission denied"):
            collect(folder_shelf.reopened(), keep=ONLY_NEEDED, grace=AT_ONCE)
        with pytest.raises(StorageError, match="Permission denied"):
            list(folder_shelf.reopened().verify())

    assert folder_shelf.names() == before


def test_half_written_versions_go_when_the_grace_period_is_over(folder_shelf: Shelf) -> None:
    made = folder_shelf.made_current(b"whole")
    killed, writing = (folder_shelf.publish(content) for content in (b"killed", b"being written"))
    for half in (killed, writing):
        (folder_shelf.version_folder(half) / "manifest.json").unlink()
    (folder_shelf.version_folder(killed) / "manifest.json#12-34").write_text("{")
    (folder_shelf.folder / HOUR.path / "HEAD#12-34").write_text("x")
    folder_shelf.make_old(folder_shelf.version_folder(killed))
    folder_shelf.make_old(folder_shelf.folder / HOUR.path / "HEAD#12-34")

    report = collect(folder_shelf.repository, keep=newest(1), grace=timedelta(days=1))

    assert [item.version for item in report.removed if item.version] == [killed.version]
    assert not folder_shelf.version_folder(killed).exists()
    assert not any("#" in name for name in folder_shelf.names())
    assert (folder_shelf.version_folder(writing) / "vectors.npy").exists()
    assert folder_shelf.repository.current(HOUR) == made


def test_a_publish_that_finds_its_version_there_makes_it_young(shelf: Shelf) -> None:
    made = shelf.publish(b"1")
    shelf.made_current(b"2")
    shelf.make_old(shelf.folder)

    shelf.publish(b"1")
    collect(shelf.repository, keep=ONLY_NEEDED, grace=timedelta(days=1))

    assert shelf.repository.set_head(HOUR, made.version).version == made.version


@pytest.mark.parametrize("use", ["publish", "set_head"])
def test_a_version_that_comes_into_use_during_gc_stays(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, use: str
) -> None:
    made = shelf.publish(b"1")
    shelf.made_current(b"2")
    shelf.make_old(shelf.folder)
    repository = shelf.repository
    original = repository.storage.fence

    def meanwhile(name: str, *, wait: bool = True) -> object:
        if not wait:  # gc is about to delete
            monkeypatch.setattr(repository.storage, "fence", original)
            if use == "publish":
                shelf.publish(b"1")
            else:
                shelf.reopened().set_head(HOUR, made.version)
        return original(name, wait=wait)

    monkeypatch.setattr(repository.storage, "fence", meanwhile)
    report = collect(repository, keep=ONLY_NEEDED, grace=timedelta(days=1))

    assert report.busy == [HOUR]
    assert shelf.reopened().set_head(HOUR, made.version).version == made.version
    assert list(shelf.reopened().verify()) == []


def test_an_address_that_is_being_written_is_left_for_the_next_time(folder_shelf: Shelf) -> None:
    folder_shelf.publish(b"1")
    folder_shelf.made_current(b"2")

    with folder_shelf.repository.storage.fence(HOUR.path):
        report = collect(folder_shelf.repository, keep=ONLY_NEEDED, grace=AT_ONCE)

    assert report.busy == [HOUR]
    assert report.removed == []
    assert len(folder_shelf.repository.versions(HOUR)) == 2


def test_gc_beside_running_publishes_never_takes_what_they_made(folder_shelf: Shelf) -> None:
    ended, failures = threading.Event(), []

    def publish(name: str) -> None:
        mine = folder_shelf.beside(name)
        try:
            number = 0
            while not ended.is_set():
                number += 1
                # Every second one comes back, and must not be taken while it does.
                version = number % 14 if number % 2 else number
                mine.made_current(f"{name} {version}".encode())
                time.sleep(0.02)  # an address that is always being written is never cleared
        except Exception as error:
            failures.append(error)

    writers = [threading.Thread(target=publish, args=(name,)) for name in ("a", "b")]
    for writer in writers:
        writer.start()
    removed = 0
    for _ in range(25):
        report = collect(folder_shelf.reopened(), keep=ONLY_NEEDED, grace=timedelta(seconds=0.3))
        removed += len(report.removed)
        time.sleep(0.05)
    ended.set()
    for writer in writers:
        writer.join()

    assert failures == []
    assert removed > 0
    assert list(folder_shelf.reopened().verify()) == []
    assert folder_shelf.reopened().current(HOUR) is not None


def test_where_a_later_release_has_written_nothing_is_taken(shelf: Shelf) -> None:
    for number in range(4):
        shelf.made_current(b"%d" % number)
    later = shelf.version_folder(shelf.publish(b"later")) / "manifest.json"
    later.write_text(later.read_text().replace('"format": 1', '"format": 2'))
    assert '"format": 2' in later.read_text()
    before = shelf.names()

    with pytest.raises(NewerFormat):
        collect(shelf.reopened(), keep=ONLY_NEEDED, grace=AT_ONCE)

    assert shelf.names() == before


def test_a_damaged_head_keeps_all_its_versions(shelf: Shelf) -> None:
    made = [shelf.made_current(b"%d" % number) for number in range(3)]
    (shelf.folder / HOUR.path / "HEAD").write_bytes(b"")

    collect(shelf.repository, keep=ONLY_NEEDED, grace=AT_ONCE)

    assert shelf.reopened().versions(HOUR) == made[::-1]


def embedded(shelf: Shelf, fingerprint: str) -> Address:
    """An embedder, its quantiser and an hour that it made, all current at their addresses."""
    shelf.publish(fingerprint.encode(), Address.embedders(), version=fingerprint)
    codebook = shelf.made_current(b"codebook", Address.quantisers(fingerprint))
    hour = Address.index(fingerprint, Window.parse("hourly/2026-11-22T14"))
    shelf.made_current(b"hour", hour, quantiser=codebook.version)
    return hour


@pytest.mark.parametrize("role", ["current", *Role])
def test_what_an_embedder_of_a_role_made_stays(shelf: Shelf, role: str) -> None:
    hour = embedded(shelf, "f7")
    embedded(shelf, "f8")
    shelf.repository.set_head(Address.embedders(), "f7" if role == "current" else "f8")
    if role != "current":
        note(shelf.repository, Role(role), "f7")
    shelf.make_old(shelf.folder)

    collect(shelf.repository, keep=ONLY_NEEDED, grace=timedelta(days=1))

    assert shelf.reopened().current(hour) is not None
    assert list(shelf.reopened().verify()) == []


def test_what_a_dropped_embedder_made_goes_and_can_be_made_again(shelf: Shelf) -> None:
    hour, current = embedded(shelf, "f7"), embedded(shelf, "f8")
    shelf.repository.set_head(Address.embedders(), "f8")
    shelf.make_old(shelf.folder)

    report = collect(shelf.repository, keep=newest(2), grace=timedelta(days=1))

    assert {item.reason for item in report.removed} == {DROPPED}
    seen = shelf.reopened()
    assert seen.head(hour) is None
    assert seen.versions(hour) == seen.versions(Address.quantisers("f7")) == []
    assert seen.current(current) is not None
    assert list(seen.verify()) == []
    assert embedded(shelf, "f7") == hour
    assert shelf.reopened().current(hour) is not None


def test_what_a_dropped_embedder_made_stays_while_it_is_young_pinned_or_served(
    shelf: Shelf,
) -> None:
    young, pinned, served = (embedded(shelf, name) for name in ("f5", "f6", "f7"))
    shelf.publish(b"f8", Address.embedders(), version="f8")
    shelf.repository.set_head(Address.embedders(), "f8")
    of = {hour: shelf.repository.current(hour) for hour in (young, pinned, served)}
    shelf.repository.rollback(pinned, of[pinned].version)  # type: ignore[union-attr]
    shelf.make_old(shelf.folder)
    shelf.repository.set_head(young, of[young].version)  # type: ignore[union-attr]
    shelf.repository.storage.refresh(young.manifest_path(of[young].version))  # type: ignore[union-attr]

    collect(
        shelf.repository,
        keep=ONLY_NEEDED,
        grace=timedelta(days=1),
        in_use=[(served, of[served].version)],  # type: ignore[union-attr]
    )

    seen = shelf.reopened()
    assert {hour: seen.current(hour) for hour in of} == of


def test_an_embedder_that_is_prepared_again_while_gc_works_keeps_what_it_made(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    hour = embedded(shelf, "f7")
    embedded(shelf, "f8")
    shelf.repository.set_head(Address.embedders(), "f8")
    shelf.make_old(shelf.folder)
    repository = shelf.repository
    original = repository.storage.fence

    def meanwhile(name: str, *, wait: bool = True) -> object:
        if not wait:  # gc is about to delete
            note(shelf.reopened(), Role.NEXT, "f7")
        return original(name, wait=wait)

    monkeypatch.setattr(repository.storage, "fence", meanwhile)
    report = collect(repository, keep=ONLY_NEEDED, grace=timedelta(days=1))

    assert report.removed == []
    assert shelf.reopened().current(hour) is not None


def test_files_that_are_no_artifacts_are_left_alone(shelf: Shelf) -> None:
    shelf.made_current(b"1")
    strange = [
        shelf.folder / "notes.txt",
        shelf.folder / "windows" / "readme" / "x",
        shelf.folder / "windows" / FINGERPRINT / "weekly" / "2026-11" / "index" / "v" / "file",
    ]
    for file in strange:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("mine")
    shelf.make_old(shelf.folder)

    collect(shelf.repository, keep=ONLY_NEEDED, grace=AT_ONCE)

    assert all(file.exists() for file in strange)
