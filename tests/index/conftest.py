"""Clustered vectors, windows made of them, and two quantisers trained once a session."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from index_grpc.index.index_files import write_embeddings
from index_grpc.index.quantiser import Quantiser, train_quantiser
from index_grpc.index.rows import Row
from photosearch.windows import Granularity, Window

DIMENSION = 32

Vectors = NDArray[np.float32]
DrawVectors = Callable[..., Vectors]
MakeEmbeddings = Callable[[Path, Vectors, Window], Path]


def clustered(rows: int, dimension: int = DIMENSION, seed: int = 0) -> Vectors:
    """Unit vectors around fifty centres that do not depend on ``seed``."""
    centres = np.random.default_rng(99).standard_normal((50, dimension))
    draw = np.random.default_rng(seed)
    spread = draw.standard_normal((rows, dimension))
    vectors = centres[draw.integers(50, size=rows)] + 0.8 * spread
    unit: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


def rows_of(window: Window, count: int) -> list[Row]:
    return [
        Row(
            photo_id=f"{window.start_text}/photo-{at}",
            listing_id=f"{window.start_text}/listing-{at // 2}",
            listed_at=window.start + timedelta(milliseconds=at),
            sha256=f"{at:064x}",
        )
        for at in range(count)
    ]


def embeddings(folder: Path, vectors: Vectors, window: Window) -> Path:
    write_embeddings(folder, vectors, rows_of(window, len(vectors)))
    return folder


@pytest.fixture(scope="session")
def draw_vectors() -> DrawVectors:
    return clustered


@pytest.fixture(scope="session")
def make_embeddings() -> MakeEmbeddings:
    return embeddings


@pytest.fixture(scope="session")
def hours() -> Sequence[Window]:
    """Two days of hours."""
    start = datetime(2026, 11, 21, tzinfo=UTC)
    return [Window(Granularity.HOURLY, start + timedelta(hours=at)) for at in range(48)]


@pytest.fixture(scope="session")
def quantiser(tmp_path_factory: pytest.TempPathFactory) -> Quantiser:
    """Of 32 dimensions and 24 leaves."""
    folder = tmp_path_factory.mktemp("quantiser")
    return train_quantiser(clustered(4800, seed=1), folder, leaves=24)
