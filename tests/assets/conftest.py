"""A small catalogue of drawn photos, and Dagster over it, for every test of the assets."""

import json
import os
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest
import tomlkit
from PIL import Image

from photosearch.catalogue.catalogue import Catalogue
from photosearch.catalogue.listing import Listing, Photo
from photosearch.settings.settings import SETTINGS_FILE, SETTINGS_VARIABLE, Settings, load_settings
from photosearch.windows import Window
from photosearch_assets.steps.context import StepContext

START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Shop:
    """A folder of photos with its catalogue, settings and state."""

    root: Path

    @property
    def settings(self) -> Settings:
        return load_settings(self.root / SETTINGS_FILE)

    def configure(self, **values: object) -> None:
        document = {"photos_url": "photos", "timeline_start": START, **values}
        (self.root / SETTINGS_FILE).write_text(tomlkit.dumps(document))

    def list_photo(self, name: str, at: datetime, content: bytes | None = None) -> Photo:
        """Add a listing of one photo: drawn, unless its file's bytes are given."""
        file = self.root / "photos" / name
        if content is None:
            draw(file, seed=abs(hash(name)) % 1000 if name[0] != "p" else int(name[1:-4]))
        else:
            file.write_bytes(content)
        photo = Photo(name, f"listing of {name}", name, at)
        with Catalogue.open(self.settings) as catalogue:
            catalogue.create_tables()
            listing = Listing(photo.listing_id, name, 1.0, "things", "live", at, (name,))
            catalogue.write([listing], [photo])
        return photo

    def list_hours(self, hours: int, photos: int = 2) -> None:
        """Fill the first hours of the timeline with drawn photos."""
        listings, pictured = [], []
        for hour in range(hours):
            for number in range(photos):
                name = f"p{hour * photos + number}.png"
                at = START + timedelta(hours=hour, minutes=number)
                draw(self.root / "photos" / name, seed=hour * photos + number)
                pictured.append(Photo(name, name, name, at))
                listings.append(Listing(name, name, 1.0, "things", "live", at, (name,)))
        with Catalogue.open(self.settings) as catalogue:
            catalogue.create_tables()
            catalogue.write(listings, pictured)

    def forget(self) -> None:
        shutil.rmtree(self.settings.state / "repository", ignore_errors=True)
        shutil.rmtree(self.settings.state / "cache", ignore_errors=True)


def draw(file: Path, seed: int) -> None:
    """A small picture of a few colours, another one for another seed."""
    blocks = np.random.default_rng(seed).integers(0, 255, (3, 3, 3), dtype=np.uint8)
    Image.fromarray(blocks).resize((48, 48), Image.Resampling.BICUBIC).save(file)


def hours(first: int, count: int) -> list[Window]:
    """Hours of the timeline by their number."""
    return [
        Window.parse(f"hourly/{(START + timedelta(hours=n)).strftime('%Y-%m-%dT%H')}")
        for n in range(first, first + count)
    ]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    (tmp_path / "photos").mkdir()
    shop = Shop(tmp_path)
    shop.configure()
    monkeypatch.setenv(SETTINGS_VARIABLE, str(tmp_path / SETTINGS_FILE))
    for name in list(os.environ):
        if name.startswith("PHOTOSEARCH_") and name != SETTINGS_VARIABLE:
            monkeypatch.delenv(name)
    shop.settings.state.mkdir()
    return shop


@pytest.fixture
def context(shop: Shop) -> Iterator[StepContext]:
    with StepContext(shop.settings) as context:
        yield context


@pytest.fixture
def instance(shop: Shop) -> Iterator[dg.DagsterInstance]:
    from photosearch_assets.instance.home import open_instance

    with open_instance(shop.settings) as instance:
        yield instance


Materialize = Callable[..., Any]


@pytest.fixture
def materialize(shop: Shop, instance: dg.DagsterInstance) -> Materialize:
    """Run assets for a range of windows, as a backfill does."""
    from photosearch_assets.definitions import load

    job = load().resolve_implicit_global_asset_job_def()

    def run(*names: str, windows: Sequence[Window] = ()) -> Any:
        tags: dict[str, str] = {}
        if len(windows) == 1:
            tags["dagster/partition"] = windows[0].start_text
        elif windows:
            tags["dagster/asset_partition_range_start"] = windows[0].start_text
            tags["dagster/asset_partition_range_end"] = windows[-1].start_text
        return job.execute_in_process(
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            instance=instance,
            asset_selection=[dg.AssetKey(name) for name in names],
            tags=tags,
            raise_on_error=False,
        )

    return run


def defs_of(steps: Sequence[Mapping[str, object]]) -> dg.Definitions:
    """The definitions of a DAG with these steps, as a team would write them."""
    from photosearch_assets.component import PhotosearchDag

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Dagster's components use what pydantic deprecates
        component = PhotosearchDag.resolve_from_yaml(json.dumps({"steps": list(steps)}))
        return dg.build_defs_for_component(component)
