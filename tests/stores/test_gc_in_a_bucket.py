"""gc beside writers where nothing can be locked, and clocks that are wrong."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from photosearch.repository import repository as repository_module
from photosearch.repository.addresses import MANIFEST, Address
from photosearch.repository.errors import ArtifactMissing
from photosearch.repository.retention import collect, newest
from photosearch.windows import Window
from tests.repository.artifacts import FINGERPRINT, HOUR
from tests.stores.bucket_shelf import BucketShelf
from tests.stores.front import Fault, Request, works

DAY = timedelta(days=1)
ONLY_NEEDED = newest(0)


class Meanwhile:
    """Runs ``work`` once, while gc waits for the answer to its request number ``point``."""

    def __init__(self, point: int, work: Callable[[], object]) -> None:
        self.left = point
        self.work = work
        self.has_run = False
        self.gc_thread = threading.get_ident()
        self._busy = False

    def __call__(self, request: Request) -> Fault | None:
        if self._busy or self.has_run:
            return None
        self.left -= 1
        if self.left < 0:
            self._busy = self.has_run = True
            self.work()
        return None


@pytest.mark.parametrize("use", ["rollback", "publish"])
def test_a_version_that_comes_into_use_at_any_request_of_gc_is_whole_or_made_again(
    shelf: BucketShelf, use: str
) -> None:
    kept = made_again = 0
    # Every request on one protocol; some on the other, whose server takes its time.
    step = 1 if shelf.bucket.server.scheme == "gs" else 6
    for point in range(0, 60, step):
        old = shelf.made_current(b"old")
        shelf.made_current(b"new %d" % point)
        shelf.make_old(shelf.folder)
        other = shelf.beside("other")

        def use_old(other: BucketShelf = other, version: str = old.version) -> None:
            nonlocal kept, made_again
            try:
                if use == "publish":
                    other.publish(b"old")
                other.repository.set_head(HOUR, version)
                kept += 1
            except ArtifactMissing:  # gc was first, and says so: whoever needs it makes it
                made_again += 1
                other.made_current(b"old")

        shelf.bucket.front.script = meanwhile = Meanwhile(point, use_old)
        collect(shelf.reopened(), keep=ONLY_NEEDED, grace=DAY)
        shelf.bucket.front.script = works

        if not meanwhile.has_run:
            break
        seen = shelf.reopened()
        assert seen.head(HOUR).version == old.version  # type: ignore[union-attr]
        assert seen.current(HOUR) is not None
        assert list(seen.verify()) == []

    assert point > 8
    assert kept > 0


def test_what_losers_and_killed_writers_left_goes_and_tombstones_too(shelf: BucketShelf) -> None:
    made = shelf.made_current(b"vectors")
    gone = shelf.made_current(b"gone")
    shelf.repository.set_head(HOUR, made.version)
    storage = shelf.storage()
    # Another writer of the current version, killed before it came to the manifest.
    shelf.bucket.front.script = lambda request: (
        Fault.FORBIDDEN if request.writes and MANIFEST in request.name else None
    )
    left = shelf.store.list(f"{HOUR.folder(made.version)}").collect()
    files = shelf.files(b"vectors")
    for name, source in files.items():
        path = f"{HOUR.folder(made.version)}/{'0' * 16}/{name}"
        shelf.store.put(path, source)
    shelf.bucket.front.script = works
    shelf.make_old(shelf.folder)

    first = collect(shelf.reopened(), keep=ONLY_NEEDED, grace=DAY)

    assert gone.version in {item.version for item in first.removed}
    assert len(shelf.store.list(HOUR.folder(made.version)).collect()) == len(left)
    assert shelf.reopened().versions(HOUR) == [made]
    assert not storage.exists(HOUR.manifest_path(gone.version))

    shelf.make_old(shelf.folder)
    collect(shelf.reopened(), keep=ONLY_NEEDED, grace=DAY)

    assert shelf.store.list(HOUR.folder(gone.version)).collect() == []
    assert shelf.made_current(b"gone").version == gone.version


def test_a_tombstone_that_became_a_version_while_gc_deleted_others_stays(
    shelf: BucketShelf,
) -> None:
    again = shelf.made_current(b"again")
    first = shelf.made_current(b"current")
    shelf.make_old(shelf.folder)
    collect(shelf.reopened(), keep=ONLY_NEEDED, grace=DAY)  # a tombstone of it
    goes = Address.index(FINGERPRINT, Window.parse("hourly/2026-11-22T15"))
    shelf.publish(b"goes", goes)
    shelf.make_old(shelf.folder)
    other = shelf.beside("other")
    gc_deletes = f"/{goes.path}/"
    done = False

    def at_the_first_deletion(request: Request) -> None:
        nonlocal done
        if request.writes and gc_deletes in request.name and not done:
            done = True
            other.made_current(b"again")

    shelf.bucket.front.script = at_the_first_deletion
    collect(shelf.reopened(), keep=ONLY_NEEDED, grace=DAY)
    shelf.bucket.front.script = works

    assert done
    assert first.version != again.version
    assert shelf.reopened().current(HOUR) == shelf.reopened().manifest(HOUR, again.version)
    assert list(shelf.reopened().verify()) == []


@pytest.mark.parametrize("wrong", [timedelta(days=-40), timedelta(days=40)])
def test_a_machine_whose_clock_is_wrong_takes_nothing_young(
    shelf: BucketShelf, monkeypatch: pytest.MonkeyPatch, wrong: timedelta
) -> None:
    made = [shelf.made_current(b"%d" % number) for number in range(3)]
    right = time.time()
    monkeypatch.setattr(time, "time", lambda: right + wrong.total_seconds())

    report = collect(shelf.repository, keep=ONLY_NEEDED, grace=DAY)

    assert report.removed == []
    assert shelf.reopened().versions(HOUR) == made[::-1]


def test_the_newest_versions_are_those_that_the_store_had_last(
    shelf: BucketShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first writer's clock is a month ahead; its version must not push out later ones."""

    class Ahead(datetime):
        @classmethod
        def now(cls, tz: object = None) -> "Ahead":
            moment = datetime.now(UTC) + timedelta(days=30)
            return cls.fromtimestamp(moment.timestamp(), UTC)

    with monkeypatch.context() as clock:
        clock.setattr(repository_module, "datetime", Ahead)
        first = shelf.made_current(b"first")
    time.sleep(1.1)  # stores tell whole seconds
    second = shelf.made_current(b"second")
    time.sleep(1.1)
    third = shelf.made_current(b"third")

    collect(shelf.repository, keep=newest(2), grace=timedelta(seconds=-5))

    assert first.created_at > third.created_at
    assert {one.version for one in shelf.reopened().versions(HOUR)} == {
        second.version,
        third.version,
    }
