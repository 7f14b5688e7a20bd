"""A year of hourly windows through Dagster: what Dagster costs over the steps' own work.

A month of 744 hours, most with a photo or two and every fourth with none, stands for each of
the year's twelve; starting Dagster's instance and code location counts once. Photos are tiny
and drawn, so the steps' work is as small as it gets and Dagster's share as large.

The steps' own work is measured by running the same steps over the same month without Dagster,
in turns with the backfill: what a step does while Dagster records is then counted once.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from PIL import Image

from bench.rows import BenchRow
from photosearch.catalogue.catalogue import Catalogue
from photosearch.catalogue.listing import Listing, Photo
from photosearch.settings import SETTINGS_FILE, SETTINGS_VARIABLE, Settings, load_settings
from photosearch.windows import Window
from photosearch_assets.dagster_home import open_instance
from photosearch_assets.materialize import Materializer, Summary
from photosearch_assets.plan import Timeline
from photosearch_assets.steps.context import StepContext
from photosearch_assets.steps.registry import own_step
from photosearch_assets.steps.result import StepResult

START = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2026, 2, 1, tzinfo=UTC)
MONTHS = 12
PHOTOS_BY_HOUR = (2, 1, 0, 2)
ROUNDS = 3


def measure() -> list[BenchRow]:
    """The steps alone and the backfill, in turns; the last backfill is then asked for again."""
    alone, through, startup = [], [], []
    for _ in range(ROUNDS):
        with _shop() as settings:
            alone.append(_steps_alone(settings))
        with _shop() as settings:
            started = time.perf_counter()
            with open_instance(settings) as instance:
                work = Materializer(settings, instance, _Silent(), now=END)
                startup.append(time.perf_counter() - started)
                through.append(_materialize(work).seconds)
            with open_instance(settings) as instance:
                again = _materialize(Materializer(settings, instance, _Silent(), now=END))
    own_s, all_s, startup_s = map(statistics.median, (alone, through, startup))
    hours = (END - START) // timedelta(hours=1)
    return [
        BenchRow(
            "backfill: total over the steps' own work",
            (startup_s / MONTHS + all_s) / own_s,
            "x",
            "≤ 1.3",
            f"{hours} hours: {all_s:.1f} s in all, {own_s:.1f} s the same steps without Dagster, "
            f"medians of {ROUNDS}; {startup_s:.0f} s to start, once",
        ),
        BenchRow(
            "backfill: a year of hourly windows",
            (startup_s + all_s * MONTHS) / 60,
            "min",
            None,
            "the month × 12: photos, vectors, hourly, daily and monthly indexes",
        ),
        BenchRow(
            "backfill: Dagster an hourly window",
            (all_s - own_s) / hours * 1000,
            "ms",
            None,
            "three materialisations and six checks, planning included",
        ),
        BenchRow(
            "backfill: asked for again",
            again.seconds,
            "s",
            None,
            f"finds {hours} hours up to date",
        ),
    ]


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


def _steps_alone(settings: Settings) -> float:
    """Seconds of all the steps that a backfill runs, one after the other."""
    month = Timeline.until(START, END)
    windows: dict[str, Sequence[Window]] = {
        "embedder": (),
        "images": month.hours,
        "embeddings": month.hours,
        "hourly_index": month.hours,
        "daily_index": month.days,
        "monthly_index": month.months,
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
def _shop() -> Iterator[Settings]:
    with tempfile.TemporaryDirectory(prefix="bench-backfill-") as folder:
        yield _shop_in(Path(folder))


def _shop_in(folder: Path) -> Settings:
    (folder / "photos").mkdir()
    (folder / SETTINGS_FILE).write_text(
        f'photos_url = "photos"\ntimeline_start = {START.isoformat()}\n'
    )
    os.environ[SETTINGS_VARIABLE] = str(folder / SETTINGS_FILE)
    settings = load_settings(folder / SETTINGS_FILE)
    settings.state.mkdir()
    draw = np.random.default_rng(0)
    listings, photos = [], []
    for hour in range((END - START) // timedelta(hours=1)):
        for number in range(PHOTOS_BY_HOUR[hour % len(PHOTOS_BY_HOUR)]):
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


if __name__ == "__main__":
    started = time.monotonic()
    for row in measure():
        print(f"{row.name}: {row.value:.3g} {row.unit} ({row.note})")  # noqa: T201
    print(f"{time.monotonic() - started:.0f} s")  # noqa: T201
