"""Work side by side: handed on in order and as it is done, and no error takes others along."""

import threading
import time

import pytest

from photosearch_assets.steps.parallel import in_parallel


def test_results_come_in_the_items_order() -> None:
    done = list(in_parallel(lambda number: number * 2, range(20)))

    assert [(one.item, one.result) for one in done] == [(n, n * 2) for n in range(20)]
    assert all(one.seconds >= 0 for one in done)


def test_what_is_done_is_handed_on_while_others_work() -> None:
    may_end = threading.Event()

    def work(number: int) -> bool:
        return number == 0 or may_end.wait(30)

    results = in_parallel(work, range(2))
    first = next(results)
    may_end.set()

    assert first.item == 0
    assert [one.result for one in results] == [True]


def test_one_that_fails_is_told_after_all_others_were_handed_on() -> None:
    def work(number: int) -> int:
        if number % 3 == 1:
            raise ValueError(f"number {number}")
        return number

    results = in_parallel(work, range(9))
    done = [next(results).result for _ in range(6)]

    with pytest.raises(ValueError, match="number 1"):
        next(results)
    assert done == [0, 2, 3, 5, 6, 8]


def test_what_has_not_begun_is_left_when_nobody_listens_any_more() -> None:
    begun: list[int] = []

    def work(number: int) -> None:
        begun.append(number)
        time.sleep(0.01)

    results = in_parallel(work, range(1000))
    next(results)
    results.close()

    assert len(begun) < 500
