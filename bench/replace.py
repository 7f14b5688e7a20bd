"""Queries while a new pack replaces the old one: the slowest against the p99 at rest.

The deployer runs as it does for users. HEAD is moved back and forth between two versions of a
day of 100,000 × 256 rows, so that each time a new server verifies, loads and warms up beside
the one that answers. Queries come at a steady pace from this process, which follows the
endpoint files as the API does: it connects to a new server before it asks it.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import grpc
import numpy as np
from numpy.typing import NDArray

from bench.index import clustered_vectors
from bench.rows import BenchRow
from index_grpc.index.encode import Encoder
from index_grpc.index.index_files import write_embeddings
from index_grpc.index.quantiser import train_quantiser
from index_grpc.index.rows import Row
from index_grpc.server.client import CHANNEL_OPTIONS, search_request
from index_grpc.serving.desk import Endpoint
from index_grpc.serving.opening import open_desk
from index_grpc.shipping.reconcile import reconcile_servings
from index_grpc.wire.index_pb2_grpc import IndexServiceStub
from photosearch.processes.spec import photosearch_argv
from photosearch.repository.addresses import Address
from photosearch.repository.repository import Repository
from photosearch.settings.settings import SETTINGS_FILE, Settings, load_settings
from photosearch.windows import Window

ROWS = 100_000
DIMENSION = 256
FINGERPRINT = "bench"
WINDOW = Window.parse("daily/2026-10-01")
QUERIES_A_SECOND = 100
REST_S = 15.0
REPLACEMENTS = 4


def measure() -> list[BenchRow]:
    """Publish two versions, move HEAD between them, and time every query."""
    with tempfile.TemporaryDirectory() as temporary:
        settings = _settings(Path(temporary))
        repository = Repository.of(settings)
        vectors = clustered_vectors(ROWS, DIMENSION)
        versions = _publish(repository, vectors, Path(temporary) / "made")
        return _replace(settings, repository, versions, vectors)


class Caller:
    """Asks the server that is announced last, at a steady pace."""

    def __init__(self, settings: Settings, queries: NDArray[np.float32]) -> None:
        self._endpoints = open_desk(settings).endpoints
        self._queries = queries
        self._asked = 0
        self._channel: grpc.Channel | None = None
        self.serving: str | None = None

    def ask_for(self, seconds: float) -> list[float]:
        """Milliseconds of each query."""
        taken = []
        end = time.perf_counter() + seconds
        due = time.perf_counter()
        while (now := time.perf_counter()) < end:
            if self._asked % 5 == 0:
                self.follow()
            request = search_request(
                self._queries[self._asked % len(self._queries)], 10, fingerprint=FINGERPRINT
            )
            self._asked += 1
            due = max(due + 1 / QUERIES_A_SECOND, now)
            start = time.perf_counter()
            self._service.Search(request, timeout=10)
            taken.append((time.perf_counter() - start) * 1000)
            time.sleep(max(0.0, due - time.perf_counter()))
        return taken

    def follow(self) -> bool:
        """Turn to the server announced last, connected before it is asked."""
        announced = self._endpoints.read()
        if not announced:
            return False
        last: Endpoint = max(announced, key=lambda endpoint: endpoint.ready_at)
        if last.serving != self.serving:
            channel = grpc.insecure_channel(last.address, options=CHANNEL_OPTIONS)
            grpc.channel_ready_future(channel).result(timeout=10)
            if self._channel is not None:
                self._channel.close()
            self._channel, self.serving = channel, last.serving
            self._service = IndexServiceStub(channel)
        return True


def _replace(
    settings: Settings,
    repository: Repository,
    versions: Sequence[str],
    vectors: NDArray[np.float32],
) -> list[BenchRow]:
    caller = Caller(settings, vectors[:: ROWS // 500])
    resting: list[float] = []
    replacing: list[float] = []
    slowest_at_rest: list[float] = []
    slowest_replacing: list[float] = []
    reconcile_servings(settings)
    with _deployer(settings):
        _wait_until(caller.follow)
        caller.ask_for(5)
        for number in range(REPLACEMENTS):
            rest = caller.ask_for(REST_S)
            before = caller.serving
            repository.set_head(_address(), versions[(number + 1) % 2])
            reconcile_servings(settings)
            taken: list[float] = []
            while caller.serving == before:
                taken += caller.ask_for(0.5)
            taken += caller.ask_for(settings.drain_s + 2)
            resting += rest
            replacing += taken
            slowest_at_rest.append(max(rest))
            slowest_replacing.append(max(taken))
    p99 = float(np.percentile(resting, 99))
    paced = f"{QUERIES_A_SECOND} queries/s over gRPC, {ROWS:,} × {DIMENSION} rows"
    slowest = float(np.median(slowest_replacing))
    return [
        BenchRow("p50 at rest", float(np.median(resting)), "ms", None, paced),
        BenchRow("p99 at rest", p99, "ms", None, f"{len(resting)} queries"),
        BenchRow(
            "slowest at rest over p99 at rest",
            float(np.median(slowest_at_rest)) / p99,
            "×",
            None,
            f"median over {REPLACEMENTS} stretches of {REST_S:.0f} s; what the machine does alone",
        ),
        BenchRow(
            "p99 while replaced over p99 at rest",
            float(np.percentile(replacing, 99)) / p99,
            "×",
            None,
            f"{len(replacing)} queries",
        ),
        BenchRow(
            "slowest while replaced over p99 at rest",
            slowest / p99,
            "×",
            "≤ 2",
            f"median over {REPLACEMENTS} replacements: "
            + ", ".join(f"{value / p99:.2f}" for value in slowest_replacing),
        ),
    ]


def _settings(folder: Path) -> Settings:
    (folder / SETTINGS_FILE).write_text('state_dir = "state"\n')
    return load_settings(folder / SETTINGS_FILE)


def _publish(repository: Repository, vectors: NDArray[np.float32], folder: Path) -> list[str]:
    card = folder / "embedder.json"
    folder.mkdir()
    card.write_text("{}")
    embedder = Address.embedders()
    repository.publish(
        embedder,
        {card.name: card},
        rows=0,
        dimension=DIMENSION,
        inputs=[],
        recipe={},
        version=FINGERPRINT,
    )
    repository.set_head(embedder, FINGERPRINT)
    train_quantiser(vectors, folder / "quantiser")
    quantiser = repository.publish(
        Address.quantisers(FINGERPRINT),
        {path.name: path for path in (folder / "quantiser").iterdir()},
        rows=ROWS,
        dimension=DIMENSION,
        inputs=[],
        recipe={},
    )
    versions = []
    for edition in range(2):
        made = folder / str(edition)
        rows = [
            Row(f"photo-{n}", f"listing-{n}-{edition}", WINDOW.start, "0" * 64) for n in range(ROWS)
        ]
        write_embeddings(made / "embeddings", vectors, rows)
        with Encoder(folder / "quantiser") as encoder:
            encoder.encode(made / "embeddings", made / "index")
        manifest = repository.publish(
            _address(),
            {path.name: path for path in (made / "index").iterdir()},
            rows=ROWS,
            dimension=DIMENSION,
            inputs=[],
            recipe={},
            quantiser=quantiser.version,
        )
        versions.append(manifest.version)
    repository.set_head(_address(), versions[0])
    return versions


def _address() -> Address:
    return Address.index(FINGERPRINT, WINDOW)


@contextmanager
def _deployer(settings: Settings) -> Iterator[None]:
    deployer = subprocess.Popen(
        photosearch_argv("deployer"), env=settings.environment(), stderr=sys.stderr
    )
    try:
        yield
    finally:
        deployer.terminate()
        deployer.wait()


def _wait_until(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.1)
