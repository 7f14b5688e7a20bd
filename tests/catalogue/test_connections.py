"""Databases that are not there."""

import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from photosearch.catalogue.catalogue import Catalogue, CatalogueError
from photosearch.settings import Settings


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


@pytest.mark.parametrize("url", ["mysql://shop", "postgresql+nodriver://shop", "oracle://x"])
def test_a_database_without_a_driver_is_refused(tmp_path: Path, url: str) -> None:
    assert "database_url" in str(error_of(tmp_path, url)) or "install" in str(
        error_of(tmp_path, url)
    )


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
