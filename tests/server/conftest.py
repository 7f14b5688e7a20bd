"""Real gRPC servers over small packs held in memory."""

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from index_grpc.server.server import IndexServer
from index_grpc.server.service import LoadedIndex, LoadedPack
from index_grpc.serving.serving import Serving
from photosearch.windows import Window

FINGERPRINT = "f" * 16
HOURS = [Window.parse(f"hourly/2026-11-22T{hour:02}") for hour in range(3)]
DIMENSION = 8
ROWS_AN_HOUR = 20


@dataclass(frozen=True)
class MemoryRow:
    photo_id: str
    listing_id: str
    score: float
    window: Window
    listed_at: datetime


class MemoryPack:
    """Exact search over random rows; ``entered`` and ``leave`` hold a search open."""

    def __init__(self) -> None:
        drawn = np.random.default_rng(1).standard_normal((len(HOURS) * ROWS_AN_HOUR, DIMENSION))
        self.vectors = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)
        self.entered = threading.Event()
        self.leave = threading.Event()
        self.leave.set()
        self.searches: list[int] = []

    def search(
        self, query: NDArray[np.float32], k: int, windows: Collection[Window] | None
    ) -> Sequence[MemoryRow]:
        self.searches.append(k)
        self.entered.set()
        assert self.leave.wait(60)
        scores = self.vectors @ query
        best = [r for r in np.argsort(-scores) if windows is None or self.window(r) in windows]
        return [
            MemoryRow(
                photo_id=f"photo-{row}",
                listing_id=f"listing-{row}",
                score=float(scores[row]),
                window=self.window(row),
                listed_at=self.window(row).start + timedelta(minutes=1),
            )
            for row in best[:k]
        ]

    def window(self, row: int) -> Window:
        return HOURS[row // ROWS_AN_HOUR]


@dataclass(frozen=True)
class Served:
    server: IndexServer
    pack: MemoryPack
    serving: Serving

    @property
    def address(self) -> str:
        return self.server.address


@pytest.fixture
def loaded() -> LoadedPack:
    serving = Serving.of(
        [(hour, f"version{hour.start.hour}") for hour in HOURS],
        fingerprint=FINGERPRINT,
        quantiser=None,
    )
    held = [LoadedIndex(h, f"version{h.start.hour}", ROWS_AN_HOUR, "run-1") for h in HOURS]
    return LoadedPack(
        serving=serving, pack=MemoryPack(), dimension=DIMENSION, size_bytes=4_000, indexes=held
    )


@pytest.fixture
def serve(loaded: LoadedPack) -> Iterator[Callable[[], Served]]:
    """Starts a server that answers from a pack in memory; it ends with the test."""
    started: list[IndexServer] = []

    def start() -> Served:
        server = IndexServer(max_k=50)
        started.append(server)
        server.start()
        server.serve(loaded)
        assert isinstance(loaded.pack, MemoryPack)
        loaded.pack.entered.clear()
        loaded.pack.searches.clear()
        return Served(server, loaded.pack, loaded.serving)

    yield start
    for server in started:
        server.drain(linger_s=0, grace_s=0)
