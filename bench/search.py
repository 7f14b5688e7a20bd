"""REST search by photo over what it can't do without: decode and forward.

The API, the deployer and its index servers run as processes, as for users, over a shop of the
demo's size, packed as for users. Every photo is searched over REST, and decoded and embedded in
this process, in turn, so that all meet the same noise of the machine. Here the network runs on
one thread, as most users would call it, and once more on all cores, as the API runs it for a
photo that comes alone: two floors.
"""

import http.client
import io
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from bench.rows import BenchRow
from index_grpc.index.encode import encode_index
from index_grpc.index.index_files import write_embeddings
from index_grpc.index.rows import Row
from index_grpc.shipping.reconcile import reconcile_servings
from photosearch.catalogue.catalogue import Catalogue
from photosearch.catalogue.listing import Listing, Photo
from photosearch.embedder.build import build_embedder
from photosearch.embedder.embedder import Embedder, open_embedder
from photosearch.images.decode import decode_photo
from photosearch.processes.spec import photosearch_argv
from photosearch.repository.addresses import Address
from photosearch.repository.repository import Repository
from photosearch.settings.settings import SETTINGS_FILE, Settings, load_settings
from photosearch.windows import HOUR, Granularity, Span, Window, windows_within

DRAWN = 320  # photos; the rest of the shop are their near likes
LISTINGS = 2_000
QUERIES = 200
WARM_UP = 20
PORT = 18_473
SIDE = 480  # pixels; a larger photo only makes decoding, the floor, longer


def measure() -> list[BenchRow]:
    """Build the shop, start the processes, time the queries."""
    with tempfile.TemporaryDirectory() as temporary:
        settings, embedders, photos = _shop(Path(temporary))
        with ExitStack() as stack:
            stack.enter_context(_running(settings, "deployer"))
            stack.enter_context(_running(settings, "api"))
            return _compare(settings, embedders, photos)


def _compare(
    settings: Settings, embedders: tuple[Embedder, Embedder], photos: Sequence[bytes]
) -> list[BenchRow]:
    connection = http.client.HTTPConnection("127.0.0.1", settings.api_port, timeout=30)
    _wait_until_complete(connection, photos[0])
    rest: list[float] = []
    floors: tuple[list[float], list[float]] = ([], [])
    for turn in range(WARM_UP + QUERIES):
        photo = photos[turn % len(photos)]
        start = time.perf_counter()
        _search(connection, photo)
        taken = [(time.perf_counter() - start) * 1e3]
        for embedder in embedders:
            start = time.perf_counter()
            embedder.embed([decode_photo(photo, max_megapixels=50)])
            taken.append((time.perf_counter() - start) * 1e3)
        if turn >= WARM_UP:
            for times, one in zip((rest, *floors), taken, strict=True):
                times.append(one)
    median = statistics.median(rest)
    floor, wide = map(statistics.median, floors)
    ninth = statistics.quantiles(rest, n=10)[-1]
    setting = f"{QUERIES} queries in turn, {LISTINGS:,} listings packed by default, loopback"
    return [
        BenchRow("REST search by photo, p50", median, "ms", None, setting),
        BenchRow("REST search by photo, p90", ninth, "ms", None, setting),
        BenchRow("decode + forward, p50", floor, "ms", None, "same photos, in turn, one thread"),
        BenchRow("REST p50 over decode + forward", median / floor, "x", "<= 1.3", setting),
        BenchRow("REST p50 over the same on all cores", median / wide, "x", None, setting),
    ]


def _search(connection: http.client.HTTPConnection, photo: bytes) -> tuple[int, bytes]:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="photo"; filename="q.jpg"\r\n\r\n'
        + photo
        + b"\r\n--b--\r\n"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    connection.request("POST", "/v1/search", body, headers)
    response = connection.getresponse()
    return response.status, response.read()


def _wait_until_complete(connection: http.client.HTTPConnection, photo: bytes) -> None:
    ends = time.monotonic() + 120
    while True:
        try:
            status, answer = _search(connection, photo)
            if status == 200 and b'"complete":true' in answer:
                return
        except OSError:
            connection.close()
        if time.monotonic() > ends:
            raise TimeoutError("the API did not answer for all windows in two minutes")
        time.sleep(0.25)


@contextmanager
def _running(settings: Settings, command: str) -> Iterator[None]:
    with (settings.base_dir / f"{command}.log").open("wb") as log:
        process = subprocess.Popen(
            photosearch_argv(command), env=settings.environment(), stdout=log, stderr=log
        )
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _shop(folder: Path) -> tuple[Settings, tuple[Embedder, Embedder], list[bytes]]:
    now = datetime.now(UTC)
    settings = load_settings(_settings_file(folder, now))
    paths = [f"{number}.jpg" for number in range(DRAWN)]
    contents = [_draw(number) for number in range(DRAWN)]
    (folder / "photos").mkdir()
    for path, content in zip(paths, contents, strict=True):
        (folder / "photos" / path).write_bytes(content)
    pixels = [decode_photo(content, max_megapixels=50) for content in contents]
    built = build_embedder(settings, pixels, len(pixels), folder / "work")
    embedder = open_embedder(built.folder, threads=1)
    wide = open_embedder(built.folder, alone=False)
    drawn = np.concatenate([embedder.embed([one]) for one in pixels])
    step = (Window.holding(Granularity.HOURLY, now).start - _start(now)) / LISTINGS
    photos = [
        Photo(f"photo {n}", f"listing {n}", paths[n % DRAWN], _start(now) + n * step)
        for n in range(LISTINGS)
    ]
    vectors = _near(drawn[np.arange(LISTINGS) % DRAWN])
    with Catalogue.open(settings) as catalogue:
        catalogue.create_tables()
        catalogue.write([_listing(photo) for photo in photos], photos)
    repository = Repository.of(settings)
    repository.publish(
        Address.embedders(),
        {path.name: path for path in built.folder.iterdir()},
        rows=0,
        dimension=built.dimension,
        inputs=[],
        recipe={},
        version=built.fingerprint,
    )
    repository.set_head(Address.embedders(), built.fingerprint)
    for window in _cover(_start(now), now):
        _publish(repository, built.fingerprint, window, photos, vectors, folder / "work")
    reconcile_servings(settings)
    return settings, (embedder, wide), contents


def _draw(number: int) -> bytes:
    """A JPEG of a phone's screen size; what it shows costs nothing, its pixels do."""
    rng = np.random.default_rng(number)
    coarse = Image.fromarray(rng.integers(0, 255, (6, 6, 3), np.uint8))
    photo = coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(photo)
    for _ in range(8):
        x, y = (int(one) for one in rng.integers(0, SIDE, 2))
        size = int(rng.integers(20, SIDE // 3))
        colour = tuple(int(one) for one in rng.integers(0, 255, 3))
        pen.ellipse((x - size, y - size, x + size, y + size), fill=colour)
    out = io.BytesIO()
    photo.save(out, "JPEG", quality=85)
    return out.getvalue()


def _settings_file(folder: Path, now: datetime) -> Path:
    file = folder / SETTINGS_FILE
    file.write_text(
        f'photos_url = "photos"\ntimeline_start = {_start(now).isoformat()}\n'
        f"api_port = {PORT}\nprojection_min_photos = 300\n"
    )
    return file


def _start(now: datetime) -> datetime:
    """The start of the month before the current one."""
    month = Window.holding(Granularity.MONTHLY, now)
    return Window.holding(Granularity.MONTHLY, month.start - HOUR).start


def _listing(photo: Photo) -> Listing:
    return Listing(
        photo.listing_id, photo.listing_id, 1.0, "demo", "live", photo.listed_at, (photo.photo_id,)
    )


def _near(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each vector float32 [n, d] moved a little, unit length."""
    noise = np.random.default_rng(0).standard_normal(vectors.shape) * 0.02
    moved = vectors + noise
    unit: NDArray[np.float32] = (moved / np.linalg.norm(moved, axis=1, keepdims=True)).astype(
        np.float32
    )
    return unit


def _cover(start: datetime, now: datetime) -> list[Window]:
    """The closed months, the closed days of this month, the closed hours of today."""
    span = Span(start, Window.holding(Granularity.HOURLY, now).start)
    windows: list[Window] = []
    reached = span.start
    for granularity in reversed(Granularity):
        if reached < span.end:
            windows += windows_within(Span(reached, span.end), granularity)
            reached = max([reached, *(window.end for window in windows)])
    return windows


def _publish(
    repository: Repository,
    fingerprint: str,
    window: Window,
    photos: Sequence[Photo],
    vectors: NDArray[np.float32],
    work: Path,
) -> None:
    inside = [n for n, one in enumerate(photos) if window.start <= one.listed_at < window.end]
    inside.sort(key=lambda n: (photos[n].listed_at, photos[n].photo_id))
    embeddings, index = work / window.key / "embeddings", work / window.key / "index"
    for folder in (embeddings, index):
        folder.mkdir(parents=True)
    rows = [
        Row(photos[n].photo_id, photos[n].listing_id, photos[n].listed_at, "0" * 64) for n in inside
    ]
    write_embeddings(embeddings, vectors[inside], rows)
    encode_index(embeddings, None, index)
    address = Address.index(fingerprint, window)
    manifest = repository.publish(
        address,
        {path.name: path for path in index.iterdir()},
        rows=len(rows),
        dimension=vectors.shape[1],
        inputs=[],
        recipe={},
    )
    repository.set_head(address, manifest.version)
