"""Looks at all windows: what they cost, and what summaries may and may not tell them."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from photosearch.repository import watch
from photosearch.repository.addresses import MANIFEST, Address, Kind
from photosearch.repository.errors import StorageError
from photosearch.repository.facts import facts_of
from photosearch.repository.heads import Current
from photosearch.repository.manifest import Input, Manifest
from photosearch.repository.repository import Repository
from photosearch.repository.retention import collect, newest
from photosearch.repository.storage.port import Stored
from photosearch.repository.summaries import FOLDER, read_summaries, summary_path
from photosearch.windows import Window
from tests.repository.artifacts import FINGERPRINT, Shelf
from tests.stores.bucket_shelf import BucketShelf
from tests.stores.fixtures import PROTOCOLS, new_bucket

MONTH = "2026-11"
DAY = Window.parse("daily/2026-11-22")
HOURS = DAY.children()


@pytest.fixture(params=PROTOCOLS)
def far(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """A repository in a bucket, in which a summary is worth it for two windows."""
    monkeypatch.setattr(watch, "_MANY", 2)
    return BucketShelf(new_bucket(request, request.param), tmp_path / "work")


def made(shelf: Shelf, window: Window, content: bytes = b"1") -> Manifest:
    return shelf.made_current(content, Address.index(FINGERPRINT, window), rows=3, quantiser="q1")


def reads(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """What is read of the repository from now on, by the last name of its path."""
    found: Counter[str] = Counter()
    original: Callable[[str], Stored | None] = repository.storage.read

    def watched(path: str) -> Stored | None:
        found[FOLDER if path.startswith(FOLDER) else path.rpartition("/")[2]] += 1
        return original(path)

    monkeypatch.setattr(repository.storage, "read", watched)
    return found


def summarised(shelf: Shelf, count: int = 3) -> list[Manifest]:
    """Some hours, of which a summary tells."""
    manifests = [made(shelf, window) for window in HOURS[:count]]
    look(shelf.repository)
    shelf.repository.write_summaries()
    return manifests


def look(repository: Repository) -> dict[Window, str]:
    """The versions of a look, and that it knows of each."""
    seen = repository.look(FINGERPRINT, Kind.INDEX)
    assert seen.facts.keys() == seen.current.keys()
    for window, facts in seen.facts.items():
        manifest = repository.manifest(Address.index(FINGERPRINT, window), facts.version)
        assert facts == facts_of(manifest)
    return {window: one.version for window, one in seen.current.items()}


def test_while_nothing_moves_a_look_is_the_look_before(shelf: Shelf) -> None:
    made(shelf, HOURS[0])
    first = shelf.repository.look(FINGERPRINT, Kind.INDEX)
    assert len(first.facts) == 1

    assert shelf.repository.look(FINGERPRINT, Kind.INDEX) is first
    embeddings, indexes = shelf.repository.look_at_both(FINGERPRINT)
    assert (indexes is first, dict(embeddings.current)) == (True, {})

    newer = made(shelf, HOURS[1])
    second = shelf.repository.look(FINGERPRINT, Kind.INDEX)
    assert second is not first
    assert second.current[HOURS[1]] == Current(newer.version)
    assert len(first.current) == len(first.facts) == 1


def test_what_is_worked_out_of_a_look_is_worked_out_once(shelf: Shelf) -> None:
    made(shelf, HOURS[0])
    worked: list[object] = []

    def work(seen: watch.Look) -> int:
        worked.append(seen)
        return len(seen.current)

    assert [shelf.repository.look(FINGERPRINT, Kind.INDEX).once(work) for _ in range(3)] == [1] * 3
    assert len(worked) == 1


def test_a_manifest_that_comes_back_is_seen_though_no_head_moved(shelf: Shelf) -> None:
    manifest = made(shelf, HOURS[0])
    path = Address.index(FINGERPRINT, HOURS[0]).manifest_path(manifest.version)
    repository = shelf.reopened()
    stored = repository.storage.read(path)
    assert stored is not None
    repository.storage.delete([path])
    assert not repository.look(FINGERPRINT, Kind.INDEX).facts

    repository.storage.replace(path, stored.content, None)

    assert repository.look(FINGERPRINT, Kind.INDEX).facts[HOURS[0]] == facts_of(manifest)


def test_a_head_that_is_gone_or_damaged_is_in_no_look(shelf: Shelf) -> None:
    made(shelf, HOURS[0])
    made(shelf, HOURS[1])
    storage = shelf.repository.storage
    assert len(look(shelf.repository)) == 2
    storage.delete([Address.index(FINGERPRINT, HOURS[0]).head_path])
    path = Address.index(FINGERPRINT, HOURS[1]).head_path
    head = storage.read(path)
    assert head is not None

    storage.replace(path, b"no version\n\n", head.tag)

    assert look(shelf.repository) == {}


def test_many_manifests_are_read_at_once_and_those_that_can_not_be_are_left_out(
    shelf: Shelf,
) -> None:
    manifests = [made(shelf, window) for window in HOURS]
    keys = [
        (Address.index(FINGERPRINT, window), one.version)
        for window, one in zip(HOURS, manifests, strict=True)
    ]
    repository = shelf.reopened()
    repository.storage.delete([keys[3][0].manifest_path(keys[3][1])])

    found = repository.manifests(keys)

    assert found == {
        key: manifest for key, manifest in zip(keys, manifests, strict=True) if key != keys[3]
    }
    assert repository.manifests([]) == {}


def test_a_process_that_starts_reads_a_summary_in_the_place_of_heads_and_manifests(
    far: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = summarised(far)
    day = far.glued(DAY.key, hours, rows=9)
    far.repository.rollback(Address.index(FINGERPRINT, HOURS[0]), hours[0].version)
    look(far.repository)
    far.repository.write_summaries()
    repository = far.reopened()
    read = reads(repository, monkeypatch)

    seen = repository.look(FINGERPRINT, Kind.INDEX)

    assert seen.facts[DAY] == facts_of(day)
    assert [version for _, version in seen.facts[DAY].taken] == [one.version for one in hours]
    assert seen.current[HOURS[0]].is_pinned
    assert read == {FOLDER: 1}
    assert repository.look(FINGERPRINT, Kind.INDEX) is seen
    assert read == {FOLDER: 1}


def test_what_moved_since_a_summary_is_read(far: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    summarised(far, 4)
    newer = made(far, HOURS[1], b"newer")
    far.repository.discard(Address.index(FINGERPRINT, HOURS[2]), look(far.repository)[HOURS[2]])
    repository = far.reopened()
    read = reads(repository, monkeypatch)

    seen = repository.look(FINGERPRINT, Kind.INDEX)

    assert seen.facts.keys() == {HOURS[0], HOURS[1], HOURS[3]}
    assert seen.facts[HOURS[1]] == facts_of(newer)
    assert read == {FOLDER: 1, "HEAD": 1, MANIFEST: 1}


def test_a_head_that_went_there_and_back_is_read(
    far: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its content is the same, and pinned or not it may have been in between."""
    first = summarised(far)[0]
    address = Address.index(FINGERPRINT, HOURS[0])
    made(far, HOURS[0], b"other")
    far.repository.set_head(address, first.version)
    repository = far.reopened()
    read = reads(repository, monkeypatch)

    assert repository.look(FINGERPRINT, Kind.INDEX).current[HOURS[0]] == Current(first.version)
    assert read["HEAD"] == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content[:-40],
        lambda content: content.replace(b'"q1"', b'"q2"', 1),
        lambda content: content.replace(b'"format": 1', b'"format": 2', 1),
        lambda _content: b"",
        lambda _content: b'{\n "format": 7\n}\n',
    ],
)
def test_a_summary_that_is_damaged_or_of_another_release_is_as_none(
    far: Shelf, change: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = {window: one.version for window, one in zip(HOURS, summarised(far), strict=False)}
    path = summary_path(FINGERPRINT, Kind.INDEX, MONTH)
    storage = far.storage()
    stored = storage.read(path)
    assert stored is not None
    storage.replace(path, change(stored.content), stored.tag)

    repository = far.reopened()
    assert look(repository) == expected

    repository.write_summaries()
    again = far.reopened()
    read = reads(again, monkeypatch)
    assert again.heads(FINGERPRINT, Kind.INDEX) == expected
    assert read == {FOLDER: 1}


def test_of_two_who_write_a_summary_one_does_and_both_know_what_is_right(far: Shelf) -> None:
    windows = HOURS[:3]
    for window in windows:
        made(far, window)
    one, two = far.reopened(), far.reopened()
    assert look(one) == look(two)
    for window in windows:
        made(far, window, b"newer")
    expected = look(two)

    two.write_summaries()
    one.write_summaries()

    assert look(one) == look(two) == look(far.reopened()) == expected
    one.write_summaries()
    [told] = read_summaries(far.storage(), FINGERPRINT, Kind.INDEX, [MONTH]).values()
    assert {window: some.facts.version for window, some in told.windows.items()} == expected


def test_a_summary_is_written_when_many_windows_moved_and_not_for_each(far: Shelf) -> None:
    summarised(far)
    path = summary_path(FINGERPRINT, Kind.INDEX, MONTH)
    before = far.storage().read(path)

    made(far, HOURS[0], b"newer")
    look(far.repository)
    far.repository.write_summaries()
    assert far.storage().read(path) == before

    made(far, HOURS[1], b"newer")
    look(far.repository)
    far.repository.write_summaries()
    assert far.storage().read(path) != before


def test_whoever_may_not_write_looks_all_the_same(
    far: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(far, HOURS[0])
    made(far, HOURS[1])
    repository = far.reopened()

    def refused(*_given: object) -> str:
        raise StorageError("the bucket refuses")

    monkeypatch.setattr(repository.storage, "replace", refused)
    assert len(look(repository)) == 2

    repository.write_summaries()

    assert len(look(repository)) == 2


def test_a_summary_names_no_photo_and_no_listing(far: Shelf) -> None:
    for window in HOURS[:2]:
        far.made_current(
            b"1",
            Address.index(FINGERPRINT, window),
            inputs=[Input(kind="catalogue", window=window, version="a", digest="b")],
            details={"remarks": [{"photo_id": "p-secret", "remark": "odd"}]},
        )
    look(far.repository)
    far.repository.write_summaries()

    stored = far.storage().read(summary_path(FINGERPRINT, Kind.INDEX, MONTH))

    assert stored is not None
    assert b"secret" not in stored.content
    assert json.loads(stored.content)["windows"].keys() == {one.key for one in HOURS[:2]}


def test_gc_deletes_the_summaries_of_an_embedder_that_is_dropped(far: Shelf) -> None:
    far.made_current(b"network", Address.embedders(), version="another")
    summarised(far)
    path = summary_path(FINGERPRINT, Kind.INDEX, MONTH)
    assert far.storage().read(path) is not None

    grace = timedelta(days=1)
    collect(far.repository, keep=newest(2), grace=grace, in_use=(), dry_run=True)
    assert far.storage().read(path) is not None
    collect(far.repository, keep=newest(2), grace=grace, in_use=(), dry_run=False)

    assert far.storage().read(path) is None


def test_a_folder_on_this_machine_keeps_no_summaries(folder_shelf: Shelf) -> None:
    for window in DAY.children() + Window.parse("daily/2026-11-23").children():
        made(folder_shelf, window)
    look(folder_shelf.repository)

    folder_shelf.repository.write_summaries()

    assert not Path(folder_shelf.folder, FOLDER).exists()
