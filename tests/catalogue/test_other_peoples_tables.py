"""A shop's own database: its names, its types, its ways of writing a time."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from photosearch.catalogue.catalogue import Catalogue, CatalogueError
from photosearch.catalogue.listing import CatalogueSize, Listing, Misplaced, Photo, catalogue_digest
from photosearch.settings.settings import Settings
from photosearch.windows import Window
from tests.catalogue.lamps import HOUR_14, TWO
from tests.catalogue.shops import Run

SHOP = """
CREATE TABLE items (item_no INTEGER PRIMARY KEY, name TEXT, listed TIMESTAMP NOT NULL);
CREATE TABLE pictures (key INTEGER PRIMARY KEY, item INTEGER, file TEXT);
INSERT INTO items VALUES (7, 'Lamp', '2026-11-22 14:05:00'), (8, 'Hat', '2026-11-22 15:00:00');
INSERT INTO pictures VALUES (70, 7, 'lamp.jpg'), (71, 7, 'lamp2.jpg'), (80, 8, 'hat.jpg'),
  (90, 9, 'stray.jpg'), (91, NULL, 'lost.jpg')
"""
NAMES = {
    "listings_table": "items",
    "photos_table": "pictures",
    "listing_id_column": "item_no",
    "listing_title_column": "name",
    "listing_price_column": "",
    "listing_category_column": "",
    "listing_status_column": "",
    "listing_time_column": "listed",
    "photo_id_column": "key",
    "photo_listing_column": "item",
    "photo_path_column": "file",
}


@pytest.mark.parametrize("kind", ["INTEGER", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"])
def test_a_column_that_changes_with_a_photos_bytes_is_part_of_its_hours_digest(
    settings: Settings, run: Run, kind: str
) -> None:
    first, second = (
        ("1", "2") if kind == "INTEGER" else ("'2026-11-22 16:00'", "'2026-11-22 17:00'")
    )
    run(SHOP)
    run(f"ALTER TABLE pictures ADD COLUMN touched {kind}; UPDATE pictures SET touched = {first}")
    names = {**NAMES, "photo_version_column": "touched"}

    with Catalogue.open(settings.model_copy(update=names)) as catalogue:
        before = catalogue.hour_digests(HOUR_14.span)[HOUR_14]
        assert before.digest == catalogue_digest(catalogue.photos_in(HOUR_14))
        run(f"UPDATE pictures SET touched = {second} WHERE key = 71")
        after = catalogue.hour_digests(HOUR_14.span)[HOUR_14]

    assert before != after
    with Catalogue.open(settings.model_copy(update=NAMES)) as catalogue:
        assert catalogue.hour_digests(HOUR_14.span)[HOUR_14] not in (before, after)


def test_listings_with_one_photo_each_may_be_a_single_table(settings: Settings, run: Run) -> None:
    run(
        """CREATE TABLE items (item_no INTEGER, name TEXT, listed TIMESTAMP, file TEXT);
        INSERT INTO items VALUES (7, 'Lamp', '2026-11-22 14:05:00', 'lamp.jpg'),
          (8, 'Hat', '2026-11-22 15:00:00', 'hat.jpg')"""
    )
    names = {**NAMES, "photos_table": "items", "photo_id_column": "item_no"}
    single = settings.model_copy(update={**names, "photo_listing_column": "item_no"})

    with Catalogue.open(single) as catalogue:
        catalogue.require_distinct_ids()
        moment = datetime(2026, 11, 22, 14, 5, tzinfo=UTC)
        photo = Photo("7", "7", "lamp.jpg", moment)
        assert catalogue.photos_in(HOUR_14) == [photo]
        assert catalogue.photo("7") == photo
        assert catalogue.listings(["7"]) == {
            "7": Listing("7", "Lamp", None, None, "live", moment, ("7",))
        }
        assert [*catalogue.hour_digests(HOUR_14.span)] == [HOUR_14]
        assert catalogue.size() == CatalogueSize(2, 2, 0, 0)

        run("INSERT INTO items VALUES (7, 'Lamp', '2026-11-22 14:05:00', 'other.jpg')")
        with pytest.raises(CatalogueError, match="ids of listings repeat"):
            catalogue.require_distinct_ids()


def test_names_of_tables_and_columns_are_settings(settings: Settings, run: Run) -> None:
    run(SHOP)

    with Catalogue.open(settings.model_copy(update=NAMES)) as catalogue:
        moment = datetime(2026, 11, 22, 14, 5, tzinfo=UTC)
        assert catalogue.photos_in(HOUR_14) == [
            Photo("70", "7", "lamp.jpg", moment),
            Photo("71", "7", "lamp2.jpg", moment),
        ]
        assert catalogue.listings(["7", "07", "seven"]) == {
            "7": Listing("7", "Lamp", None, None, "live", moment, ("70", "71"))
        }
        assert catalogue.photo("80") == Photo(
            "80", "8", "hat.jpg", moment.replace(hour=15, minute=0)
        )
        assert catalogue.photo("080") is None
        assert catalogue.size() == CatalogueSize(2, 3, 0, 2)


@pytest.mark.parametrize(
    ("setting", "wrong", "found"),
    [
        ("listings_table", "goods", "items, pictures"),
        ("photos_table", "images", "items, pictures"),
        ("listing_id_column", "id", "item_no, name, listed"),
        ("listing_title_column", "title", "item_no, name, listed"),
        ("listing_status_column", "state", "item_no, name, listed"),
        ("listing_time_column", "created", "item_no, name, listed"),
        ("photo_id_column", "id", "key, item, file"),
        ("photo_listing_column", "item_id", "key, item, file"),
        ("photo_path_column", "path", "key, item, file"),
    ],
)
def test_a_wrong_name_is_answered_with_what_is_there_and_the_setting(
    settings: Settings, run: Run, setting: str, wrong: str, found: str
) -> None:
    run(SHOP)

    with (
        Catalogue.open(settings.model_copy(update={**NAMES, setting: wrong})) as catalogue,
        pytest.raises(CatalogueError) as caught,
    ):
        catalogue.photo_count()

    assert repr(wrong) in caught.value.what
    assert caught.value.found == found
    assert f"set {setting} in {settings.file}" in str(caught.value)


def test_a_database_without_tables_says_so(settings: Settings, run: Run) -> None:
    with Catalogue.open(settings) as catalogue, pytest.raises(CatalogueError, match="no tables"):
        catalogue.time_range()


def test_the_tables_may_be_views(settings: Settings, run: Run) -> None:
    run(SHOP)
    run("CREATE VIEW shown AS SELECT * FROM items WHERE item_no = 8")
    names = {**NAMES, "listings_table": "shown"}

    with Catalogue.open(settings.model_copy(update=names)) as catalogue:
        assert [p.photo_id for p in catalogue.photos_in(Window.parse("daily/2026-11-22"))] == ["80"]


@pytest.mark.postgres
def test_tables_may_lie_in_a_schema_and_ids_be_uuids(postgres_url: str, tmp_path: Path) -> None:
    run_on = sa.create_engine(postgres_url)
    key = "6f1c1a3e-0000-4000-8000-000000000001"
    with run_on.begin() as connection:
        connection.exec_driver_sql(
            "CREATE SCHEMA shop; CREATE TABLE shop.listings (id uuid PRIMARY KEY, title text,"
            " price numeric(10, 2), category text, status text, listed_at timestamptz);"
            "CREATE TABLE photos (id bigint PRIMARY KEY, listing_id uuid, path text);"
            f"INSERT INTO shop.listings VALUES ('{key}', 'Lamp', 12.50, 'lamps', 'live',"
            " '2026-11-22 16:00:00+02');"
            f"INSERT INTO photos VALUES (1, '{key}', 'a.jpg'), (10, '{key}', NULL)"
        )
    run_on.dispose()
    settings = Settings(
        base_dir=tmp_path, database_url=postgres_url, listings_table="shop.listings"
    )

    with Catalogue.open(settings) as catalogue:
        assert catalogue.photos_in(HOUR_14) == [
            Photo("1", key, "a.jpg", TWO),
            Photo("10", key, "", TWO),  # fails by itself when it is fetched
        ]
        assert catalogue.listings([key, "no uuid"])[key].price == 12.5


SPELLINGS = [
    "'2026-11-22 14:05:00'",
    "'2026-11-22T14:05:00'",
    "'2026-11-22T14:05:00Z'",
    "'2026-11-22T14:05:00.000+00:00'",
    "'2026-11-22 14:05'",
    "'2026-11-23T04:05:00+14:00'",
    "'2026-11-22 02:05:00-12:00'",
    "1795356300",
    "1795356300.0",
    "1795356300000",
]


@pytest.mark.parametrize("declared", ["TIMESTAMP", "TEXT", "INTEGER", ""])
def test_sqlite_times_are_read_however_they_are_spelled(tmp_path: Path, declared: str) -> None:
    spellings = SPELLINGS
    if declared == "TEXT":  # SQLite would make them text: '1795356300'
        spellings = [text for text in SPELLINGS if text.startswith("'")]
    settings = _sqlite_shop(tmp_path, declared, spellings)

    with Catalogue.open(settings) as catalogue:
        photos = catalogue.photos_in(HOUR_14)
        digests = catalogue.hour_digests(Window.parse("daily/2026-11-22").span)

    assert len(photos) == len(spellings)
    assert {photo.listed_at for photo in photos} == {datetime(2026, 11, 22, 14, 5, tzinfo=UTC)}
    assert list(digests) == [HOUR_14]


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("'2026-11-21 14:05:00-12:00'", "hourly/2026-11-22T02"),
        ("'2026-11-23T12:05:00+14:00'", "hourly/2026-11-22T22"),
    ],
)
def test_a_sqlite_time_may_have_another_date_than_its_hour(
    tmp_path: Path, text: str, hour: str
) -> None:
    with Catalogue.open(_sqlite_shop(tmp_path, "TEXT", [text])) as catalogue:
        assert len(catalogue.photos_in(Window.parse(hour))) == 1


def test_sqlite_times_that_are_none_are_named_and_left_out(tmp_path: Path) -> None:
    settings = _sqlite_shop(
        tmp_path, "TEXT", ["NULL", "''", "'yesterday'", "'0000-00-00'", "'2026-02-31'", "X'00'"]
    )

    with Catalogue.open(settings) as catalogue:
        found = catalogue.outside(TWO, TWO)
        assert catalogue.time_range() is None
        assert catalogue.sample_photos(10) == []
        assert catalogue.listings(["1"]) == {}

    assert found[0] == Misplaced("0", None, "it has no time")
    assert found[2] == Misplaced("2", None, "its time can't be read: 'yesterday'")
    assert len(found) == 6


def _sqlite_shop(folder: Path, declared: str, times: list[str]) -> Settings:
    settings = Settings(base_dir=folder, database_url="sqlite:///shop.db")
    engine = sa.create_engine(f"sqlite:///{folder / 'shop.db'}")
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE listings (id INTEGER PRIMARY KEY, title, price, category, status,"
            f" listed_at {declared})"
        )
        connection.exec_driver_sql("CREATE TABLE photos (id, listing_id, path)")
        for key, time in enumerate(times):
            connection.exec_driver_sql(
                f"INSERT INTO listings VALUES ({key}, 'Lamp', 1, 'lamps', 'live', {time})"
            )
            connection.exec_driver_sql(f"INSERT INTO photos VALUES ({key}, {key}, '{key}.jpg')")
    engine.dispose()
    return settings


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("timestamptz", "'2026-11-22 16:05:00+02'", "2026-11-22T14:05"),
        ("timestamp", "'2026-11-22 14:05:00'", "2026-11-22T14:05"),
        ("date", "'2026-11-22'", "2026-11-22T00:00"),
        ("bigint", "1795356300", "2026-11-22T14:05"),
        ("bigint", "1795356300000", "2026-11-22T14:05"),
        ("numeric", "1795356300.0", "2026-11-22T14:05"),
        ("timestamptz", "'infinity'", None),
        ("timestamptz", "'-infinity'", None),
        ("timestamptz", "'0044-03-15 BC'", None),
        ("timestamp", "'294276-12-31'", None),
        ("timestamptz", "NULL", None),
    ],
)
def test_postgresql_times_are_read_whatever_their_type(
    postgres_url: str, tmp_path: Path, kind: str, value: str, expected: str | None
) -> None:
    engine = sa.create_engine(postgres_url)
    with engine.begin() as connection:
        # A server far from UTC must make no difference.
        connection.exec_driver_sql("ALTER ROLE postgres SET timezone TO 'Asia/Tokyo'")
        connection.exec_driver_sql(
            "CREATE TABLE listings (id text, title text, price int, category text, status text,"
            f" listed_at {kind}); CREATE TABLE photos (id text, listing_id text, path text);"
            f"INSERT INTO listings VALUES ('a', 'Lamp', 1, 'lamps', 'live', {value});"
            "INSERT INTO photos VALUES ('a', 'a', 'a.jpg')"
        )
    engine.dispose()

    with Catalogue.open(Settings(base_dir=tmp_path, database_url=postgres_url)) as catalogue:
        if expected is None:
            assert catalogue.outside(TWO, TWO)[0].listed_at is None
            assert catalogue.time_range() is None
            assert catalogue.photo("a") is None
        else:
            moment = datetime.fromisoformat(expected).replace(tzinfo=UTC)
            hour = Window.parse(f"hourly/{expected[:13]}")
            assert catalogue.time_range() == (moment, moment)
            assert [photo.listed_at for photo in catalogue.photos_in(hour)] == [moment]
            assert list(catalogue.hour_digests(Window.parse("monthly/2026-11").span)) == [hour]


@pytest.mark.postgres
def test_a_column_that_holds_no_time_is_refused(postgres_url: str, tmp_path: Path) -> None:
    settings = Settings(base_dir=tmp_path, database_url=postgres_url, listing_time_column="title")
    with Catalogue.open(settings) as catalogue:
        engine = sa.create_engine(postgres_url)
        with engine.begin() as connection:
            connection.exec_driver_sql(
                "CREATE TABLE listings"
                " (id text, title text, price int, category text, status text);"
                "CREATE TABLE photos (id text, listing_id text, path text)"
            )
        engine.dispose()

        with pytest.raises(CatalogueError, match="'title' of table 'listings' holds no time"):
            catalogue.photo_count()


def test_our_own_sqlite_tables_refuse_a_time_in_another_spelling(tmp_path: Path) -> None:
    with Catalogue.open(Settings(base_dir=tmp_path)) as catalogue:
        catalogue.create_tables()
    engine = sa.create_engine(f"sqlite:///{tmp_path}/.photosearch/catalogue.db")

    with (
        engine.connect() as connection,
        pytest.raises(sa.exc.IntegrityError, match="time_spelling"),
    ):
        connection.exec_driver_sql(
            "INSERT INTO listings (id, listed_at) VALUES ('a', '2026-11-22T14:05:00')"
        )
    engine.dispose()


@pytest.mark.parametrize("strange", ["a\0b", "9" * 30, "9" * 5000, "-1", "7\0"])
def test_an_id_that_no_database_can_hold_is_an_unknown_one(
    settings: Settings, run: Run, strange: str
) -> None:
    """Ids come from the API's callers; what a driver refuses is no failure of the database."""
    run(SHOP)

    with Catalogue.open(settings.model_copy(update=NAMES)) as catalogue:
        assert catalogue.listings([strange, "7"]).keys() == {"7"}
        assert catalogue.photo(strange) is None
