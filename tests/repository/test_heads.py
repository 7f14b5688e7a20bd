"""HEAD: compare-and-swap under contention, rollback, and the listing of all windows."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from photosearch.repository.addresses import Address, Kind
from photosearch.repository.embedder_roles import Role, note, read_noted
from photosearch.repository.errors import ArtifactMissing, DamagedArtifact, HeadMoved
from photosearch.repository.heads import Head
from photosearch.repository.storage.port import Storage, TagMoved
from photosearch.repository.storage.written_by import without_writer
from photosearch.windows import Window
from tests.repository.artifacts import FINGERPRINT, HOUR, Shelf, end_of, in_process

WRITERS = 24


def test_head_names_the_version_it_was_moved_to(shelf: Shelf) -> None:
    made = shelf.publish(b"1")

    head = shelf.repository.move_head(HOUR, made.version, expected=None)

    assert shelf.reopened().head(HOUR) == head
    assert shelf.reopened().current(HOUR) == made
    content = (shelf.folder / HOUR.path / "HEAD").read_bytes()
    assert without_writer(content) == f"{made.version}\n".encode()


@pytest.mark.parametrize("content", [b"version", b"two\nlines\n", b""])
def test_an_object_is_read_as_it_was_put_and_as_it_is_after_a_refresh(
    shelf: Shelf, content: bytes
) -> None:
    tag = shelf.storage().replace("asked/something", content, None)

    read = shelf.storage().read("asked/something")
    assert read is not None
    assert (read.content, read.tag) == (content, tag)
    assert shelf.storage().refresh("asked/something")
    again = shelf.storage().read("asked/something")
    assert again is not None
    assert again.content == content


@pytest.mark.parametrize("role", list(Role))
def test_an_embedder_is_in_a_role_until_another_is_or_none(shelf: Shelf, role: Role) -> None:
    assert read_noted(shelf.repository, role) is None

    note(shelf.repository, role, "f" * 64)
    noted = read_noted(shelf.reopened(), role)
    assert noted is not None
    assert noted.fingerprint == "f" * 64

    note(shelf.repository, role, "")
    assert read_noted(shelf.reopened(), role) is None


def test_a_writer_that_saw_an_older_head_is_told_what_is_there_now(shelf: Shelf) -> None:
    first, second, third = (shelf.publish(content) for content in (b"1", b"2", b"3"))
    seen = shelf.repository.move_head(HOUR, first.version, None)
    shelf.repository.move_head(HOUR, second.version, seen)

    for stale in (seen, None):
        with pytest.raises(HeadMoved) as moved:
            shelf.repository.move_head(HOUR, third.version, stale)
        assert moved.value.found == second.version
    with pytest.raises(HeadMoved):
        shelf.repository.move_head(HOUR, third.version, Head(second.version, "another tag"))

    assert shelf.repository.current(HOUR) == second


def test_a_head_that_went_away_and_came_back_is_another_head(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = shelf.publish(b"1"), shelf.publish(b"2")
    monkeypatch.setattr(time, "time_ns", lambda: 1_800_000_000_000_000_000)  # one long tick
    seen = shelf.repository.set_head(HOUR, first.version)
    shelf.repository.set_head(HOUR, second.version)
    back = shelf.repository.set_head(HOUR, first.version)

    assert back.version == seen.version
    assert back.tag != seen.tag
    with pytest.raises(HeadMoved):
        shelf.repository.move_head(HOUR, second.version, seen)


def test_head_never_names_a_version_without_a_manifest(shelf: Shelf) -> None:
    with pytest.raises(ArtifactMissing):
        shelf.repository.move_head(HOUR, "0" * 16, None)
    with pytest.raises(ArtifactMissing):
        shelf.repository.set_head(HOUR, "0" * 16)
    with pytest.raises(ArtifactMissing):
        shelf.repository.rollback(HOUR, "0" * 16)

    assert shelf.repository.head(HOUR) is None


def test_of_24_threads_that_saw_one_head_one_moves_it(shelf: Shelf) -> None:
    versions = [shelf.publish(str(number).encode()).version for number in range(WRITERS)]
    expected = shelf.repository.set_head(HOUR, shelf.publish(b"first").version)
    together = threading.Barrier(WRITERS)

    def attempt(version: str) -> str | None:
        repository = shelf.reopened()
        together.wait()
        try:
            return repository.move_head(HOUR, version, expected).version
        except HeadMoved:
            return None

    with ThreadPoolExecutor(WRITERS) as pool:
        winners = [winner for winner in pool.map(attempt, versions) if winner is not None]

    assert len(winners) == 1
    assert shelf.reopened().head(HOUR) == shelf.repository.head(HOUR)
    assert shelf.repository.head(HOUR).version == winners[0]  # type: ignore[union-attr]


def test_of_24_processes_that_each_add_to_the_last_version_none_is_lost(
    folder_shelf: Shelf,
) -> None:
    def add_myself() -> None:
        repository = folder_shelf.reopened()
        folder_shelf.repository = repository
        while True:
            seen = repository.head(HOUR)
            after = "" if seen is None else seen.version
            made = folder_shelf.publish(f"{os.getpid()} {after}".encode(), details={"after": after})
            try:
                repository.move_head(HOUR, made.version, seen)
            except HeadMoved:
                continue
            return

    processes = [in_process(add_myself) for _ in range(WRITERS)]
    assert [end_of(process) for process in processes] == [0] * WRITERS

    length, version = 0, folder_shelf.repository.head(HOUR).version  # type: ignore[union-attr]
    while version:
        length += 1
        version = str(folder_shelf.repository.manifest(HOUR, version).details["after"])
    assert length == WRITERS
    assert list(folder_shelf.repository.verify()) == []


def test_two_processes_that_publish_one_version_at_once_both_get_it(folder_shelf: Shelf) -> None:
    content = os.urandom(1 << 20)

    def publish() -> None:
        folder_shelf.repository = folder_shelf.reopened()
        folder_shelf.made_current(content)

    processes = [in_process(publish) for _ in range(6)]

    assert [end_of(process) for process in processes] == [0] * 6
    (only,) = folder_shelf.repository.versions(HOUR)
    assert folder_shelf.repository.current(HOUR) == only
    assert list(folder_shelf.repository.verify()) == []


def test_publishers_who_know_of_no_lock_still_make_one_manifest(shelf: Shelf) -> None:
    """On a store without locks, and on a file system where flock does nothing."""
    storage = shelf.storage()
    together = threading.Barrier(WRITERS)

    def write(number: int) -> bool:
        files = {"vectors.npy": shelf.files(b"same")["vectors.npy"]} if number % 2 else {}
        together.wait()
        return storage.write_version("embedders/v", files, "manifest.json", b"%d" % number)

    with ThreadPoolExecutor(WRITERS) as pool:
        made = list(pool.map(write, range(WRITERS)))

    assert sum(made) == 1
    stored = storage.read("embedders/v/manifest.json")
    assert stored is not None
    assert stored.content.rstrip() == b"%d" % made.index(True)


def test_the_swap_itself_lets_one_of_24_writers_through(shelf: Shelf) -> None:
    together = threading.Barrier(WRITERS)

    def swap(number: int) -> bytes | None:
        storage = shelf.storage()
        together.wait()
        try:
            storage.replace("embedders/HEAD", b"%d" % number, None)
        except TagMoved:
            return None
        return b"%d" % number

    (shelf.folder / "embedders").mkdir(parents=True)
    with ThreadPoolExecutor(WRITERS) as pool:
        (winner,) = (each for each in pool.map(swap, range(WRITERS)) if each is not None)

    assert without_writer((shelf.folder / "embedders" / "HEAD").read_bytes()) == winner


def test_rolling_back_makes_an_earlier_version_current(shelf: Shelf) -> None:
    first = shelf.made_current(b"1")
    second = shelf.made_current(b"2")

    shelf.repository.rollback(HOUR, first.version)

    assert shelf.reopened().current(HOUR) == first
    assert shelf.reopened().versions(HOUR) == [second, first]


def test_setting_head_where_it_is_leaves_it(shelf: Shelf) -> None:
    made = shelf.made_current(b"1")
    head = shelf.repository.head(HOUR)

    assert shelf.repository.set_head(HOUR, made.version) == head


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"../../etc", b"two words\n"])
def test_a_damaged_head_is_a_clear_error_and_setting_it_repairs_it(
    shelf: Shelf, content: bytes
) -> None:
    made = shelf.made_current(b"1")
    (shelf.folder / HOUR.path / "HEAD").write_bytes(content)

    with pytest.raises(DamagedArtifact, match="HEAD names no version") as damage:
        shelf.repository.head(HOUR)
    assert damage.value.remedy
    assert shelf.repository.heads(FINGERPRINT, Kind.INDEX) == {}

    shelf.repository.set_head(HOUR, made.version)
    assert shelf.repository.current(HOUR) == made


def test_all_heads_of_a_kind_are_listed(shelf: Shelf) -> None:
    keys = ["hourly/2026-11-22T14", "hourly/2026-11-22T15", "daily/2026-11-21", "monthly/2026-10"]
    expected = {}
    for key in keys:
        window = Window.parse(key)
        expected[window] = shelf.made_current(
            key.encode(), Address.index(FINGERPRINT, window)
        ).version
        shelf.made_current(key.encode(), Address.embeddings(FINGERPRINT, window))
        shelf.made_current(key.encode(), Address.index("another", window))
    never_current = Address.index(FINGERPRINT, Window.parse("daily/2026-11-20"))
    shelf.publish(b"not current", never_current)
    (shelf.folder / "windows" / FINGERPRINT / "hourly" / "lost+found").mkdir()
    (shelf.folder / "windows" / FINGERPRINT / "hourly" / "notes.txt").write_text("mine")

    assert shelf.repository.heads(FINGERPRINT, Kind.INDEX) == expected
    assert shelf.repository.heads("no such", Kind.INDEX) == {}


def test_listing_again_reads_only_the_heads_that_moved(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = Window.parse("daily/2026-11-22").children()
    for hour in hours:
        shelf.made_current(b"1", Address.index(FINGERPRINT, hour))
    repository = shelf.reopened()
    before = repository.heads(FINGERPRINT, Kind.INDEX)
    read: list[str] = []
    kind = type(repository.storage)
    original = kind.read

    def watched(storage: Storage, path: str) -> object:
        read.append(path)
        return original(storage, path)

    moved = shelf.made_current(b"2", Address.index(FINGERPRINT, hours[3]))
    monkeypatch.setattr(kind, "read", watched)
    after = repository.heads(FINGERPRINT, Kind.INDEX)

    assert read == [Address.index(FINGERPRINT, hours[3]).head_path]
    assert after == before | {hours[3]: moved.version}
