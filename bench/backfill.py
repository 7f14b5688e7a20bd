"""A year of hourly windows through Dagster: what Dagster costs over the steps' own work.

A month of 744 hours, most with a photo or two and every fourth with none, stands for each of
the year's twelve; starting Dagster's instance and code location counts once. Photos are tiny
and drawn, so the steps' work is as small as it gets and Dagster's share as large.
"""

import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from PIL import Image

from bench.rows import BenchRow
from photosearch.catalogue.catalogue import Catalogue
from photosearch.catalogue.listing import Listing, Photo
from photosearch.settings import SETTINGS_FILE, Settings, load_settings
from photosearch_assets.dagster_home import open_instance
from photosearch_assets.materialize import Materializer, Summary
from photosearch_assets.steps.result import StepResult

START = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2026, 2, 1, tzinfo=UTC)
MONTHS = 12
PHOTOS_BY_HOUR = (2, 1, 0, 2)


def measure() -> list[BenchRow]:
    """Backfill the month, then ask for it again."""
    with tempfile.TemporaryDirectory(prefix="bench-backfill-") as folder:
        settings = _shop(Path(folder))
        started = time.perf_counter()
        with open_instance(settings) as instance:
            work = Materializer(settings, instance, _Silent(), now=END)
            startup_s = time.perf_counter() - started
            first = _materialize(work)
        with open_instance(settings) as instance:
            again = _materialize(Materializer(settings, instance, _Silent(), now=END))
    own = sum(result.seconds for result in first.results.values())
    hours = sum(1 for step, _window in first.results if step == "hourly_index")
    return [
        BenchRow(
            "backfill: total over the steps' own work",
            (startup_s / MONTHS + first.seconds) / own,
            "x",
            "≤ 1.3",
            f"{hours} hours: {first.seconds:.0f} s in all, {own:.0f} s in steps; "
            f"{startup_s:.0f} s to start, once",
        ),
        BenchRow(
            "backfill: a year of hourly windows",
            (startup_s + first.seconds * MONTHS) / 60,
            "min",
            None,
            "the month × 12: photos, vectors, hourly, daily and monthly indexes",
        ),
        BenchRow(
            "backfill: Dagster an hourly window",
            (first.seconds - own) / hours * 1000,
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


def _shop(folder: Path) -> Settings:
    import os

    from photosearch.settings import SETTINGS_VARIABLE

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
