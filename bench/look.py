"""What a look at a year of hours costs, and what a process reads before it can plan.

A year of 8,760 hours is made and up to date, in a folder and in a bucket of a server that answers
from memory (:mod:`bench.bucket_from_memory`). The look is the reconciler's: what is due. Cold
starts are those of an API, which waits for the indexes that are ready, and of a deployer, which
plans its packs from them, each by a repository that remembers nothing, with 20 ms between a
request and its answer. Two in turn: with the summaries that the reconciler keeps, and without.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from api.fleet.repository_watch import RepositoryWatch
from bench import year
from bench.rows import BenchRow
from index_grpc.serving.desired import DesiredServings
from photosearch.catalogue.hour_digests import HourDigests
from photosearch.repository.repository import Repository
from photosearch.repository.summaries import FOLDER
from photosearch.settings.settings import Settings
from photosearch_assets.planning.plan import ClosedWindows, find_due
from photosearch_assets.steps.context import StepContext

LOOKS = 9
STARTS = 3
NETWORK_S = 0.02
_KEYS = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench"}


class Bucket:
    """The server of a bucket, asked how often it was asked."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def requests(self) -> int:
        """Requests since the last call."""
        with urllib.request.urlopen(f"{self.url}/-/counts") as answer:
            return sum(json.load(answer).values())

    def wait(self, seconds: float) -> None:
        """Let so much pass between each request and its answer."""
        urllib.request.urlopen(f"{self.url}/-/wait?s={seconds}").close()


def measure() -> list[BenchRow]:
    """Make the year once, look at it in both places, and start anew in the bucket."""
    with tempfile.TemporaryDirectory(prefix="bench-look-") as folder:
        root = Path(folder)
        (root / "photos").mkdir()
        near = _settings(root, models_url=str(root / "models"))
        photos = year.write_catalogue(near)
        year.write_folder(root / "models", year.objects(photos))
        time.sleep(3)  # the catalogue's file is believed when it has been left alone for a while
        rows = [_look("a folder", near)]
        with _bucket_of(root / "models") as bucket:
            far = _settings(root, models_url="s3://models", s3_endpoint=bucket.url)
            rows.append(_look("a bucket", far, bucket))
            rows += _starts(far, bucket)
    return rows


def _look(where: str, settings: Settings, bucket: Bucket | None = None) -> BenchRow:
    digests = HourDigests()

    def look() -> None:
        timeline = ClosedWindows.until(year.START, year.END)
        with StepContext(settings, hour_digests=digests) as context:
            assert find_due(context, timeline).is_empty
            context.repository.write_summaries()

    cold, *warm = (_seconds(look) for _ in range(LOOKS + 1))
    note = (
        f"9,137 windows, 61,320 photos; {min(warm):.2f} to {max(warm):.2f} s, the first {cold:.1f}"
    )
    if bucket is not None:
        bucket.requests()
        look()
        note += f"; {bucket.requests()} requests"
    name = f"a look at a year of hours in {where}, with nothing due"
    return BenchRow(name, statistics.median(warm), "s", "≤ 0.3", note)


def _starts(settings: Settings, bucket: Bucket) -> list[BenchRow]:
    bucket.wait(NETWORK_S)
    rows = []
    for name, start in (("an API knows what is ready", _api), ("packs are planned", _deployer)):
        rows.append(_start(f"{name}, cold, at 20 ms a request", "≤ 5", start, settings, bucket))
    storage = Repository.of(settings).storage
    storage.delete(file.path for file in storage.files(FOLDER))
    name = "the same, before the reconciler has looked for the first time"
    return [*rows, _start(name, None, _api, settings, bucket, times=1)]


def _start(
    name: str,
    aim: str | None,
    start: Callable[[Settings], None],
    settings: Settings,
    bucket: Bucket,
    times: int = STARTS,
) -> BenchRow:
    bucket.requests()
    seconds = [_seconds(lambda: start(settings)) for _ in range(times)]
    note = f"a year of hours in a bucket; {bucket.requests() // times:,} requests"
    return BenchRow(name, statistics.median(seconds), "s", aim, note)


def _api(settings: Settings) -> None:
    watch = RepositoryWatch(Repository.of(settings))
    fingerprint = watch.read_head()
    assert fingerprint is not None
    assert len(watch.read(fingerprint).indexes) == 9137


def _deployer(settings: Settings) -> None:
    now = year.END + timedelta(days=1)
    desired = DesiredServings(settings, Repository.of(settings), lambda: now)
    desired.look()
    assert desired.servings(refused=())


def _seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _settings(root: Path, **values: object) -> Settings:
    given = {"base_dir": root, "state_dir": root / "state", "photos_url": str(root / "photos")}
    return Settings.model_validate(
        {**given, "s3_region": "us-east-1", "timeline_start": year.START, **values}
    )


@contextmanager
def _bucket_of(folder: Path) -> Iterator[Bucket]:
    command = [sys.executable, "-m", "bench.bucket_from_memory", "models", str(folder)]
    given = {name: os.environ.get(name) for name in _KEYS}
    os.environ.update(_KEYS)
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield Bucket(int(server.stdout.readline()))
    finally:
        server.kill()
        server.wait()
        for name, value in given.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
