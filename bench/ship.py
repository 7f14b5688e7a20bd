"""From a published HEAD to the new index answering, on one machine: the parts, and the waiting.

Everything runs as for users, under one supervisor: Dagster's daemon and web pages, deployer,
API. An hour's index gets another version, HEAD is moved to it, and each part tells when it was
done: the sensor's run its times, the Serving its file, the deployer its endpoint, the API its
cover. Waiting is what passes before the sensor looks, in Dagster's queue and while its process
starts; the rest is work.
"""

import contextlib
import os
import statistics
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import numpy as np
from PIL import Image

from bench.rows import BenchRow
from index_grpc.index.encode import encode_index
from index_grpc.index.index_files import ROWS, EmbeddingsFolder, write_embeddings
from index_grpc.index.rows import RowTable
from index_grpc.serving.opening import open_desk
from photosearch.catalogue.catalogue import Catalogue
from photosearch.catalogue.listing import Listing, Photo
from photosearch.processes.supervisor import Supervisor
from photosearch.repository.addresses import Address
from photosearch.repository.readiness import current_fingerprint
from photosearch.repository.repository import Repository
from photosearch.settings.settings import SETTINGS_FILE, SETTINGS_VARIABLE, Settings, load_settings
from photosearch.windows import Granularity, Window
from photosearch_assets.instance.home import open_instance
from photosearch_assets.materialize.materializer import Materializer

TIMES = 5
HOURS = 40
PHOTOS_AN_HOUR = 5
API_PORT = 18_573
RUN_TAG = {"photosearch/source": "shipping"}


@dataclass(frozen=True)
class Shipped:
    """Seconds from the move of HEAD to the end of each part."""

    asked: float
    started: float
    built: float
    announced: float
    answered: float

    @property
    def parts(self) -> dict[str, float]:
        """Seconds of each part, in order."""
        return {
            "the sensor sees it and asks": self.asked,
            "the run waits and its process starts": self.started - self.asked,
            "the run builds, pushes, asks for the Serving": self.built - self.started,
            "the deployer pulls, loads, warms up, announces": self.announced - self.built,
            "the API turns to it": self.answered - self.announced,
        }

    @property
    def waiting(self) -> float:
        """Seconds in which nobody worked on it."""
        return self.started


def measure() -> list[BenchRow]:
    """Make a shop, start everything, publish some versions one after another."""
    with tempfile.TemporaryDirectory(prefix="bench-ship-") as folder:
        settings = _shop(Path(folder))
        with open_instance(settings) as instance:
            for _ in Materializer(settings, instance, _Silent()).run():
                pass
            with Supervisor(settings).start() as supervisor:
                supervisor.wait_ready(120)
                hour = Window.holding(Granularity.HOURLY, datetime.now(UTC) - timedelta(hours=2))
                shipped = [_ship(settings, instance, hour, number) for number in range(TIMES)]
    total = statistics.median(one.answered for one in shipped)
    waiting = statistics.median(one.waiting / one.answered for one in shipped)
    note = f"median of {TIMES}; {len(shipped)} versions of one hour, one after another"
    parts = {
        name: statistics.median(one.parts[name] for one in shipped) for name in shipped[0].parts
    }
    return [
        BenchRow("from a published HEAD to the new index answering", total, "s", None, note),
        *(BenchRow(f"ship: {name}", taken, "s", None, "") for name, taken in parts.items()),
        BenchRow("ship: share that is waiting", waiting, "", None, "sensor, queue, process start"),
    ]


def _ship(settings: Settings, instance: dg.DagsterInstance, window: Window, number: int) -> Shipped:
    repository = Repository.of(settings)
    fingerprint = current_fingerprint(repository)
    assert fingerprint is not None
    address = Address.index(fingerprint, window)
    version = _publish(repository, address, number)
    time.sleep(number % 5)  # not always at the same moment of the sensor's pause
    moved = time.time()
    repository.rollback(address, version)  # pinned, or the reconciler would make its own again
    limit = time.monotonic() + 300
    while not _is_answering(settings, window, version):
        if time.monotonic() > limit:
            raise TimeoutError(f"{window} {version} was not served in five minutes")
        time.sleep(0.05)
    answered = time.time()
    record = instance.get_run_records(dg.RunsFilter(tags=RUN_TAG), limit=1)[0]
    [serving] = [
        one
        for one in open_desk(settings).asked().values()
        if any((held.window, held.version) == (window, version) for held in one.windows)
    ]
    [endpoint] = [
        one for one in open_desk(settings).endpoints.read() if one.serving == serving.name
    ]
    asked_at = (settings.servings_dir / f"{serving.name}.json").stat().st_mtime
    return Shipped(
        asked=record.create_timestamp.timestamp() - moved,
        started=(record.start_time or answered) - moved,
        built=asked_at - moved,
        announced=endpoint.ready_at.timestamp() - moved,
        answered=answered - moved,
    )


def _is_answering(settings: Settings, window: Window, version: str) -> bool:
    url = f"http://127.0.0.1:{settings.api_port}/v1/windows"
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as reply:
        return f'"{version}"' in reply.read().decode()
    return False


def _publish(repository: Repository, address: Address, number: int) -> str:
    """Another version of an hour's index, with its vectors moved a little."""
    assert address.window is not None
    assert address.fingerprint is not None
    source = Address.embeddings(address.fingerprint, address.window)
    current = repository.current(source)
    assert current is not None
    embeddings = EmbeddingsFolder.open(repository.local_files(source, current.version))
    drawn = np.random.default_rng(number).standard_normal((current.rows, current.dimension or 0))
    vectors = embeddings.read_vectors() + 0.01 * drawn
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with RowTable(embeddings.folder / ROWS) as rows:
            write_embeddings(folder / "embeddings", vectors.astype(np.float32), list(rows))
        encode_index(folder / "embeddings", None, folder / "index")
        return repository.publish(
            address,
            {file.name: file for file in (folder / "index").iterdir()},
            rows=current.rows,
            dimension=current.dimension,
            inputs=current.inputs,
            recipe={"bench": number},
        ).version


def _shop(folder: Path) -> Settings:
    now = datetime.now(UTC)
    (folder / "photos").mkdir()
    start = Window.holding(Granularity.MONTHLY, now).start
    (folder / SETTINGS_FILE).write_text(
        f'photos_url = "photos"\ntimeline_start = {start.isoformat()}\n'
        f"api_port = {API_PORT}\ndagster_port = {API_PORT + 1}\n"
    )
    os.environ[SETTINGS_VARIABLE] = str(folder / SETTINGS_FILE)
    settings = load_settings()
    settings.state.mkdir()
    photos = list(_draw(folder / "photos", max(start, now - timedelta(hours=HOURS)), now))
    listings = [
        Listing(p.listing_id, p.listing_id, 1.0, "things", "live", p.listed_at, (p.photo_id,))
        for p in photos
    ]
    with Catalogue.open(settings) as catalogue:
        catalogue.create_tables()
        catalogue.write(listings, photos)
    return settings


def _draw(folder: Path, start: datetime, now: datetime) -> Iterator[Photo]:
    draw = np.random.default_rng(0)
    count = HOURS * PHOTOS_AN_HOUR
    for number in range(count):
        name = f"{number}.jpg"
        blocks = draw.integers(0, 255, (6, 6, 3), dtype=np.uint8)
        Image.fromarray(blocks).resize((128, 128)).save(folder / name)
        yield Photo(name, name, name, start + (now - start) * number / count)


class _Silent:
    def photos(self, count: int) -> None:
        pass

    def result(self, result: object) -> None:
        pass
