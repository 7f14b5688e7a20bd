"""Databases that are not there."""

import pickle
import re
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from photosearch.catalogue.catalogue import Catalogue, CatalogueError
from photosearch.catalogue.connection import database_errors, make_engine
from photosearch.settings.settings import Settings
from tests.catalogue.lamps import HOUR_14, TWO
from tests.catalogue.pooler import pgbouncer
from tests.postgres import GUARDED


def error_of(folder: Path, url: str) -> CatalogueError:
    with (
        pytest.raises(CatalogueError) as caught,
        Catalogue.open(Settings(base_dir=folder, database_url=url)) as catalogue,
    ):
        catalogue.photo_count()
    return caught.value


def test_opening_connects_to_nothing(tmp_path: Path) -> None:
    url = "postgresql://someone@127.0.0.1:1/shop"

    with Catalogue.open(Settings(base_dir=tmp_path, database_url=url)) as catalogue:
        assert catalogue.shown_url == url


def test_a_missing_file_is_named_and_not_made(tmp_path: Path) -> None:
    error = error_of(tmp_path, "sqlite:///shop.db")

    assert f"there is no catalogue {tmp_path}/shop.db" in str(error)
    assert not (tmp_path / "shop.db").exists()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shop.db").write_text("id,title\n" * 1000)

    assert "file is not a database" in str(error_of(tmp_path, "sqlite:///shop.db"))


def test_a_server_that_does_not_answer_is_named_without_its_password(tmp_path: Path) -> None:
    error = error_of(tmp_path, "postgresql://someone:secret@127.0.0.1:1/shop")

    assert "postgresql://someone:***@127.0.0.1:1/shop" in error.what
    assert error.found is not None
    assert "refused" in error.found
    assert "secret" not in str(error)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_text_that_is_no_url_is_refused(tmp_path: Path) -> None:
    assert "is no SQLAlchemy URL" in str(error_of(tmp_path, "shop.db"))
    assert "secret" not in str(error_of(tmp_path, "shop://me:secret@host:port/x"))


@pytest.mark.parametrize("url", ["mysql://me:secret@db/shop", "postgres://db/shop", "oracle://x"])
def test_another_database_is_answered_with_those_that_are_read(tmp_path: Path, url: str) -> None:
    error = error_of(tmp_path, url)

    assert error.what == "the catalogue lies in SQLite or PostgreSQL"
    assert error.found == url.partition(":")[0]
    assert "set database_url to sqlite:///FILE, postgresql://USER@HOST/NAME" in str(error)


@dataclass(frozen=True)
class Guarded:
    """A database that asks its user for a password; ``url`` has none."""

    url: str
    user: str
    password: str


@pytest.fixture(params=["postgresql", "postgresql+psycopg"])
def guarded(request: pytest.FixtureRequest, postgres_url: str) -> Iterator[Guarded]:
    if request.param == "postgresql+psycopg":
        pytest.importorskip("psycopg", exc_type=ImportError)
    user, password = f"user_{uuid4().hex}", "p@ss/w?rd%41"
    engine = sa.create_engine(postgres_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {user} LOGIN IN ROLE {GUARDED}")
        literal = sa.literal(password).compile(compile_kwargs={"literal_binds": True})
        connection.exec_driver_sql(f"ALTER ROLE {user} PASSWORD {str(literal).replace('%', '%%')}")
    url = engine.url.set(drivername=request.param, username=user).render_as_string()
    yield Guarded(url, user, password)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP ROLE {user}")
    engine.dispose()


@pytest.mark.postgres
def test_a_password_of_its_own_opens_the_database_and_is_in_no_url(
    guarded: Guarded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOTOSEARCH_DATABASE_PASSWORD", guarded.password)

    with Catalogue.open(Settings(base_dir=tmp_path, database_url=guarded.url)) as catalogue:
        catalogue.connect()
        assert catalogue.shown_url == guarded.url


@pytest.mark.postgres
@pytest.mark.parametrize("password", [None, "another"])
def test_a_password_that_is_missing_or_wrong_is_told_with_its_setting(
    guarded: Guarded, tmp_path: Path, password: str | None
) -> None:
    settings = Settings(
        base_dir=tmp_path,
        database_url=guarded.url,
        database_password=password,
    )

    with (
        pytest.raises(CatalogueError, match="password") as caught,
        Catalogue.open(settings) as catalogue,
    ):
        catalogue.connect()

    assert "set database_password, or PHOTOSEARCH_DATABASE_PASSWORD" in str(caught.value)
    assert "another" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://shop:one@127.0.0.1:1/shop",
        "postgresql://shop@127.0.0.1:1/shop?password=one",
        "postgresql://shop:two@127.0.0.1:1/shop?password=one",
    ],
)
def test_two_passwords_that_differ_are_refused_unseen(tmp_path: Path, url: str) -> None:
    settings = Settings(base_dir=tmp_path, database_url=url, database_password=SecretStr("two"))

    with pytest.raises(CatalogueError, match="another password than database_pass") as caught:
        Catalogue.open(settings)

    assert not re.search(r"\b(one|two)\b", str(caught.value))


def test_the_same_password_twice_is_no_contradiction(tmp_path: Path) -> None:
    url = "postgresql://shop:two@127.0.0.1:1/shop"
    settings = Settings(base_dir=tmp_path, database_url=url, database_password=SecretStr("two"))

    with Catalogue.open(settings) as catalogue:
        assert catalogue.shown_url == "postgresql://shop:***@127.0.0.1:1/shop"


def test_a_sqlite_file_has_no_password(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="SQLite file, which has none"):
        Catalogue.open(Settings(base_dir=tmp_path, database_password=SecretStr("two")))


@pytest.mark.postgres
def test_a_missing_postgresql_database_is_named(postgres_url: str, tmp_path: Path) -> None:
    error = error_of(tmp_path, f"{postgres_url}_other")

    assert error.found is not None
    assert "does not exist" in error.found


@pytest.mark.postgres
def test_a_connection_that_was_cut_is_made_anew(postgres_url: str, tmp_path: Path) -> None:
    with Catalogue.open(Settings(base_dir=tmp_path, database_url=postgres_url)) as catalogue:
        catalogue.create_tables()
        engine = sa.create_engine(postgres_url)
        with engine.connect() as connection:
            connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        engine.dispose()

        assert catalogue.photo_count() == 0


def test_several_that_make_the_first_catalogue_at_once_all_do(tmp_path: Path) -> None:
    together = threading.Barrier(4)

    def make(folder: Path) -> int:
        with Catalogue.open(Settings(base_dir=folder)) as catalogue:
            together.wait(30)
            catalogue.create_tables()
            return catalogue.photo_count()

    for turn in range(4):
        folder = tmp_path / f"{turn}"
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(make, [folder] * 4)) == [0] * 4


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+asyncpg://someone:secret@127.0.0.1/shop",
        "postgresql+pg8000://someone:secret@127.0.0.1/shop",
        "postgresql+psycopg_async://someone:secret@127.0.0.1/shop",
        "sqlite+aiosqlite:///shop.db",
    ],
)
def test_the_drivers_of_a_shops_own_application_are_answered_with_the_url_to_write(
    tmp_path: Path, url: str
) -> None:
    error = error_of(tmp_path, url)

    backend, _, driver = url.partition("://")[0].partition("+")
    assert error.what.endswith(f"with the driver {driver}")
    assert error.remedy == f"write {backend}:// in its place; the rest of the URL may stay"
    assert "secret" not in str(error)


@pytest.fixture(params=["postgresql", "postgresql+psycopg"])
def shop_in_a_schema(request: pytest.FixtureRequest, postgres_url: str) -> str:
    """A database whose tables lie in a schema, and whose zone is far from UTC."""
    if request.param == "postgresql+psycopg":
        pytest.importorskip("psycopg", exc_type=ImportError)
    engine = sa.create_engine(postgres_url)
    name = engine.url.database
    with engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {name} SET timezone TO 'Asia/Tokyo'")
        connection.exec_driver_sql(
            "CREATE SCHEMA app; CREATE TABLE app.listings (id bigint PRIMARY KEY, title text,"
            " price numeric, category text, status text, listed timestamptz);"
            "CREATE TABLE app.photos (id int PRIMARY KEY, listing_id bigint, path text);"
            "INSERT INTO app.listings VALUES"
            " (3000000000, 'Lamp', 1, 'c', 'live', '2026-11-22 14:05Z');"
            "INSERT INTO app.photos VALUES (1, 3000000000, 'a.jpg');"
            # What a zone decides: a time that the shop's view tells without one.
            "CREATE VIEW app.shown AS SELECT *, listed::timestamp AS listed_at FROM app.listings"
        )
    engine.dispose()
    return postgres_url.replace("postgresql:", f"{request.param}:")


def _read_it(folder: Path, url: str, prefix: str = "") -> None:
    settings = Settings(
        base_dir=folder,
        database_url=url,
        listings_table=f"{prefix}shown",
        photos_table=f"{prefix}photos",
    )
    for _ in range(8):  # a pooler gives them sessions that others have had
        with Catalogue.open(settings) as catalogue:
            assert [photo.listed_at for photo in catalogue.photos_in(HOUR_14)] == [
                TWO.replace(minute=5)
            ]
            assert list(catalogue.hour_digests(HOUR_14.span)) == [HOUR_14]
            for _ in range(8):  # as often as a driver needs to prepare a statement
                assert catalogue.listings(["3000000000"])["3000000000"].title == "Lamp"


@pytest.mark.postgres
def test_the_zone_is_utc_behind_a_pooler_too(shop_in_a_schema: str, tmp_path: Path) -> None:
    with pgbouncer(shop_in_a_schema) as url:
        scheme = shop_in_a_schema.partition("://")[0]
        other = sa.create_engine(url, pool_size=1)
        with other.connect() as connection:
            connection.exec_driver_sql("SET TIME ZONE 'America/New_York'")
            connection.commit()
            connection.exec_driver_sql("SELECT 1").scalar()
            connection.commit()

            _read_it(tmp_path, url.replace("postgresql:", f"{scheme}:"), "app.")
        other.dispose()


@pytest.mark.postgres
@pytest.mark.parametrize("by", ["url", "environment"])
def test_options_of_the_url_and_the_environment_reach_the_database(
    shop_in_a_schema: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    options = "-csearch_path=app -ctimezone=Asia/Tokyo"
    if by == "environment":
        monkeypatch.setenv("PGOPTIONS", options)
        _read_it(tmp_path, shop_in_a_schema)
    else:
        _read_it(tmp_path, f"{shop_in_a_schema}?options={quote(options)}")


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("SQLITE_FULL", "free space on that disk, then run this again"),
        ("SQLITE_IOERR_WRITE", "see to the disk"),
        ("SQLITE_BUSY", "let the program that holds it come to an end"),
    ],
)
def test_a_file_s_trouble_is_not_called_a_server_s(tmp_path: Path, name: str, remedy: str) -> None:
    engine = make_engine(tmp_path / "shop.db", tmp_path)
    fault = sqlite3.OperationalError("database or disk is full")
    fault.sqlite_errorname = name

    with pytest.raises(CatalogueError, match=remedy), database_errors(engine):
        raise sa.exc.OperationalError("insert", {}, fault)
