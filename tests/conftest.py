"""What tests of several parts share: a real PostgreSQL on loopback."""

import os
from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.postgres import administer, running_postgres

os.environ.pop("DAGSTER_HOME", None)  # a developer's own Dagster is none of the tests'


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server of this test run, without a database's name."""
    with running_postgres() as url:
        yield url


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of an empty PostgreSQL database of this test's own."""
    name = f"test_{uuid4().hex}"
    administer(postgres_server, f"CREATE DATABASE {name}")
    yield f"{postgres_server}/{name}"
    administer(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")
