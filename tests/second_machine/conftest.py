"""Two machines of one installation: the same stores, each with a state_dir of its own."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.assets.conftest import Shop, shop
from tests.erasure.conftest import make_all

__all__ = ["shop"]


class Machines:
    """The first has the catalogue; the second starts with an empty state_dir."""

    def __init__(self, shop: Shop, root: Path) -> None:
        root.mkdir()
        self.first, self.second = shop, Shop(root)
        self.configure()

    def configure(self, second: Mapping[str, object] | None = None, **values: object) -> None:
        """Set both alike, but for what ``second`` has otherwise."""
        shared = {"models_url": str(self.first.root / "models"), **values}
        self.first.configure(**shared)
        self.second.configure(
            photos_url=str(self.first.root / "photos"),
            database_url=f"sqlite:///{self.first.settings.catalogue_file}",
            **{**shared, **(second or {})},
        )


@pytest.fixture
def machines(shop: Shop, tmp_path: Path) -> Machines:
    return Machines(shop, tmp_path / "second")


@pytest.fixture
def made(machines: Machines) -> Machines:
    """The first machine has made three hours of two photos each, and their day."""
    machines.first.list_hours(3)
    make_all(machines.first)
    return machines
