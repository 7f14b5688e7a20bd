"""Fixtures of bucket servers, for the conftests of several folders."""

from collections.abc import Iterator
from typing import cast

import pytest

from tests.stores.buckets import Bucket, StoreServer, gcs_server, s3_server
from tests.stores.front import works

PROTOCOLS = ("s3", "gs")


@pytest.fixture(scope="session")
def s3() -> Iterator[StoreServer]:
    with s3_server() as server, pytest.MonkeyPatch.context() as environment:
        # The standard way, as a person's shell has them.
        environment.setenv("AWS_ACCESS_KEY_ID", "tests")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        yield server


@pytest.fixture(scope="session")
def gcs() -> Iterator[StoreServer]:
    with gcs_server() as server:
        yield server


@pytest.fixture(params=PROTOCOLS)
def bucket(request: pytest.FixtureRequest) -> Bucket:
    """A new bucket of each protocol in turn, asked through a front without faults."""
    return new_bucket(request, request.param)


def new_bucket(request: pytest.FixtureRequest, scheme: str) -> Bucket:
    """A new bucket of the protocol; its server is started when first asked for."""
    server = cast(StoreServer, request.getfixturevalue("s3" if scheme == "s3" else "gcs"))
    server.front.script = works
    server.front.pause_s = 0.0
    server.front.requests.clear()
    return server.bucket()
