"""One Serving under the deployer: its server, its state, what became of its last try."""

import logging
import signal
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import psutil

from controller.local.server_process import ServerProcess
from controller.local.status import ServingStatus
from controller.seen import SeenServer, ServerFailure, ServingState
from index_grpc.errors import IndexGrpcError
from index_grpc.server.client import describe_once
from index_grpc.server.loading import Refusal
from index_grpc.serving.desk import Endpoint, EndpointWindow
from index_grpc.serving.endpoints import EndpointFolder
from index_grpc.serving.local_process import name_process, number_of
from index_grpc.serving.serving import Serving
from photosearch.backoff import Backoff
from photosearch.processes.log_writer import LogWriter
from photosearch.settings.settings import Settings
from photosearch.windows import Window, WindowError

_log = logging.getLogger(__name__)

#: A load that takes longer hangs.
START_TIMEOUT_S = 900.0
HEALTH_EVERY_S = 5.0
#: Silent answers in a row after which a server that was ready is killed.
SILENT_AT_MOST = 3
#: A server that answered this long failed by accident, not by nature.
STEADY_S = 60.0


@dataclass
class DeployedServing:
    """A Serving and the process that serves it, moved on one step a look."""

    serving: Serving
    settings: Settings
    endpoints: EndpointFolder
    servings_dir: Path
    #: Writes what its servers print.
    logs: LogWriter
    state: ServingState = ServingState.WAITING
    process: ServerProcess | None = None
    wanted: bool = True
    #: Whether it was ready once: only then can anything depend on it.
    answered: bool = False
    reason: str | None = None
    starts: int = 0
    backoff: Backoff = field(default_factory=Backoff)
    unneeded_since: float | None = None
    announced: bool = False
    #: What its server refused, or how it crashed as it loaded, until that was told.
    failure: ServerFailure | None = None
    #: Crashes in a row as it loaded.
    crashes: int = 0
    #: The image that its server was started from, whatever is asked for now.
    _started_from: str | None = field(init=False)
    #: As it was announced.
    _endpoint: Endpoint | None = None
    _killed_for: str | None = None
    _ready_at: datetime | None = None
    _ready_since: float = 0.0
    _loaded_at: float | None = None
    _health_at: float = 0.0
    _silent: int = 0

    def __post_init__(self) -> None:
        self._started_from = self.serving.image

    def seen(self) -> SeenServer:
        """What decisions are made from; a failure is told once."""
        failure, self.failure = self.failure, None
        return SeenServer(
            self.serving,
            self.state,
            wanted=self.wanted,
            runs=self.process is not None,
            is_ending=self.is_ending,
            answered=self.answered,
            announced=self.announced,
            ready_at=self._ready_at,
            loaded_at=self._loaded_at,
            unneeded_since=self.unneeded_since,
            failure=failure,
            failures=self.backoff.failures,
            crashes=self.crashes,
            retry_at=self.backoff.retry_at,
        )

    @property
    def is_ending(self) -> bool:
        """Whether its process was told to end."""
        return self.process is not None and self.process.child.is_ending

    def take_image(self, serving: Serving) -> None:
        """Take the image that is asked for now; one that was built anew may have another digest.

        What runs has all in memory: the next start takes it, and is due at once.
        """
        if serving.image != self.serving.image:
            self.backoff.succeeded()
            self.crashes = 0
        self.serving = serving

    def start(self) -> None:
        """Start a server."""
        self._started_from = self.serving.image
        self.process = ServerProcess.start(
            self.serving, self.servings_dir / self.serving.name, self.settings, self.logs
        )
        self.state = ServingState.STARTING
        self.starts += 1
        _log.info("%s starts as process %d", self.serving.name, self.process.pid)

    def watch(self, now: float) -> None:
        """Look at the process: has it ended, is it ready, is it silent?"""
        if self.process is None:
            return
        ended = self.process.child.ending()
        if ended is not None:
            self._process_ended(ended, now)
        elif self.is_ending:
            return
        elif self.state is ServingState.STARTING:
            self._watch_start(self.process, now)
        elif now >= self._health_at:
            self._watch_health(self.process, now)

    def announce(self) -> None:
        """Write the endpoint file."""
        assert self.process is not None
        assert self.process.address is not None
        if self._ready_at is None:
            self._ready_at = self._announced_at(self.process.pid) or self.endpoints.next_ready_at()
        try:
            windows = tuple(
                EndpointWindow(window=Window.parse(w.window), version=w.version, rows=w.rows)
                for w in describe_once(self.process.address).windows
            )
            named = name_process(self.process.pid)
        except (IndexGrpcError, WindowError, psutil.NoSuchProcess) as error:
            self.reason = str(error)
            return
        endpoint = Endpoint(
            serving=self.serving.name,
            address=self.process.address,
            fingerprint=self.serving.fingerprint,
            quantiser=self.serving.quantiser,
            image=self._started_from,
            windows=windows,
            process=named,
            ready_at=self._ready_at,
        )
        self.endpoints.announce(endpoint)
        self._endpoint = endpoint
        self.announced = True

    def withdraw(self) -> None:
        """Remove the endpoint file."""
        self.endpoints.withdraw(self.serving.name)
        self._endpoint = None
        self.announced = False

    def keep(self, *, anew: bool = False) -> None:
        """Let it go on answering; ``anew``: it is wanted again, so it is the right one of two.

        Of two endpoints that hold a window the later ready is right. One that is kept only
        until others answer all it holds must not come before those that do already.
        """
        self.unneeded_since = None
        if self.is_ending:
            return
        self.state = ServingState.READY
        if anew:
            self._ready_at = self.endpoints.next_ready_at()
        if anew or not self.announced:
            self.announce()

    def retire(self, now: float) -> None:
        """Others answer all it holds; until it is withdrawn and ended it can return."""
        _log.info("%s retires", self.serving.name)
        self.unneeded_since = now
        self.state = ServingState.RETIRING

    def end(self) -> None:
        """Withdraw it and tell its process to end."""
        self.withdraw()
        if self.process is not None and not self.is_ending:
            self.process.child.end()

    def status(self) -> ServingStatus:
        """What is told about it."""
        return ServingStatus(
            name=self.serving.name,
            tier=self.serving.tier,
            image=self.serving.image,
            state=self.state,
            wanted=self.wanted,
            windows=tuple(served.window for served in self.serving.windows),
            address=None if self.process is None else self.process.address,
            pid=None if self.process is None else self.process.pid,
            starts=self.starts,
            reason=self.reason,
        )

    def _announced_at(self, pid: int) -> datetime | None:
        """When a former deployer announced this same process."""
        for endpoint in self.endpoints.read():
            if endpoint.serving == self.serving.name and number_of(endpoint.process) == pid:
                return endpoint.ready_at
        return None

    def _process_ended(self, ended: str, now: float) -> None:
        assert self.process is not None
        self.withdraw()
        refusal = self.process.refusal
        if not self.is_ending:
            if self.state is not ServingState.STARTING and now > self._ready_since + STEADY_S:
                self.backoff.succeeded()
            self.reason = self._story(ended) if refusal is None else refusal.reason
            if self.state is ServingState.STARTING and refusal is None:
                self.crashes += 1
                self.failure = ServerFailure(self.reason, crashed=True)
            pause = self.backoff.failed(now)
            _log.warning("%s: %s; again in %.0f s", self.serving.name, self.reason, pause)
        if refusal is not None:
            self._note_refusal(refusal)
        self.process.forget()
        self.process = None
        self._ready_at = None
        self._loaded_at = None
        self.state = ServingState.WAITING
        self._killed_for = None

    def _note_refusal(self, refusal: Refusal) -> None:
        index = None
        if refusal.window is not None and refusal.version is not None:
            index = (refusal.window, refusal.version)
            self.backoff.succeeded()  # the pause is the index's, not the Serving's
        self.failure = ServerFailure(refusal.reason, index)

    def _story(self, ended: str) -> str:
        """How it ended and what it said before: what a person has to know to mend it."""
        assert self.process is not None
        why = self._killed_for
        if why is None and ended.endswith(signal.SIGKILL.name):
            why = "as the kernel does when memory runs out"
        words = self.process.child.last_words()
        return (
            f"{ended}{'' if why is None else f' ({why})'}"
            f"{'' if not words else f', after {words!r}'}; see {self.process.child.log}"
        )

    def _watch_start(self, process: ServerProcess, now: float) -> None:
        if process.health():
            # Of one that a former deployer announced nobody knows when it read its files.
            is_new = self._announced_at(process.pid) is None
            self._loaded_at = now if is_new else 0.0
            self.state = ServingState.READY
            self.answered = True
            self._ready_since = now
            self._silent = 0
            self.crashes = 0
            self.announce()
            _log.info("%s is ready at %s", self.serving.name, process.address)
        elif now > process.child.started_at + START_TIMEOUT_S:
            self._kill(process, f"it was not ready after {START_TIMEOUT_S:.0f} s")

    def _watch_health(self, process: ServerProcess, now: float) -> None:
        answer = process.health()
        if answer is None:
            return
        self._health_at = now + HEALTH_EVERY_S
        self._silent = 0 if answer else self._silent + 1
        if answer:
            self.reason = None
            if not self.announced and self.state is ServingState.READY:
                self.announce()
            elif self._endpoint is not None and not self.endpoints.is_announced(
                self._endpoint
            ):  # lost or damaged: it would hide a server that answers, until that ends
                self.endpoints.announce(self._endpoint)
        elif self._silent >= SILENT_AT_MOST:
            self._kill(process, "it was silent")

    def _kill(self, process: ServerProcess, why: str) -> None:
        if self._killed_for is None:
            _log.warning("%s is killed: %s", self.serving.name, why)
        self._killed_for = why
        process.child.kill()
