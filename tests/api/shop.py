"""A little shop with everything real behind its API.

Sixty pictures in a folder, a SQLite catalogue, the shipped embedder, exact indexes in a model
repository, and index servers over real gRPC that serve packs of them. Tests choose which
packs are served and in which state; nothing between the REST border and the bytes on disk is
a double.
"""

import io
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from api.fleet.discovery import EndpointWatch
from index_grpc.index.encode import encode_index
from index_grpc.index.glue import glue_indexes
from index_grpc.index.index_files import write_embeddings
from index_grpc.index.pack import Pack
from index_grpc.index.rows import Row
from index_grpc.server.loading import load_serving
from index_grpc.server.server import IndexServer
from index_grpc.serving.desk import Endpoint, EndpointWindow
from index_grpc.serving.endpoints import EndpointFolder
from index_grpc.serving.serving import Serving
from photosearch.catalogue.catalogue import Catalogue
from photosearch.catalogue.listing import Listing, Photo
from photosearch.embedder.build import build_embedder
from photosearch.embedder.embedder import Embedder, open_embedder
from photosearch.images.decode import decode_photo
from photosearch.repository.addresses import Address
from photosearch.repository.manifest import Input
from photosearch.repository.repository import Repository
from photosearch.settings.settings import Settings, load_settings
from photosearch.windows import Granularity, Span, Window, windows_within

START = datetime(2026, 10, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 3, 2, 20, tzinfo=UTC)
CATEGORIES = ("chairs", "lamps", "shoes", "bags", "cups", "toys")
SHAPES = ("ellipse", "rectangle", "triangle", "ring", "cross", "bars")
COLOURS = ("#c8443c", "#2f6db5", "#3f8f55", "#d9a520", "#7a4fa0", "#222831", "#e07b39", "#3aa6a6")


Draw = Callable[[Path], tuple[list[Listing], list[Photo]]]


@dataclass
class Shop:
    """The shop's folder and what was made in it; :meth:`serve` brings packs up."""

    folder: Path
    settings: Settings
    repository: Repository
    photos: dict[str, Photo]
    embedder: Embedder = field(init=False)
    vectors: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    versions: dict[Window, str] = field(default_factory=dict)
    #: Photos that an hour's index holds beside its own.
    late: dict[str, Window] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        return self.embedder.fingerprint

    def photo_bytes(self, photo_id: str) -> bytes:
        return (self.folder / "photos" / self.photos[photo_id].path).read_bytes()

    def photos_in(self, window: Window) -> list[Photo]:
        return [
            one
            for one in self.photos.values()
            if _is_in(one.listed_at, window) or self.late.get(one.photo_id) == window
        ]


class Servers:
    """Index servers of this process that announce themselves in a folder."""

    def __init__(self, shop: Shop, endpoints: Path) -> None:
        self.shop = shop
        self.endpoints = endpoints
        self._running: dict[str, tuple[IndexServer, Pack]] = {}
        self._windows: dict[str, list[Window]] = {}
        self._silent: list[socket.socket] = []

    def watch(self) -> EndpointWatch:
        """Finds them, as the API does."""
        return EndpointWatch(EndpointFolder(self.endpoints))

    def serve(self, windows: Iterable[Window], name: str | None = None) -> str:
        """Start a server for these windows; returns its Serving's name."""
        serving = Serving.of(
            [(window, self.shop.versions[window]) for window in windows],
            fingerprint=self.shop.fingerprint,
            quantiser=None,
        )
        if name is not None:
            serving = serving.model_copy(update={"name": name})
        loaded = load_serving(serving, self.shop.repository, recall_target=0.9)
        server = IndexServer(max_k=self.shop.settings.max_hits)
        server.start()
        server.serve(loaded)
        assert isinstance(loaded.pack, Pack)
        self._running[serving.name] = server, loaded.pack
        self._windows[serving.name] = [served.window for served in serving.windows]
        self._announce(serving.name, server.address, self._windows[serving.name])
        return serving.name

    def announce_silence(self, windows: Sequence[Window]) -> str:
        """Announce a server that accepts connections and never says a word."""
        silent = socket.create_server(("127.0.0.1", 0))
        self._silent.append(silent)
        self._announce("silent", f"127.0.0.1:{silent.getsockname()[1]}", windows)
        return "silent"

    def _announce(self, name: str, address: str, windows: Sequence[Window]) -> None:
        EndpointFolder(self.endpoints).announce(
            Endpoint(
                serving=name,
                address=address,
                fingerprint=self.shop.fingerprint,
                quantiser=None,
                windows=tuple(
                    EndpointWindow(
                        window=one,
                        version=self.shop.versions[one],
                        rows=len(self.shop.photos_in(one)),
                    )
                    for one in windows
                ),
                process="1",
                ready_at=datetime.now(UTC),
            ),
        )

    def serve_all(self) -> list[str]:
        """The packs of the tiers policy: the closed month, the closed days, today's hours."""
        return [
            self.serve([Window.parse("monthly/2026-10")]),
            self.serve([Window.parse(f"daily/2026-11-0{day}") for day in (1, 2)]),
            self.serve([Window.parse(f"hourly/2026-11-03T0{hour}") for hour in (0, 1)]),
        ]

    def windows_of(self, name: str) -> list[Window]:
        """What a running server serves."""
        return self._windows[name]

    def kill(self, name: str) -> None:
        """End a server without a word: its endpoint file stays."""
        server, pack = self._running.pop(name)
        server.drain(linger_s=0, grace_s=0)
        pack.close()

    def retire(self, name: str) -> None:
        """End a server as the deployer does: first its file goes."""
        EndpointFolder(self.endpoints).withdraw(name)
        self.kill(name)

    def close(self) -> None:
        for name in list(self._running):
            self.retire(name)
        for silent in self._silent:
            silent.close()


def build_shop(folder: Path, draw: Draw | None = None) -> Shop:
    """Draw, embed and index the shop: all hours of November, its days, and October."""
    photos_dir = folder / "photos"
    settings = load_settings(
        base_dir=folder,
        state_dir=folder / "state",
        photos_url=str(photos_dir),
        timeline_start=START,
        api_port=0,
    )
    listings, photos = (draw or draw_shapes)(photos_dir)
    with Catalogue.open(settings) as catalogue:
        catalogue.create_tables()
        catalogue.write(listings, photos)
    known = {one.photo_id: one for one in photos}
    return _indexed(Shop(folder, settings, Repository.of(settings), known))


def embedded_anew(shop: Shop, **changes: object) -> Shop:
    """The same shop with another embedder, which becomes current at once; see :func:`index`."""
    settings = shop.settings.model_copy(update=changes)
    renewed = Shop(shop.folder, settings, shop.repository, shop.photos)
    _publish_embedder(renewed)
    return renewed


def _indexed(shop: Shop) -> Shop:
    _publish_embedder(shop)
    index(shop)
    return shop


def _publish_embedder(shop: Shop) -> None:
    work = shop.folder / f"work-{shop.settings.embedder_precision}"
    built = build_embedder(shop.settings, [], len(shop.photos), work)
    shop.repository.publish(
        Address.embedders(),
        {path.name: path for path in built.folder.iterdir()},
        rows=0,
        dimension=built.dimension,
        inputs=[],
        recipe={},
        version=built.fingerprint,
    )
    shop.repository.set_head(Address.embedders(), built.fingerprint)
    shop.embedder = open_embedder(built.folder, threads=1)
    for photo in shop.photos.values():
        image = decode_photo(shop.photo_bytes(photo.photo_id), max_megapixels=50)
        shop.vectors[photo.photo_id] = shop.embedder.embed([image])[0]


def index(shop: Shop) -> None:
    """Index October, and November's hours and days."""
    span = Span(START, Window.holding(Granularity.HOURLY, NOW).start)
    # October's hours and days are not kept apart: a month of them would only cost time.
    november = Span(datetime(2026, 11, 1, tzinfo=UTC), span.end)
    publish_index(shop, Window.parse("monthly/2026-10"))
    for hour in windows_within(november, Granularity.HOURLY):
        publish_index(shop, hour)
    for day in windows_within(november, Granularity.DAILY):
        publish_index(shop, day, day.children())


def publish_index(shop: Shop, window: Window, finer: Sequence[Window] = ()) -> str:
    """Encode a window, or glue it from finer ones, publish it and move its HEAD."""
    work = shop.folder / "work" / shop.fingerprint / window.key
    index = work / "index"
    index.mkdir(parents=True, exist_ok=True)
    if finer:
        parts = [
            shop.repository.local_files(
                Address.index(shop.fingerprint, one), shop.versions[one], verify=False
            )
            for one in finer
        ]
        glue_indexes(parts, index)
    else:
        embeddings = work / "embeddings"
        embeddings.mkdir(parents=True, exist_ok=True)
        photos = sorted(shop.photos_in(window), key=lambda one: (one.listed_at, one.photo_id))
        vectors = np.array([shop.vectors[one.photo_id] for one in photos], np.float32)
        write_embeddings(
            embeddings,
            vectors.reshape(len(photos), shop.embedder.dimension),
            [Row(one.photo_id, one.listing_id, one.listed_at, "0" * 64) for one in photos],
        )
        encode_index(embeddings, None, index)
    manifest = shop.repository.publish(
        Address.index(shop.fingerprint, window),
        {path.name: path for path in index.iterdir()},
        rows=len(shop.photos_in(window)),
        dimension=shop.embedder.dimension,
        inputs=[
            Input(kind="index", window=one.key, version=shop.versions[one], digest="0" * 64)
            for one in finer
        ],
        recipe={},
    )
    shop.repository.set_head(Address.index(shop.fingerprint, window), manifest.version)
    shop.versions[window] = manifest.version
    return manifest.version


def draw_shapes(folder: Path) -> tuple[list[Listing], list[Photo]]:
    """Sixty listings by category, every sixth with a second photo, ids with slashes."""
    draw = np.random.default_rng(7)
    listings, photos = [], []
    for number in range(60):
        category = CATEGORIES[number % len(CATEGORIES)]
        listing_id = f"{category}/item {number:02}"
        listed_at = time_of(number)
        ids = [f"{listing_id}.jpg"] + ([f"{listing_id} b.jpg"] if number % 6 == 0 else [])
        for turn, photo_id in enumerate(ids):
            path = folder / photo_id
            path.parent.mkdir(parents=True, exist_ok=True)
            picture(number, draw, turn).save(path, "JPEG", quality=88)
            photos.append(Photo(photo_id, listing_id, photo_id, listed_at))
        listings.append(
            Listing(
                listing_id,
                f"{category[:-1].title()} no. {number}",
                round(5 + number * 1.5, 2),
                category,
                "live",
                listed_at,
                tuple(ids),
            )
        )
    return listings, photos


def time_of(number: int) -> datetime:
    """Forty in October, twelve on the first of November, eight after."""
    if number < 40:
        return START + timedelta(hours=18 * number, minutes=number)
    if number < 52:
        return datetime(2026, 11, 1, 2 * (number - 40), 5, tzinfo=UTC)
    return datetime(2026, 11, 2, 3, 7, tzinfo=UTC) + timedelta(hours=3 * (number - 52))


def picture(number: int, draw: np.random.Generator, turn: int = 0) -> Image.Image:
    """A coloured shape on a soft ground, unlike that of every other number."""
    ground = tuple(int(one) for one in draw.integers(205, 250, 3))
    image = Image.new("RGB", (320, 280), ground)
    pen = ImageDraw.Draw(image)
    colour = COLOURS[number % len(COLOURS)]
    other = COLOURS[(number // 8 + 3) % len(COLOURS)]
    shape = SHAPES[number % len(SHAPES)]
    size = 60 + (number * 7) % 50
    x, y = 160 + (number * 13) % 40 - 20 + turn * 6, 140 + (number * 17) % 30 - 15
    box = (x - size, y - size, x + size, y + size)
    if shape == "ellipse":
        pen.ellipse(box, fill=colour)
    elif shape == "rectangle":
        pen.rounded_rectangle(box, 18, fill=colour)
    elif shape == "triangle":
        pen.polygon([(x, y - size), (x - size, y + size), (x + size, y + size)], fill=colour)
    elif shape == "ring":
        pen.ellipse(box, outline=colour, width=26)
    elif shape == "cross":
        pen.rectangle((x - size, y - 18, x + size, y + 18), fill=colour)
        pen.rectangle((x - 18, y - size, x + 18, y + size), fill=colour)
    else:
        for stripe in range(-size, size, 26):
            pen.rectangle((x + stripe, y - size, x + stripe + 13, y + size), fill=colour)
    small = size // 2
    pen.ellipse((x - small, y - small // 2, x + small, y + small // 2), fill=other)
    return image


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def _is_in(moment: datetime, window: Window) -> bool:
    return window.start <= moment < window.end
