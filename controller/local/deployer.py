"""Runs the Servings of one machine as processes, each from its image.

A reconcile loop: look at the Servings that are asked for and at what runs, have decided what is
the next step (``controller/decide.py``), and carry that out. Nothing is remembered that can't be
seen again, so the deployer may be killed at any instant; the next one adopts the servers that
it finds, and reads at the desk what was refused.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from controller.decide import Decision, Rules, Verb, decide
from controller.local.deployed_serving import DeployedServing
from controller.local.server_process import adopt_servers
from controller.local.status import DeployerStatus, deployer_dir, write_status
from controller.refusals import FIRST_RETRY_S, Refusals
from controller.seen import KnownIndexes, ServingState
from index_grpc.serving.desired import DesiredServings
from index_grpc.serving.desk import DeskError
from index_grpc.serving.desk_notes import NOTED_EVERY_S, DeskNotes
from index_grpc.serving.endpoints import EndpointFolder
from index_grpc.serving.opening import open_desk
from index_grpc.serving.serving import Serving
from index_grpc.shipping.image import remove_unused
from photosearch.errors import PhotosearchError
from photosearch.files.disk import remedy_for
from photosearch.processes.log_writer import LogWriter
from photosearch.processes.only_one import only_one
from photosearch.repository.repository import Repository
from photosearch.settings.settings import Settings
from photosearch.windows import Granularity, Window

_log = logging.getLogger(__name__)

POLL_S = 1.0
#: While something starts or ends.
BUSY_POLL_S = 0.1
STATUS_EVERY_S = 10.0


def _utc_now() -> datetime:
    return datetime.now(UTC)


class LocalDeployer:
    """Keeps the Servings that are asked for running on this machine.

    What the repository holds is looked at too, for one thing only: whether a window that no
    Serving names any more was taken away on purpose.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], datetime] = _utc_now,
        first_retry_of_refused_s: float = FIRST_RETRY_S,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._desk = open_desk(settings)
        self._endpoints = EndpointFolder(settings.endpoints_dir)
        self._servings_dir = deployer_dir(settings) / "servings"
        self._repository = Repository.of(settings)
        self._desired = DesiredServings(settings, self._repository, clock)
        self._asked: Mapping[str, Serving] = {}
        self._asked_until: datetime | None = None
        self._held: dict[str, DeployedServing] = {}
        self._logs = LogWriter(settings)
        self._rules = Rules(settings.drain_s, first_retry_s=first_retry_of_refused_s)
        self._refusals = Refusals()
        self._told: list[object] | None = None
        self._look_at = 0.0
        self._note_at = 0.0
        self._problem: str | None = None
        self._desk_problem: str | None = None
        self._fault: str | None = None
        self._written: DeployerStatus | None = None
        self._images_may_go = True

    def run(self, stop: threading.Event, progress: Callable[[], object] = bool) -> None:
        """Reconcile until ``stop`` is set, then end every server; ``progress`` hears each look.

        Raises:
            AlreadyRunning: if another deployer works on this state folder.
        """
        with only_one(deployer_dir(self._settings) / "lock", "the deployer"):
            self.adopt()
            while not stop.is_set():
                try:
                    self.reconcile()
                    self._fault = None
                except OSError as error:  # a full disk: what runs goes on, the next look goes on
                    self._tell_fault(f"{error}; {remedy_for(error, 'state_dir')}")
                except DeskError as error:
                    self._tell_fault(str(error))
                progress()
                stop.wait(self._pause_s())
            self.end_all()

    def adopt(self) -> None:
        """Take over the servers of a former deployer; remove endpoint files of the dead."""
        self._remember()
        for serving, process in adopt_servers(
            self._servings_dir, self._settings.logs_dir, self._logs
        ):
            _log.info("%s is adopted as process %d", serving.name, process.pid)
            held = self._hold(serving)
            held.state, held.process = ServingState.STARTING, process
            held.wanted = False  # until the repository is read
            held.answered = True
            self._held[serving.name] = held
        for endpoint in self._endpoints.read():
            if endpoint.serving not in self._held:
                self._endpoints.withdraw(endpoint.serving)

    def _remember(self) -> None:
        """What a former deployer refused, with its pauses: it was told for whoever comes next."""
        self._refusals = Refusals.told(
            self._desk.refused("deployer"), self._desk.crashing(), time.monotonic(), self._clock()
        )

    def _tell_refusals(self, now: float) -> None:
        """Tell both lists at the desk if they say something new: packs are planned by them."""
        clock = self._clock()
        refused = self._refusals.refused(now, clock)
        crashing = self._refusals.crashing(now, clock)
        moving = {"retry_at"}
        judged: list[object] = [one.model_dump(exclude=moving) for one in (*refused, *crashing)]
        if judged != self._told:
            self._desk.tell_refused("deployer", refused)
            self._desk.tell_crashing(crashing)
            self._told = judged

    def reconcile(self) -> None:
        """Look once and take the steps that are due."""
        now = time.monotonic()
        self._logs.tend()
        if now >= self._look_at:
            self._look()
            self._look_at = now + self._desired.pause_s(POLL_S)
        for held in self._held.values():
            held.watch(now)
        seen = {name: held.seen() for name, held in self._held.items()}
        self._carry_out(
            decide(self._asked, seen, self._refusals, self._current(), now, self._rules), now
        )
        self._tell_refusals(now)
        self._write_status()
        self._remove_images()

    def end_all(self) -> None:
        """Withdraw and end every server, all at once, and wait for them."""
        for held in self._held.values():
            held.wanted = False
            held.end()
        while any(held.process for held in self._held.values()):
            for held in self._held.values():
                held.watch(time.monotonic())
            time.sleep(0.02)
        self._held.clear()
        self._logs.close()
        with suppress(OSError):  # nobody reads it any more
            self._write_status()

    def _tell_fault(self, fault: str) -> None:
        if fault != self._fault:
            _log.error("%s", fault)
        self._fault = fault

    def _look(self) -> None:
        self._look_at_desk()
        asked = chain.from_iterable(one.windows for one in self._asked.values())
        self._asked_until = max((one.window.end for one in asked), default=None)
        try:
            self._desired.look()
            self._note_desk()
            self._problem = None
        except (PhotosearchError, OSError) as error:
            # What runs goes on; what the repository wants is unknown until it can be read.
            if str(error) != self._problem:
                _log.error("the repository can't be read: %s", error)
            self._problem = str(error)

    def _note_desk(self) -> None:
        """That servers run from here, for whoever deletes elsewhere; what is asked for is noted
        by whoever asks."""
        now = time.monotonic()
        if self._held and now >= self._note_at:
            self._note_at = now + NOTED_EVERY_S
            try:
                DeskNotes(self._repository.storage).note(self._desk)
            except PhotosearchError as error:  # one that may only read says so once an hour
                _log.warning("this desk could not be noted in the repository: %s", error)

    def _look_at_desk(self) -> None:
        try:
            self._asked = self._desk.asked()
            for name in self._desk.let_go_of().keys() - self._held.keys():
                self._desk.remove(name)
            self._desk_problem = None
        except DeskError as error:  # what was asked for last goes on
            if str(error) != self._desk_problem:
                _log.error("%s", error)
            self._desk_problem = str(error)

    def _current(self) -> KnownIndexes:
        """What the repository holds, as of the last look."""
        own = Window.holding(Granularity.HOURLY, self._clock()).start
        return KnownIndexes(
            fingerprint=self._desired.fingerprint,
            windows=None if self._problem else self._desired.ready.keys(),
            versions=self._desired.current if self._desired.has_looked else None,
            # The end of the last hour that is over by this clock, or by that of whoever asks for
            # Servings: of two clocks the later one, so that nothing goes too early.
            closed_until=own if self._asked_until is None else max(own, self._asked_until),
        )

    def _carry_out(self, decision: Decision, now: float) -> None:
        self._refusals = decision.refusals
        for told in decision.told:
            _log.error("%s", told)
        for name, serving in decision.wanted.items():
            if name in self._held:
                self._held[name].take_image(serving)
            else:
                self._held[name] = self._hold(serving)
        for action in decision.actions:
            held = self._held[action.name]
            match action.verb:
                case Verb.START:
                    held.start()
                case Verb.TAKE_BACK:
                    held.keep(anew=True)
                case Verb.KEEP:
                    held.keep()
                case Verb.RETIRE:
                    held.retire(now)
                case Verb.WITHDRAW:
                    held.withdraw()
                case Verb.END:
                    held.end()
                case Verb.DROP:
                    self._drop(held)
        # Last: what a full disk forbade is decided once more at the next look.
        for name, held in self._held.items():
            held.wanted = name in decision.wanted

    def _hold(self, serving: Serving) -> DeployedServing:
        held = DeployedServing(
            serving, self._settings, self._endpoints, self._servings_dir, self._logs
        )
        pause = self._refusals.pause_of(serving.name)
        held.backoff.failures, held.backoff.retry_at = pause.failures, pause.retry_at
        held.crashes = self._refusals.crashes_of(serving.name)
        return held

    def _drop(self, held: DeployedServing) -> None:
        del self._held[held.serving.name]
        self._images_may_go = True

    def _remove_images(self) -> None:
        """Remove unpacked images that no Serving needs, once after Servings have ended."""
        if self._images_may_go:
            needed = [held.serving.image for held in self._held.values()]
            needed += [serving.image for serving in self._asked.values()]
            # A pull may take minutes, and the servers are watched meanwhile.
            with suppress(BlockingIOError):
                keep = {digest for digest in needed if digest}
                remove_unused(self._settings.unpacked_images_dir, keep, wait=False)
                self._images_may_go = False

    def _pause_s(self) -> float:
        busy = any(
            held.state in (ServingState.STARTING, ServingState.RETIRING) or held.is_ending
            for held in self._held.values()
        )
        return BUSY_POLL_S if busy else POLL_S

    def _write_status(self) -> None:
        now, clock = time.monotonic(), self._clock()
        status = DeployerStatus(
            pid=os.getpid(),
            fingerprint=self._desired.fingerprint,
            servings=tuple(held.status() for held in self._held.values()),
            refused=tuple(self._refusals.refused(now, clock)),
            crashing=tuple(self._refusals.crashing(now, clock)),
            problem=self._problem,
            updated_at=clock,
        )
        if self._written is None or _tells_more(status, self._written):
            write_status(self._settings, status)
            self._written = status


def _tells_more(status: DeployerStatus, written: DeployerStatus) -> bool:
    # Without its sign: a clock that was set back must not silence it until it has caught up.
    age = abs((status.updated_at - written.updated_at).total_seconds())
    retries = {"__all__": {"retry_at"}}
    moving: Any = {"updated_at": True, "refused": retries, "crashing": retries}
    return not 0 <= age < STATUS_EVERY_S or status.model_dump(exclude=moving) != written.model_dump(
        exclude=moving
    )
