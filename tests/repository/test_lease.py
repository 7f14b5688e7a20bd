"""Leases: one holder at a time, which lives on or is taken over from; in folders and buckets."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

import pytest

from photosearch.repository import lease
from photosearch.repository.errors import DamagedArtifact
from photosearch.repository.lease import Holder, Lease, LeaseHeld, LeaseLost, leased
from tests.repository.artifacts import Shelf

FIRST, SECOND = Holder(name="first"), Holder(name="second")
LASTS_S = 2.0


Held = tuple[Lease, AbstractContextManager[Lease]]


def take_and_hang(shelf: Shelf, lasts_s: float = LASTS_S) -> Held:
    """Take the lease as a process that then puts it off no more: it hangs, or was killed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lease, "_beat", lambda *_: None)
        held = leased(shelf.storage(), "work", FIRST, wait_s=0, lasts_s=lasts_s)
        return held.__enter__(), held


def test_of_many_who_ask_at_once_one_alone_has_it_at_a_time(shelf: Shelf) -> None:
    inside = threading.Semaphore(1)
    done = []

    def work(number: int) -> None:
        with leased(
            shelf.storage(), "work", Holder(name=f"number {number}"), wait_s=60, lasts_s=60
        ):
            assert inside.acquire(blocking=False), "another has it too"
            time.sleep(0.02)
            inside.release()
            done.append(number)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))

    assert sorted(done) == [0, 1, 2, 3]


def test_who_waits_in_vain_is_told_who_has_it_and_until_when(shelf: Shelf) -> None:
    told: list[str] = []
    with (
        leased(shelf.storage(), "work", FIRST, wait_s=0, lasts_s=60),
        pytest.raises(LeaseHeld, match="leases/work is held by another") as refused,
        leased(shelf.storage(), "work", SECOND, wait_s=0.1, lasts_s=LASTS_S, tell=told.append),
    ):
        pass

    until = time.strftime("%Y-%m-%dT", time.gmtime())
    assert str(refused.value.found).startswith(f"first, until {until}")
    assert told == [f"waiting for {refused.value.found}"]


def test_a_holder_that_lives_keeps_it_for_longer_than_it_lasts(shelf: Shelf) -> None:
    with leased(shelf.storage(), "work", FIRST, wait_s=0, lasts_s=LASTS_S) as held:
        with (
            pytest.raises(LeaseHeld),
            leased(shelf.storage(), "work", SECOND, wait_s=1.7 * LASTS_S, lasts_s=LASTS_S),
        ):
            pass
        held.require()


def test_a_holder_that_was_killed_is_taken_over_from_when_its_time_has_run_out(
    shelf: Shelf,
) -> None:
    killed = take_and_hang(shelf)
    began = time.monotonic()

    with leased(shelf.storage(), "work", SECOND, wait_s=30, lasts_s=LASTS_S) as held:
        held.require()

    assert time.monotonic() - began > LASTS_S / 2
    del killed


def test_a_holder_that_is_known_to_be_dead_is_not_waited_for(shelf: Shelf) -> None:
    killed = take_and_hang(shelf, lasts_s=60)

    with leased(
        shelf.storage(),
        "work",
        SECOND,
        wait_s=0,
        lasts_s=60,
        is_dead=lambda who: who.name == "first",
    ):
        pass
    del killed


def test_a_holder_that_was_held_up_for_too_long_is_told_and_leaves_the_others_alone(
    shelf: Shelf,
) -> None:
    first, block = take_and_hang(shelf)

    with leased(shelf.storage(), "work", SECOND, wait_s=30, lasts_s=30) as second:
        with pytest.raises(LeaseLost, match="leases/work was lost") as lost:
            first.require()
        block.__exit__(None, None, None)
        second.renew()
        second.require()

    assert str(lost.value.found).startswith("second, until")


def test_a_holder_that_was_held_up_while_nobody_asked_goes_on(shelf: Shelf) -> None:
    held, block = take_and_hang(shelf, lasts_s=1.0)
    time.sleep(1.2)
    held.require()

    with pytest.raises(LeaseHeld), leased(shelf.storage(), "work", SECOND, wait_s=0, lasts_s=60):
        pass
    del block


def test_one_that_was_given_back_is_free_at_once(shelf: Shelf) -> None:
    for holder in (FIRST, SECOND, FIRST):
        with leased(shelf.storage(), "work", holder, wait_s=0, lasts_s=60) as held:
            assert isinstance(held, Lease)


def test_one_of_which_nobody_can_tell_who_has_it_is_refused(shelf: Shelf) -> None:
    shelf.storage().replace("leases/work", b'{"name": "first"', None)

    with (
        pytest.raises(DamagedArtifact, match="leases/work says of nobody"),
        leased(shelf.storage(), "work", SECOND, wait_s=0, lasts_s=60),
    ):
        pass
