"""Every listing that no search can find is counted, under the rule that leaves it out."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from photosearch.catalogue.catalogue import Catalogue
from photosearch.catalogue.left_out import Reason, hidden_by_status
from photosearch.catalogue.survey import Survey
from photosearch.catalogue.survey_words import left_out_lines, statuses_line, warning
from photosearch.repository.erasures import Receipt, digest_of, write_receipt
from photosearch.repository.storage.opening import open_storage
from photosearch.settings.settings import Settings
from photosearch.windows import HOUR
from tests.catalogue.lamps import TWO, lamp
from tests.catalogue.shops import Run, run_on

NOW = TWO + timedelta(minutes=30)

ODD = """
CREATE TABLE listings (id INTEGER, title TEXT, price TEXT, category TEXT, status TEXT,
  listed_at TIMESTAMP);
CREATE TABLE photos (id TEXT, listing_id INTEGER, path TEXT);
INSERT INTO listings VALUES (1, 'Lamp', 'free', 'c', 'active', '2026-11-22 13:05:00'),
  (2, 'Lamp', NULL, 'c', NULL, '2026-11-22 13:05:00'),
  (3, 'Lamp', '12.50', 'c', 'live', '2026-11-22 13:05:00'),
  (4, 'Lamp', '', 'c', 'live', '2026-11-22 14:10:00'),
  (5, 'Lamp', '1', 'c', 'live', NULL),
  (6, 'Lamp', '1', 'c', 'live', '2026-11-22 15:05:00'),
  (7, 'Lamp', '1', 'c', 'live', '2026-10-22 13:05:00'),
  (8, 'Lamp', '1', 'c', 'live', '2026-11-22 13:05:00'),
  (9, 'Lamp', '1', 'c', 'live', '2026-11-22 13:05:00'),
  (NULL, 'Lamp', '1', 'c', 'live', '2026-11-22 13:05:00');
INSERT INTO photos VALUES ('a', 1, 'a.jpg'), (NULL, 3, 'b.jpg'), ('', 3, 'c.jpg'),
  ('d', 4, 'd.jpg')
"""


def test_each_listing_counts_under_one_rule(settings: Settings, run: Run) -> None:
    run(ODD)
    storage = open_storage(settings.repository_url, settings)
    write_receipt(storage, Receipt(listing=digest_of("8"), begun_at=TWO), None)

    with Catalogue.open(settings) as catalogue:
        survey = catalogue.survey(TWO - timedelta(days=2), NOW)
        assert catalogue.photos_without_id() == 2

    assert {reason: group.count for reason, group in survey.left_out.items()} == {
        Reason.STATUS: 2,
        Reason.NO_ID: 1,
        Reason.NO_TIME: 1,
        Reason.FUTURE: 1,
        Reason.BEFORE_START: 1,
        Reason.ERASED: 1,
        Reason.NO_PHOTO: 1,
    }
    assert (survey.listings, survey.searchable, survey.waiting) == (10, 1, 1)
    left_out = sum(group.count for group in survey.left_out.values())
    assert survey.listings == left_out + survey.searchable + survey.waiting
    assert survey.unreadable_prices is not None
    assert survey.unreadable_prices.count == 2
    assert survey.statuses == {"live": 6, "active": 1, None: 1}
    lines = "\n".join(left_out_lines(survey))
    assert "2 listings, such as 1: its status is 'active', live_status is 'live'" in lines
    assert "1 listing, such as 5: it has no time; give its row a time" in lines
    assert "1 listing: it was erased" in lines
    assert "1 listing, such as 9: it has no photo; give it a row" in lines


def test_several_statuses_may_be_live(settings: Settings, run: Run) -> None:
    run(ODD)
    both = settings.model_copy(update={"live_status": ("live", "active")})

    with Catalogue.open(both) as catalogue:
        survey = catalogue.survey(TWO - timedelta(days=2), NOW)

    assert survey.left_out[Reason.STATUS].count == 1
    assert (
        survey.left_out[Reason.STATUS].why == "it has no status, live_status is 'active' or 'live'"
    )


def _shop(**statuses: int) -> Callable[[Catalogue], Survey]:
    def survey(catalogue: Catalogue) -> Survey:
        listings = [
            replace(lamp(f"{status} {number}", TWO - HOUR)[0], status=status)
            for status, count in statuses.items()
            for number in range(count)
        ]
        catalogue.write(listings, [])
        return catalogue.survey(TWO - timedelta(days=2), NOW)

    return survey


@pytest.mark.parametrize(
    ("statuses", "told"),
    [
        ({"active": 6, "sold": 2}, "None of 8 listings may be shown: live_status is 'live', and"),
        ({"live": 1, "active": 20}, "1 of 21 listings may be shown"),
        ({"live": 5, "sold": 20}, None),
        ({"live": 2}, None),
        ({}, None),
    ],
)
def test_few_or_no_live_listings_are_told_loudly(
    catalogue: Catalogue, settings: Settings, statuses: dict[str, int], told: str | None
) -> None:
    said = warning(_shop(**statuses)(catalogue), settings)

    if told is None:
        assert said is None
        return
    assert said is not None
    assert said.startswith(told)
    assert said.endswith('set it to what your live listings have, such as live_status = "active".')


def test_statuses_are_counted_all_and_named_as_far_as_one_can_read(catalogue: Catalogue) -> None:
    survey = _shop(**{f"state{n}": 20 - n for n in range(12)})(catalogue)

    line = statuses_line(survey)

    assert line.startswith("'state0' 20, 'state1' 19, ")
    assert line.endswith(f", {12 + 11 + 10 + 9} of 4 others")


@pytest.mark.parametrize(
    ("status", "live", "why"),
    [
        ("live", "live", None),
        ("Live", "live", "its status is 'Live', live_status is 'live'"),
        (None, "live", "it has no status, live_status is 'live'"),
        ("new", ("live", "new"), None),
        ("sold", ("new", "live"), "its status is 'sold', live_status is 'live' or 'new'"),
    ],
)
def test_what_a_status_hides_is_said_with_its_setting(
    status: str | None, live: str | tuple[str, ...], why: str | None
) -> None:
    assert hidden_by_status(status, Settings(live_status=live)) == why


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("kind", "written", "told"),
    [
        ("timestamptz", "'infinity'", "'infinity'"),
        ("timestamp", "'-infinity'", "'-infinity'"),
        ("date", "'0044-03-15 BC'", "'0044-03-15 BC'"),
        ("timestamptz", "'20000-01-01 00:00Z'", "'20000-01-01 00:00:00+00'"),
        ("double precision", "'NaN'", "'NaN'"),
    ],
)
def test_a_time_of_postgresql_that_is_none_of_ours_is_told_as_it_is(
    postgres_url: str, tmp_path: Path, kind: str, written: str, told: str
) -> None:
    run_on(
        postgres_url,
        f"""CREATE TABLE listings (id INTEGER, title TEXT, price TEXT, category TEXT, status TEXT,
          listed_at {kind});
        CREATE TABLE photos (id TEXT, listing_id INTEGER, path TEXT);
        INSERT INTO listings VALUES (1, 'Lamp', '1', 'c', 'live', {written}),
          (2, 'Lamp', '1', 'c', 'live', NULL)""",
    )

    with Catalogue.open(Settings(base_dir=tmp_path, database_url=postgres_url)) as catalogue:
        survey = catalogue.survey(TWO, NOW)
        outside = catalogue.outside(TWO, NOW)

    assert survey.left_out[Reason.UNREADABLE_TIME].why == f"its time can't be read: {told}"
    assert survey.left_out[Reason.NO_TIME].count == 1
    assert [one.reason for one in outside] == [f"its time can't be read: {told}", "it has no time"]
