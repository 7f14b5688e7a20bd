"""A deployer over a real repository, stepped by the test; its servers are real processes."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from controller.local.deployer import LocalDeployer
from controller.local.status import DeployerStatus, read_status
from index_grpc.server.client import search_once
from index_grpc.serving.desk import Endpoint, RefusedIndex
from index_grpc.serving.local_process import number_of
from index_grpc.serving.opening import open_desk
from index_grpc.shipping.reconcile import ServingReconciler
from photosearch.errors import PhotosearchError
from photosearch.oci.opening import open_builder
from photosearch.settings.settings import Settings
from photosearch.windows import Window
from tests.controller.made_repository import FINGERPRINT, MadeRepository, made_settings, vectors_of

POLL_S = 0.2
NOW = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)


@dataclass
class Deployment:
    """The deployer under test and what it left for others to see."""

    settings: Settings
    made: MadeRepository
    deployer: LocalDeployer
    reconciler: ServingReconciler
    make: Callable[[], LocalDeployer]
    #: By how much the clock of whoever asks for Servings is ahead, and that of the deployer.
    ahead: timedelta = timedelta()
    deployer_ahead: timedelta = timedelta()
    #: Windows that must be answered at every step from now on.
    always: set[str] = field(default_factory=set)

    def until(self, condition: Callable[[], bool], within_s: float = 120) -> None:
        """Step the deployer until ``condition`` holds; ``always`` is checked at each step."""
        limit = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < limit, self.status
            self.place()
            self.deployer.reconcile()
            missing = self.always - {w.window.key for e in self.endpoints for w in e.windows}
            assert not missing, f"nobody answers {missing}"
            time.sleep(0.03)

    def restart(self) -> None:
        """End the deployer with its servers, and begin with another."""
        self.deployer.end_all()
        self.deployer = self.make()
        self.deployer.adopt()

    def place(self) -> None:
        """Build images and ask for Servings, as Dagster's sensor and assets do."""
        with suppress(PhotosearchError):  # what can't be read is tried again at the next step
            if not self.reconciler.compare().is_settled:
                self.reconciler.build()
                self.reconciler.ask()

    def settle(self) -> None:
        """Step until everything wanted is ready, nothing else runs, and a look was taken."""
        looked = time.monotonic() + 2 * POLL_S
        self.until(lambda: time.monotonic() > looked and self.status.is_settled)

    @property
    def endpoints(self) -> list[Endpoint]:
        return open_desk(self.settings).endpoints.read()

    @property
    def status(self) -> DeployerStatus:
        status = read_status(self.settings)
        assert status is not None
        return status

    @property
    def refused(self) -> list[RefusedIndex]:
        """What the builder of images or an index server refuses."""
        desk = open_desk(self.settings)
        return desk.refused("builder") + desk.refused("deployer")

    @property
    def pids(self) -> dict[str, int]:
        return {endpoint.serving: number_of(endpoint.process) for endpoint in self.endpoints}

    def served(self) -> dict[str, str]:
        """The version that answers each window; of two the later ready, as for the API."""
        ordered = sorted(self.endpoints, key=lambda endpoint: endpoint.ready_at)
        return {w.window.key: w.version for endpoint in ordered for w in endpoint.windows}

    def finds(self, hour: str, number: int = 0, edition: int = 0) -> bool:
        """Whether the servers find an hour's row by its own vector."""
        vector = vectors_of(Window.parse(hour), 20, edition)[number]
        answers = [
            search_once(e.address, vector, 1, fingerprint=FINGERPRINT).hits for e in self.endpoints
        ]
        best = max((hit for hits in answers for hit in hits), key=lambda hit: hit.score)
        return best.photo_id == f"{hour}#{number}" and best.score > 0.98

    def finds_day_row(self) -> bool:
        """Whether a row of the hour 2026-11-22T03, as ``day()`` makes it, is found."""
        hour = "hourly/2026-11-22T03"
        vector = vectors_of(Window.parse(hour), 5)[2]
        answers = [
            search_once(e.address, vector, 1, fingerprint=FINGERPRINT).hits for e in self.endpoints
        ]
        return any(hit.photo_id == f"{hour}#2" for hits in answers for hit in hits)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return made_settings(tmp_path, drain_s=0.5, small_pack_bytes=0)


@pytest.fixture
def deployment(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    monkeypatch.setattr("controller.local.deployer.POLL_S", POLL_S)
    made = MadeRepository(settings)
    started = time.monotonic()

    def clock() -> datetime:
        return NOW + made_of_them.ahead + timedelta(seconds=time.monotonic() - started)

    def make() -> LocalDeployer:
        return LocalDeployer(
            settings,
            clock=lambda: clock() + made_of_them.deployer_ahead,
            first_retry_of_refused_s=1.0,
        )

    reconciler = ServingReconciler(
        settings, made.repository, open_builder(settings), clock=clock, first_retry_s=1.0
    )
    made_of_them = Deployment(settings, made, make(), reconciler, make)
    made_of_them.deployer.adopt()
    yield made_of_them
    made_of_them.deployer.end_all()
    assert index_servers(settings) == []


def index_servers(settings: Settings) -> list[psutil.Process]:
    """Every index server that runs on this state folder."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        arguments = process.info["cmdline"] or []
        if process.info["status"] != psutil.STATUS_ZOMBIE and any(
            argument.startswith(str(settings.state)) for argument in arguments
        ):
            found.append(process)
    return found
