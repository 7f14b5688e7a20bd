"""Hourly windows through Dagster: what Dagster costs over the steps' own work.

Two shops. In the quiet one most hours have a photo or two and every fourth has none, so that
the steps' work is as small as it gets and Dagster's share as large. In the small one an hour has
up to a dozen photos, by the hour of the day. (300,000 photos a year would be 34 an hour.) Photos
are tiny and drawn. A month of 744 hours stands for each of a year's twelve;
``bench.backfill_year`` measures the year itself.

The steps' own work is measured by running the same steps over the same windows without Dagster,
in turns with the backfill: what a step does while Dagster records is then counted once. The
embedder, which a year needs once, is made before in both.
Starting Dagster's instance and code location counts once a year.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from PIL import Image

from bench.rows import BenchRow
from photosearch.catalogue.catalogue import Catalogue
from photosearch.catalogue.listing import Listing, Photo
from photosearch.settings.settings import SETTINGS_FILE, SETTINGS_VARIABLE, Settings, load_settings
from photosearch.windows import Window
from photosearch_assets.instance.home import open_instance
from photosearch_assets.materialize.materializer import Materializer, Summary
from photosearch_assets.planning.plan import ClosedWindows
from photosearch_assets.steps.context import StepContext
from photosearch_assets.steps.registry import own_step
from photosearch_assets.steps.result import StepResult

START = datetime(2025, 1, 1, tzinfo=UTC)
A_MONTH = datetime(2025, 2, 1, tzinfo=UTC)
A_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Shop:
    """A catalogue: its name and its photos by the hour, over and over."""

    name: str
    photos_by_hour: Sequence[int]


QUIET = Shop("a photo or two an hour", (2, 1, 0, 2))
SMALL = Shop(
    "seven photos an hour",
    (2, 1, 0, 0, 0, 1, 2, 4, 6, 8, 10, 11, 12, 11, 10, 9, 9, 10, 12, 13, 12, 10, 7, 4),
)


def measure() -> list[BenchRow]:
    """Both shops; the quiet one's last backfill is then asked for again."""
    rows = compare(SMALL, A_MONTH, rounds=3, aim="≤ 1.3")
    return rows + compare(QUIET, A_MONTH, rounds=1) + [_again()]


def compare(shop: Shop, end: datetime, *, rounds: int, aim: str | None = None) -> list[BenchRow]:
    """The steps alone and the backfill of all hours until ``end``, in turns."""
    hours = (end - START) // timedelta(hours=1)
    of_a_year = (end - START) / (A_YEAR - START)
    alone, through, startup = [], [], []
    for _ in range(rounds):
        with _made(shop, end) as settings:
            alone.append(_steps_alone(settings, end))
        with _made(shop, end) as settings:
            started = time.perf_counter()
            with open_instance(settings) as instance:
                work = Materializer(settings, instance, _Silent(), now=end)
                startup.append(time.perf_counter() - started)
                through.append(_materialize(work).seconds)
    own_s, all_s, startup_s = map(statistics.median, (alone, through, startup))
    return [
        BenchRow(
            f"backfill, {shop.name}: total over the steps' own work",
            (all_s + startup_s * of_a_year) / own_s,
            "x",
            aim,
            f"{hours} hours: {all_s:.1f} s in all, {own_s:.1f} s the same steps without Dagster, "
            f"median of {rounds}; {startup_s:.0f} s to start, once a year",
        ),
        BenchRow(
            f"backfill, {shop.name}: a year",
            (startup_s + all_s / of_a_year) / 60,
            "min",
            None,
            f"from {hours} hours: photos, vectors, hourly, daily and monthly indexes",
        ),
        BenchRow(
            f"backfill, {shop.name}: Dagster an hour",
            (all_s - own_s) / hours * 1000,
            "ms",
            None,
            "three materialisations and six checks, planning included",
        ),
    ]


def _again() -> BenchRow:
    with _made(QUIET, A_MONTH) as settings:
        for _ in range(2):
            with open_instance(settings) as instance:
                work = Materializer(settings, instance, _Silent(), now=A_MONTH)
                seconds = _materialize(work).seconds
    return BenchRow("backfill: asked for again", seconds, "s", None, "finds a month up to date")


class _Silent:
    def photos(self, count: int) -> None:
        pass

    def result(self, result: StepResult) -> None:
        pass


def _materialize(work: Materializer) -> Summary:
    for _stage in work.run():
        pass
    if work.summary.has_failed:
        raise RuntimeError("; ".join(work.summary.failed_runs))
    return work.summary


def _steps_alone(settings: Settings, end: datetime) -> float:
    """Seconds of all the steps that a backfill runs, one after the other."""
    timeline = ClosedWindows.until(START, end)
    windows: dict[str, Sequence[Window]] = {
        "images": timeline.hours,
        "embeddings": timeline.hours,
        "quantiser": (),
        "hourly_index": timeline.hours,
        "daily_index": timeline.days,
        "monthly_index": timeline.months,
        "serving_image": (),
        "index_service": (),
    }
    started = time.perf_counter()
    for name, asked in windows.items():
        with StepContext(settings) as context:
            for _result in own_step(name)(asked, context):
                pass
    return time.perf_counter() - started


@contextmanager
def _made(shop: Shop, end: datetime) -> Iterator[Settings]:
    with tempfile.TemporaryDirectory(prefix="bench-backfill-") as folder:
        settings = _made_in(Path(folder), shop, end)
        with StepContext(settings) as context:
            for _result in own_step("embedder")((), context):
                pass
        yield settings


def _made_in(folder: Path, shop: Shop, end: datetime) -> Settings:
    (folder / "photos").mkdir()
    (folder / SETTINGS_FILE).write_text(
        f'photos_url = "photos"\ntimeline_start = {START.isoformat()}\n'
    )
    os.environ[SETTINGS_VARIABLE] = str(folder / SETTINGS_FILE)
    settings = load_settings(folder / SETTINGS_FILE)
    settings.state.mkdir()
    draw = np.random.default_rng(0)
    listings, photos = [], []
    for hour in range((end - START) // timedelta(hours=1)):
        for number in range(shop.photos_by_hour[hour % len(shop.photos_by_hour)]):
            name = f"{hour}-{number}.jpg"
            blocks = draw.integers(0, 255, (4, 4, 3), dtype=np.uint8)
            Image.fromarray(blocks).resize((96, 96)).save(folder / "photos" / name)
            at = START + timedelta(hours=hour, minutes=number)
            photos.append(Photo(name, name, name, at))
            listings.append(Listing(name, name, 1.0, "things", "live", at, (name,)))
    with Catalogue.open(settings) as catalogue:
        catalogue.create_tables()
        catalogue.write(listings, photos)
    return settings
