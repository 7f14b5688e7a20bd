"""A time that is counted is in just one hourly window, however a shop spells it."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import sqlalchemy as sa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from photosearch.catalogue.catalogue import Catalogue
from photosearch.catalogue.times import read_time
from photosearch.settings.settings import Settings
from photosearch.windows import Granularity, Window

instants = st.one_of(
    st.datetimes(datetime.fromisoformat("0001-01-02"), datetime.fromisoformat("9999-12-30")),
    st.datetimes(datetime.fromisoformat("2025-12-30"), datetime.fromisoformat("2026-01-03")),
)
zones = st.integers(-24 * 60 + 1, 24 * 60 - 1).map(lambda m: timezone(timedelta(minutes=m)))
separators = st.sampled_from("T t_-\u00e9\u3000")
formats = st.sampled_from(
    [
        *("%Y-%m-%d", "%Y%m%d", "%G-W%V-%u", "%GW%V%u", "%Y%m%d%H%M%S", "%Y-%j", "%s"),
        *("%Y-%m-%d{}%H:%M:%S", "%Y-%m-%d{}%H:%M", "%Y-%m-%d{}%H:%M:%S.%f", "%Y-%m-%d{}%H"),
        *("%Y%m%d{}%H%M%S", "%Y%m%d{}%H:%M:%S", "%Y-%m-%d{}%H%M%S,%f", "%Y%m%d{}%H"),
        *("%G-W%V-%u{}%H:%M:%S", "%d.%m.%Y %H:%M", "%m/%d/%Y", "%Y/%m/%d", "%H:%M %Y-%m-%d"),
    ]
)
around = st.sampled_from(["", " ", "  ", "\t", "\n", "\u00a0", "\u2003", "\x00", "+", "!", "0"])
ends = st.sampled_from(["", "Z", "z", "offset", " UTC", "[Europe/Rome]"])


@st.composite
def spellings(draw: st.DrawFn) -> str:
    moment = draw(instants).replace(tzinfo=draw(zones))
    form = draw(formats).format(draw(separators))
    text = moment.strftime(form.replace("%Y", f"{moment.year:04}"))
    end = draw(ends)
    offset = moment.isoformat()[-6:] if end == "offset" else end
    return draw(around) + text + offset + draw(around)


numbers = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-70_000_000_000, 260_000_000_000),
    st.integers(1_767_000_000, 1_768_000_000).flatmap(
        lambda s: st.sampled_from([s, s * 1000, s * 1000 + 999, s + 0.25, s * 1e3, float(s)])
    ),
    st.integers(490_000, 500_000).map(lambda hour: hour * 3600 - 2e-7),
    st.floats(),
)
values = st.one_of(spellings(), spellings(), numbers, st.none(), st.binary(max_size=4))
declared = st.sampled_from(["TEXT", "TIMESTAMP", "INTEGER", "REAL", "", "TEXT COLLATE NOCASE"])


def _hours(catalogue: Catalogue, times: Sequence[datetime]) -> None:
    """What is counted is held by its hour, and by no other of those about it."""
    hours = sorted({Window.holding(Granularity.HOURLY, moment) for moment in times})
    beside = {
        Window.holding(Granularity.HOURLY, hour.start + step * timedelta(hours=1))
        for hour in hours
        for step in (-25, -1, 0, 1, 25)
        if 1 < hour.start.year < 9999
    } | {*hours}
    held = [photo.photo_id for hour in beside for photo in catalogue.photos_in(hour)]

    counted = {key for key, moment in catalogue.listing_times().items() if moment is not None}
    assert sorted(held) == sorted(counted)
    for hour in hours:
        digests = catalogue.hour_digests(hour.span)
        assert digests[hour].photos == len(catalogue.photos_in(hour))


@settings(max_examples=60, deadline=None)
@given(st.lists(values, min_size=1, max_size=5), declared)
@example(["20261129T100300Z", "2026-W48-7T10:04:00", " 2026-11-29 10:05:00", "20261129"], "TEXT")
@example([1795359599.9999998, 1795359600], "REAL")
def test_what_is_counted_of_a_sqlite_file_is_in_just_one_hour(
    times: list[object], declared: str
) -> None:
    with TemporaryDirectory() as folder:
        with closing(sqlite3.connect(Path(folder) / "shop.db")) as shop:
            shop.execute(
                "CREATE TABLE listings (id INTEGER PRIMARY KEY, title, price, category, status,"
                f" listed_at {declared})"
            )
            shop.execute("CREATE TABLE photos (id INTEGER PRIMARY KEY, listing_id INTEGER, path)")
            for key, time in enumerate(times):
                shop.execute("INSERT INTO listings (id, listed_at) VALUES (?, ?)", (key, time))
                shop.execute("INSERT INTO photos VALUES (?, ?, 'a.jpg')", (key, key))
            shop.commit()
        where = Settings(base_dir=Path(folder), database_url="sqlite:///shop.db")
        with Catalogue.open(where) as catalogue:
            found = [one for one in catalogue.listing_times().values() if one is not None]
            _hours(catalogue, found)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("20261129T100300Z", "2026-11-29T10:03"),
        ("20261129", "2026-11-29"),
        (" 2026-11-29 10:05:00", "2026-11-29T10:05"),
        ("\t2026-11-29 10:05:00\n", "2026-11-29T10:05"),
        ("2026-11-29T10:05:00+02:00", "2026-11-29T08:05"),
        ("2026-W48-7T10:04:00", None),  # no order of text holds both weeks and months
        ("29.11.2026", None),
        ("1795359600", None),
        ("", None),
    ],
)
def test_a_text_is_a_time_if_its_date_comes_first(text: str, moment: str | None) -> None:
    expected = None if moment is None else datetime.fromisoformat(moment).replace(tzinfo=UTC)

    assert read_time(text) == expected


KINDS = {
    "timestamptz": ["'2026-11-29 10:05:00.123456+14'", "'infinity'", "'0044-03-15 BC'"],
    "timestamp": ["'2026-11-29 10:59:59.999999'", "'-infinity'", "'294276-12-31'"],
    "date": ["'2026-11-29'", "'infinity'", "'0044-03-15 BC'"],
    "bigint": ["1795359599", "1795359600000", "-62135510400", "9223372036854775807", "20261129"],
    "float8": ["1795359599.9999998", "'NaN'", "'Infinity'", "1.7953596e12"],
    "numeric": ["1795359599.99999999", "'NaN'", "1795359600", "1e30"],
    "moment": ["'2026-11-29 10:05:00+02'"],
}


@pytest.mark.postgres
def test_what_is_counted_of_a_postgresql_database_is_in_just_one_hour(
    postgres_url: str, tmp_path: Path
) -> None:
    engine = sa.create_engine(postgres_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE DOMAIN moment AS timestamptz CHECK (value > '1970-01-01')"
        )
    for number, (kind, times) in enumerate(KINDS.items()):
        with engine.begin() as connection:
            connection.exec_driver_sql(
                f"CREATE TABLE listings{number} (id int, title text, price int, category text,"
                f" status text, listed_at {kind});"
                f"CREATE TABLE photos{number} (id int, listing_id int, path text)"
            )
            for key, time in enumerate((*times, "NULL")):
                connection.exec_driver_sql(
                    f"INSERT INTO listings{number} (id, listed_at) VALUES ({key}, {time});"
                    f"INSERT INTO photos{number} VALUES ({key}, {key}, 'a.jpg')"
                )
        names = {f"{table}_table": f"{table}{number}" for table in ("listings", "photos")}
        where = Settings(base_dir=tmp_path, database_url=postgres_url, **names)  # type: ignore[arg-type]
        with Catalogue.open(where) as catalogue:
            moments = [one for one in catalogue.listing_times().values() if one is not None]
            assert moments, kind
            _hours(catalogue, moments)
    engine.dispose()
