"""A writer killed between any two requests, and answers that never came."""

from collections.abc import Callable
from datetime import timedelta
from itertools import count
from subprocess import Popen

import pytest

from photosearch.repository.errors import HeadMoved, StorageError
from photosearch.repository.retention import collect
from tests.repository.artifacts import HOUR
from tests.stores.bucket_shelf import BucketShelf
from tests.stores.front import Answer, Ask, Fault, Request, Script, works
from tests.stores.test_writers_race import start_writer


def moves_head(request: Request) -> bool:
    return request.writes and "/heads/" in request.name


class KillAt:
    """Kills the writer at its write number ``point``, before or after the store does it."""

    def __init__(self, point: int, passed_on: bool) -> None:
        self.left = point
        self.fault = Fault.UNHEARD if passed_on else Fault.RESET
        self.writer: Popen[bytes] | None = None

    def __call__(self, request: Request) -> Fault | None:
        if not request.writes:
            return None
        self.left -= 1
        if self.left >= 0:
            return None
        assert self.writer is not None
        self.writer.kill()
        self.writer.wait()
        return self.fault


@pytest.mark.parametrize("passed_on", [False, True], ids=["before", "after"])
def test_a_kill_before_or_after_any_write_leaves_all_or_nothing(
    shelf: BucketShelf, passed_on: bool
) -> None:
    before = shelf.made_current(b"before")
    # Between two writes of S3 nothing differs from GCS: every second one is enough there.
    for point in count(0, 1 if shelf.bucket.server.scheme == "gs" else 2):
        content = f"content {point}"
        shelf.bucket.front.script = killer = KillAt(point, passed_on)
        killer.writer = start_writer(shelf, "once", content)
        ended = killer.writer.wait(60)
        shelf.bucket.front.script = works
        if ended == 0:
            break

        seen = shelf.reopened()
        assert seen.current(HOUR) in seen.versions(HOUR)
        assert before in seen.versions(HOUR)
        assert list(seen.verify()) == []
        assert shelf.made_current(content.encode()) == shelf.reopened().current(HOUR)

    assert point >= 4  # two files, the manifest, HEAD
    assert list(shelf.reopened().verify()) == []
    collect(shelf.reopened(), keep=lambda address, manifests: [], grace=timedelta(seconds=-5))
    assert len(shelf.names()) == 4  # HEAD, and the version that it names


BUSY = [Fault.TOO_MANY, Fault.UNAVAILABLE, Fault.RESET]


@pytest.mark.parametrize("fault", BUSY, ids=lambda fault: fault.name)
def test_every_request_that_fails_twice_is_tried_again(shelf: BucketShelf, fault: Fault) -> None:
    failed: dict[tuple[str, str], int] = {}

    def twice(request: Request) -> Fault | None:
        key = (request.method, request.path)
        failed[key] = failed.get(key, 0) + 1
        return fault if failed[key] <= 2 else None

    shelf.bucket.front.script = twice
    made = shelf.made_current(b"vectors")

    assert shelf.repository.current(HOUR) == made
    assert {number > 2 for number in failed.values()} == {True}
    shelf.bucket.front.script = works
    assert list(shelf.reopened().verify()) == []


def test_a_manifest_whose_success_was_not_heard_is_ours(shelf: BucketShelf) -> None:
    unheard = once(lambda request: request.writes and "manifest.json" in request.name)
    shelf.bucket.front.script = unheard

    made = shelf.publish(b"vectors")

    assert shelf.reopened().versions(HOUR) == [made]
    assert list(shelf.reopened().verify()) == []


def test_a_head_whose_move_was_not_heard_has_moved_once(shelf: BucketShelf) -> None:
    first, second = shelf.made_current(b"1"), shelf.publish(b"2")
    seen = shelf.repository.head(HOUR)
    shelf.bucket.front.script = once(moves_head)

    moved = shelf.repository.move_head(HOUR, second.version, seen)

    assert shelf.reopened().head(HOUR) == moved
    with pytest.raises(HeadMoved):
        shelf.repository.move_head(HOUR, first.version, seen)


def test_a_head_that_another_moved_while_our_answer_was_lost_is_not_moved_back(
    shelf: BucketShelf,
) -> None:
    """Ours was written unheard, then theirs on top of it: theirs stays."""
    ours, theirs = shelf.publish(b"ours"), shelf.publish(b"theirs")
    front, other = shelf.bucket.front, shelf.reopened()
    front.script = once(moves_head)
    speak = front.speak

    def speak_and_overtake(request: Request, ask: Ask) -> Answer:
        answer = speak(request, ask)
        if moves_head(request):
            front.speak = speak
            other.set_head(HOUR, theirs.version)
        return answer

    front.speak = speak_and_overtake
    with pytest.raises(HeadMoved):
        shelf.repository.move_head(HOUR, ours.version, None)

    assert shelf.reopened().current(HOUR) == theirs


def test_a_store_that_stays_away_is_a_clear_error_and_nothing_is_visible(
    shelf: BucketShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photosearch.object_store.RETRIES", 1)
    before = shelf.made_current(b"before")
    shelf.repository = shelf.reopened()
    shelf.bucket.front.script = lambda request: Fault.UNAVAILABLE if request.writes else None

    with pytest.raises(StorageError, match=r"could not be written.*can't be reached") as refusal:
        shelf.publish(b"after")

    assert "503" in (refusal.value.found or "")
    shelf.bucket.front.script = works
    assert shelf.reopened().versions(HOUR) == [before]


def once(chosen: Callable[[Request], bool]) -> Script:
    """A script that has the first chosen request done, and resets the connection then."""
    done = False

    def script(request: Request) -> Fault | None:
        nonlocal done
        if done or not chosen(request):
            return None
        done = True
        return Fault.UNHEARD

    return script


def test_files_that_an_unheard_manifest_names_stay_when_another_relies_on_it(
    shelf: BucketShelf,
) -> None:
    """Ours was written unheard, then made young by another publisher: it looks like theirs."""
    front, other = shelf.bucket.front, shelf.beside("other")
    front.script = once(lambda request: request.writes and "manifest.json" in request.name)
    speak = front.speak

    def speak_and_rely(request: Request, ask: Ask) -> Answer:
        answer = speak(request, ask)
        if request.writes and "manifest.json" in request.name:
            front.speak = speak
            other.publish(b"vectors")
        return answer

    front.speak = speak_and_rely
    made = shelf.publish(b"vectors")

    assert shelf.reopened().versions(HOUR) == [made]
    assert list(shelf.reopened().verify()) == []


def test_files_stay_when_it_is_not_known_whether_their_manifest_was_written(
    shelf: BucketShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photosearch.object_store.RETRIES", 0)
    shelf.repository = shelf.reopened()
    written = False

    def lost_after_the_manifest(request: Request) -> Fault | None:
        nonlocal written
        if "manifest.json" not in request.name:
            return None
        if not request.writes:
            return Fault.UNAVAILABLE if written else None
        written = True
        return Fault.UNHEARD

    shelf.bucket.front.script = lost_after_the_manifest
    with pytest.raises(StorageError):
        shelf.publish(b"vectors")
    shelf.bucket.front.script = works

    assert list(shelf.reopened().verify()) == []
    assert len(shelf.reopened().versions(HOUR)) == 1
