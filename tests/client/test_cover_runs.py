"""A cover as people read it: what is alike and touches is one line, and nothing is lost."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from photosearch.client.cover_runs import cover_runs
from photosearch.rest.timeline import CoverWindow
from photosearch.windows import Granularity, Window

START = datetime(2026, 10, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def hour(number: int, served_by: str = "a", *, stale: bool = False) -> CoverWindow:
    start = START + number * HOUR
    return CoverWindow(
        granularity="hourly",
        window=Window(Granularity.HOURLY, start).key,
        start=start,
        end=start + HOUR,
        rows=number,
        version=f"v{number}",
        served_by=served_by,
        stale=stale,
    )


def test_a_day_of_hours_of_one_server_is_one_line() -> None:
    (run,) = cover_runs(hour(number) for number in range(24))

    assert run.counted == "24 hours"
    assert (run.start, run.end) == (START, START + 24 * HOUR)
    assert run.rows == sum(range(24))
    assert len(run.versions) == 24


def test_another_server_a_stale_hour_and_a_gap_end_a_run() -> None:
    cover = [hour(0), hour(1, "b"), hour(2, "b", stale=True), hour(3), hour(5), hour(6)]

    assert [run.windows for run in cover_runs(cover)] == [1, 1, 1, 1, 2]


def test_unfolded_every_window_is_a_line() -> None:
    runs = cover_runs([hour(1), hour(0)], fold=False)

    assert [(run.counted, run.versions) for run in runs] == [
        ("1 hour", ("v0",)),
        ("1 hour", ("v1",)),
    ]


def test_one_window_is_called_by_its_key_and_several_by_their_number() -> None:
    one, two = cover_runs([hour(0), hour(2), hour(3)])

    assert one.name == "hourly/2026-10-01T00"
    assert two.name == "2 hours"


def test_windows_of_a_kind_that_came_later_are_counted_by_its_name() -> None:
    weeks = [hour(number).model_copy(update={"granularity": "weekly"}) for number in range(2)]

    assert cover_runs(weeks)[0].counted == "2 weekly windows"


@given(st.lists(st.tuples(st.integers(0, 50), st.sampled_from("ab")), unique_by=lambda one: one[0]))
def test_every_window_is_in_exactly_one_run(hours: list[tuple[int, str]]) -> None:
    runs = cover_runs(hour(number, server) for number, server in hours)

    assert sum(run.windows for run in runs) == len(hours)
    assert [version for run in runs for version in run.versions] == [
        f"v{number}" for number, _ in sorted(hours)
    ]
    for run in runs:
        assert run.end - run.start == run.windows * HOUR
