"""Pauses that grow."""

from photosearch.backoff import Backoff, pause_s


def test_a_pause_doubles_with_each_failure_up_to_a_limit() -> None:
    assert [pause_s(failures, 0.5, 3.0) for failures in range(6)] == [0, 0.5, 1, 2, 3, 3]


def test_what_has_failed_for_years_still_has_a_pause() -> None:
    assert pause_s(10_000, 1.0, 60.0) == 60.0
    assert pause_s(10_000, 1.0) == 2.0**30


def test_what_failed_is_due_after_its_pause_and_after_a_success_at_once() -> None:
    backoff = Backoff(first_s=2.0, most_s=60.0)
    assert backoff.is_due(100.0)

    assert backoff.failed(100.0) == 2.0
    assert not backoff.is_due(101.9)
    assert backoff.is_due(102.0)
    assert backoff.failed(102.0) == 4.0
    assert not backoff.is_due(105.9)

    backoff.succeeded()
    assert backoff.is_due(102.0)
    assert backoff.failed(200.0) == 2.0
