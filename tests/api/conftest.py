"""One shop a session; fresh servers and a fresh API for every test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from tests.api.fixtures import servers, shop
from tests.api.served import serving
from tests.api.shop import Servers, Shop

__all__ = ["servers", "shop"]

StartApi = Callable[..., httpx.Client]


@pytest.fixture
def start_api(shop: Shop, servers: Servers) -> Iterator[StartApi]:
    """Starts an API over the servers; keywords change its settings."""
    with ExitStack() as stack:

        def start(**settings: Any) -> httpx.Client:
            changed = shop.settings.model_copy(update=settings)
            discovery = servers.watch()
            return stack.enter_context(serving(changed, discovery))

        yield start


@pytest.fixture(scope="module")
def whole(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """An API whose servers hold all of the time, shared by tests that change nothing."""
    running = Servers(shop, tmp_path_factory.mktemp("endpoints"))
    running.serve_all()
    try:
        with serving(shop.settings, running.watch()) as client:
            yield client
    finally:
        running.close()
