"""Every test of the catalogue that takes ``catalogue`` runs on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from photosearch.catalogue.catalogue import Catalogue
from photosearch.settings.settings import Settings
from tests.catalogue.shops import Run, run_on


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    file = tmp_path / "shop.db"
    file.touch()
    return f"sqlite:///{file}"


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(base_dir=tmp_path, database_url=database_url)


@pytest.fixture
def run(database_url: str) -> Run:
    """Run SQL statements, separated by semicolons, on the shop's database."""
    return lambda sql: run_on(database_url, sql)


@pytest.fixture
def catalogue(settings: Settings) -> Iterator[Catalogue]:
    """An empty catalogue in photosearch's own tables."""
    with Catalogue.open(settings) as catalogue:
        catalogue.create_tables()
        yield catalogue
