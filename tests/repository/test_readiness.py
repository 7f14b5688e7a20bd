"""Which indexes are ready, and which of them are stale."""

import json

import pytest

from photosearch.repository.addresses import MANIFEST, Address, Kind
from photosearch.repository.errors import NewerFormat
from photosearch.repository.manifest import Manifest
from photosearch.repository.readiness import ReadyIndex, current_fingerprint, ready_indexes
from photosearch.repository.storage.port import Stored
from photosearch.windows import Window
from tests.repository.artifacts import FINGERPRINT, Shelf

DAY = "daily/2026-11-22"
MONTH = "monthly/2026-11"


def hour(shelf: Shelf, number: int, content: bytes = b"1") -> Manifest:
    window = Window.parse(f"hourly/2026-11-22T{number:02}")
    return shelf.made_current(content, Address.index(FINGERPRINT, window), rows=3, quantiser="q1")


def stale(shelf: Shelf) -> dict[str, bool]:
    ready = ready_indexes(shelf.repository, FINGERPRINT)
    assert ready == ready_indexes(shelf.reopened(), FINGERPRINT)
    return {window.key: index.stale for window, index in ready.items()}


def test_a_ready_index_tells_what_a_deployer_needs(shelf: Shelf) -> None:
    made = hour(shelf, 0, b"12345")

    assert ready_indexes(shelf.repository, FINGERPRINT) == {
        Window.parse("hourly/2026-11-22T00"): ReadyIndex(
            version=made.version, rows=3, size_bytes=5, quantiser="q1", stale=False
        )
    }
    assert ready_indexes(shelf.repository, "another") == {}


def test_the_current_fingerprint_is_the_current_embedders(shelf: Shelf) -> None:
    assert current_fingerprint(shelf.repository) is None

    shelf.made_current(b"network", Address.embedders(), version=FINGERPRINT)

    assert current_fingerprint(shelf.repository) == FINGERPRINT


def test_a_day_made_from_its_current_hours_is_fresh(shelf: Shelf) -> None:
    shelf.glued(DAY, [hour(shelf, number) for number in range(3)])

    assert not any(stale(shelf).values())
    assert len(stale(shelf)) == 4


def test_a_day_is_stale_when_one_of_its_hours_has_a_newer_version(shelf: Shelf) -> None:
    hours = [hour(shelf, number) for number in range(3)]
    shelf.glued(DAY, hours)
    assert not stale(shelf)[DAY]

    late = hour(shelf, 1, b"late listings")

    assert {key for key, is_stale in stale(shelf).items() if is_stale} == {DAY}
    shelf.glued(DAY, [hours[0], late, hours[2]])
    assert not any(stale(shelf).values())


def test_a_day_is_stale_when_an_hour_appears_that_it_lacks(shelf: Shelf) -> None:
    shelf.glued(DAY, [hour(shelf, 0)])

    hour(shelf, 1)

    assert stale(shelf)[DAY]


def test_a_month_is_stale_while_one_of_its_days_is(shelf: Shelf) -> None:
    other = shelf.made_current(b"x", Address.index(FINGERPRINT, Window.parse("daily/2026-11-03")))
    day = shelf.glued(DAY, [hour(shelf, 0)])
    shelf.glued(MONTH, [other, day])
    assert not any(stale(shelf).values())

    late = hour(shelf, 0, b"late")
    assert stale(shelf) == {
        "hourly/2026-11-22T00": False,
        "daily/2026-11-03": False,
        DAY: True,
        MONTH: True,
    }

    day = shelf.glued(DAY, [late])
    assert {key for key, is_stale in stale(shelf).items() if is_stale} == {MONTH}

    shelf.glued(MONTH, [other, day])
    assert not any(stale(shelf).values())


def test_a_day_whose_hours_are_gone_is_all_that_knows_their_rows_and_stays_fresh(
    shelf: Shelf,
) -> None:
    first, second = hour(shelf, 0), hour(shelf, 1)
    shelf.glued(DAY, [first, second])

    window = Window.parse("hourly/2026-11-22T00")
    shelf.repository.discard(Address.index(FINGERPRINT, window), first.version)

    assert stale(shelf) == {"hourly/2026-11-22T01": False, DAY: False}


def test_rolling_an_hour_back_to_what_its_day_was_made_from_freshens_the_day(shelf: Shelf) -> None:
    first = hour(shelf, 0)
    shelf.glued(DAY, [first])
    hour(shelf, 0, b"bad")
    assert stale(shelf)[DAY]

    address = Address.index(FINGERPRINT, Window.parse("hourly/2026-11-22T00"))
    shelf.repository.rollback(address, first.version)

    assert not stale(shelf)[DAY]


@pytest.mark.parametrize("content", [None, b"", b"{}"])
def test_a_window_whose_manifest_is_gone_or_damaged_is_not_ready(
    shelf: Shelf, content: bytes | None
) -> None:
    made, _ = hour(shelf, 0), hour(shelf, 1)
    address = Address.index(FINGERPRINT, Window.parse("hourly/2026-11-22T00"))
    path = shelf.version_folder(made, address) / "manifest.json"
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)

    shelf.repository = shelf.reopened()
    assert stale(shelf) == {"hourly/2026-11-22T01": False}


def test_a_window_made_again_after_damage_is_ready_without_a_restart(shelf: Shelf) -> None:
    made = hour(shelf, 0)
    address = Address.index(FINGERPRINT, Window.parse("hourly/2026-11-22T00"))
    (shelf.version_folder(made, address) / "manifest.json").write_bytes(b"")
    shelf.repository = shelf.reopened()
    assert stale(shelf) == {}

    hour(shelf, 0)

    assert stale(shelf) == {"hourly/2026-11-22T00": False}


def test_a_manifest_of_a_later_release_is_reported(shelf: Shelf) -> None:
    made = hour(shelf, 0)
    address = Address.index(FINGERPRINT, Window.parse("hourly/2026-11-22T00"))
    path = shelf.version_folder(made, address) / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))

    with pytest.raises(NewerFormat):
        ready_indexes(shelf.reopened(), FINGERPRINT)


def test_asking_again_reads_no_manifest_twice(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        hour(shelf, number)
    repository = shelf.reopened()
    asked: list[str] = []
    storage = repository.storage
    original = storage.read

    def watched(path: str) -> Stored | None:
        if path.endswith(MANIFEST):
            asked.append(path)
        return original(path)

    monkeypatch.setattr(storage, "read", watched)
    ready_indexes(repository, FINGERPRINT)
    assert len(asked) == 5
    ready_indexes(repository, FINGERPRINT)
    assert len(asked) == 5

    newer = hour(shelf, 2, b"newer")
    ready_indexes(repository, FINGERPRINT)
    address = Address.index(FINGERPRINT, Window.parse("hourly/2026-11-22T02"))
    assert asked[5:] == [address.manifest_path(newer.version)]


def test_what_a_caller_does_to_the_answer_is_not_seen_by_the_next(shelf: Shelf) -> None:
    hour(shelf, 0)

    ready_indexes(shelf.repository, FINGERPRINT).clear()
    shelf.repository.heads(FINGERPRINT, Kind.INDEX).clear()

    assert len(ready_indexes(shelf.repository, FINGERPRINT)) == 1
