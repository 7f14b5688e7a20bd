"""A shop and its servers, for the conftests of several folders."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.shop import Servers, Shop, build_shop


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return build_shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture
def servers(shop: Shop, tmp_path: Path) -> Iterator[Servers]:
    running = Servers(shop, tmp_path / "endpoints")
    yield running
    running.close()
