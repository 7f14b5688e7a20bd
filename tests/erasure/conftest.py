"""A small shop whose first day is made, by the steps alone."""

import shutil
from pathlib import Path

import pytest

from photosearch.settings.settings import SETTINGS_FILE, SETTINGS_VARIABLE
from photosearch.windows import Window
from tests.assets.by_hand import due, run_step
from tests.assets.conftest import Shop, shop

__all__ = ["shop"]

DAY = Window.parse("daily/2026-01-01")


def make_all(shop: Shop) -> None:
    """What is due, without Dagster."""
    run_step(shop, "embedder")
    for name in ("images", "embeddings"):
        run_step(shop, name, due(shop).embeddings)
    run_step(shop, "quantiser")
    run_step(shop, "hourly_index", due(shop).hours)
    run_step(shop, "daily_index", due(shop).days)


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three hours of two photos each, all made; copied for each test."""
    root = tmp_path_factory.mktemp("made")
    (root / "photos").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SETTINGS_VARIABLE, str(root / SETTINGS_FILE))
        shop = Shop(root)
        shop.configure()
        shop.settings.state.mkdir()
        shop.list_hours(3)
        make_all(shop)
    return root


@pytest.fixture
def made(shop: Shop, made_once: Path) -> Shop:
    """Three hours of two photos each, all made."""
    shutil.copytree(made_once, shop.root, dirs_exist_ok=True)
    return shop
