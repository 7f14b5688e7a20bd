"""A rollback pins what it made current: the pipeline's writers cannot move it, a person can."""

import hashlib
import threading
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from photosearch.repository.addresses import Address, Kind
from photosearch.repository.errors import ArtifactMissing, DamagedArtifact, HeadPinned
from photosearch.repository.readiness import ready_indexes
from photosearch.repository.repository import Repository
from photosearch.repository.storage.written_by import without_writer
from photosearch.windows import Window
from tests.repository.artifacts import FINGERPRINT, HOUR, Shelf

DAY = Address.index(FINGERPRINT, Window.parse("daily/2026-11-22"))
MONTH = Address.index(FINGERPRINT, Window.parse("monthly/2026-11"))


def is_stale(shelf: Shelf, address: Address) -> bool:
    assert address.window is not None
    ready = ready_indexes(shelf.repository, FINGERPRINT)
    assert ready == ready_indexes(shelf.reopened(), FINGERPRINT)
    return ready[address.window].stale


def test_what_is_rolled_back_is_current_and_pinned(shelf: Shelf) -> None:
    first = shelf.made_current(b"1")
    shelf.made_current(b"2")

    head = shelf.repository.rollback(HOUR, first.version)

    assert shelf.reopened().head(HOUR) == head
    assert shelf.reopened().current(HOUR) == first
    assert head.pinned_at is not None
    assert abs((datetime.now(UTC) - head.pinned_at).total_seconds()) < 60
    text = without_writer((shelf.folder / HOUR.path / "HEAD").read_bytes()).decode()
    lines = f"{first.version}\npinned {head.pinned_at.isoformat()}\n"
    assert text == f"{lines}sha256 {hashlib.sha256(lines.encode()).hexdigest()}\n"


@pytest.mark.parametrize(
    "move",
    [
        lambda repository, version: repository.set_head(HOUR, version),
        lambda repository, version: repository.move_head(HOUR, version, repository.head(HOUR)),
    ],
)
def test_no_publisher_moves_a_pinned_head(
    shelf: Shelf, move: Callable[[Repository, str], object]
) -> None:
    first, second = shelf.made_current(b"1"), shelf.made_current(b"2")
    head = shelf.repository.rollback(HOUR, first.version)

    with pytest.raises(HeadPinned, match="--release"):
        move(shelf.reopened(), second.version)

    move(shelf.reopened(), first.version)  # to where it is
    assert shelf.reopened().head(HOUR).pinned_at == head.pinned_at  # type: ignore[union-attr]


def test_another_rollback_moves_the_pin_and_a_release_takes_it_away(shelf: Shelf) -> None:
    first, second = shelf.made_current(b"1"), shelf.made_current(b"2")
    shelf.repository.rollback(HOUR, first.version)

    shelf.repository.rollback(HOUR, second.version)
    assert shelf.repository.current(HOUR) == second

    released = shelf.repository.release(HOUR)
    assert released is not None
    assert not released.is_pinned
    assert shelf.repository.set_head(HOUR, first.version).version == first.version


def test_a_rollback_to_no_version_changes_nothing(shelf: Shelf) -> None:
    made = shelf.made_current(b"1")

    with pytest.raises(ArtifactMissing):
        shelf.repository.rollback(HOUR, "0" * 16)

    assert shelf.repository.head(HOUR) == shelf.reopened().set_head(HOUR, made.version)
    assert shelf.repository.release(DAY) is None


@pytest.mark.parametrize("line", ["pinned", "pinned yesterday", "pinned 2026-11-22", "loose"])
def test_a_damaged_pin_is_a_damaged_head(shelf: Shelf, line: str) -> None:
    made = shelf.made_current(b"1")
    (shelf.folder / HOUR.path / "HEAD").write_text(f"{made.version}\n{line}\n")

    with pytest.raises(DamagedArtifact):
        shelf.reopened().head(HOUR)
    assert shelf.reopened().heads(FINGERPRINT, Kind.INDEX) == {}


def test_a_rollback_among_racing_publishers_always_sticks(shelf: Shelf) -> None:
    first = shelf.made_current(b"first")
    versions = [shelf.publish(b"%d" % number).version for number in range(8)]
    ended = threading.Event()

    def publish(version: str) -> None:
        repository = shelf.reopened()
        while not ended.is_set():
            try:
                repository.set_head(HOUR, version)
            except HeadPinned:
                return

    writers = [threading.Thread(target=publish, args=(version,)) for version in versions]
    for writer in writers:
        writer.start()
    try:
        shelf.repository.rollback(HOUR, first.version)
        for writer in writers:
            writer.join(timeout=20)
    finally:
        ended.set()

    assert not any(writer.is_alive() for writer in writers)
    assert shelf.repository.current(HOUR) == first


def test_a_pinned_day_answers_though_its_hours_know_more(shelf: Shelf) -> None:
    hour = shelf.made_current(b"1")
    day = shelf.glued("daily/2026-11-22", [hour])
    shelf.made_current(b"late listings")
    assert is_stale(shelf, DAY)

    shelf.repository.rollback(DAY, day.version)
    assert not is_stale(shelf, DAY)
    shelf.glued("monthly/2026-11", [day])
    assert not is_stale(shelf, MONTH)

    shelf.repository.release(DAY)
    assert is_stale(shelf, DAY)
    assert is_stale(shelf, MONTH)


def test_a_day_is_stale_while_an_hour_is_rolled_back_under_it(shelf: Shelf) -> None:
    first, second = shelf.made_current(b"1"), shelf.made_current(b"2")
    shelf.glued("daily/2026-11-22", [second])

    shelf.repository.rollback(HOUR, first.version)

    assert is_stale(shelf, DAY)
    shelf.glued("daily/2026-11-22", [first])
    assert not is_stale(shelf, DAY)


def test_the_listing_of_all_windows_tells_which_are_pinned(shelf: Shelf) -> None:
    first = shelf.made_current(b"1")
    shelf.glued("daily/2026-11-22", [first])
    shelf.repository.rollback(HOUR, first.version)

    found = shelf.repository.look(FINGERPRINT, Kind.INDEX).current

    pinned = {window.key for window, current in found.items() if current.is_pinned}
    assert pinned == {"hourly/2026-11-22T14"}
    assert shelf.repository.heads(FINGERPRINT, Kind.INDEX) == {
        window: current.version for window, current in found.items()
    }
