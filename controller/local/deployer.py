"""Runs the Servings of one machine as processes, each from its image.

A reconcile loop: look at the Servings that are asked for and at what runs, and move what runs
one step closer. The order is the one thing that may never be wrong: a new server is ready and
announced before an old one is withdrawn, and an old one is withdrawn only when everything it
holds is answered by others. Nothing is remembered that can't be seen again, so the deployer
may be killed at any instant; the next one adopts the servers that it finds.
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

from controller.local.deployed_serving import DeployedServing
from controller.local.refusals import FIRST_RETRY_S, Refusals, keys_of
from controller.local.server_process import adopt_servers
from controller.local.status import DeployerStatus, ServingState, deployer_dir, write_status
from controller.retirement import unanswered
from index_grpc.serving.desired import DesiredServings, RefusedKey
from index_grpc.serving.desk import DeskError
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
#: Servers that load at once; each uses a core.
STARTS_AT_ONCE = 2
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
        self._desired = DesiredServings(settings, Repository.of(settings), clock)
        self._asked: Mapping[str, Serving] = {}
        self._asked_until: datetime | None = None
        self._held: dict[str, DeployedServing] = {}
        self._logs = LogWriter(settings)
        self._refusals = Refusals(first_retry_of_refused_s)
        self._look_at = 0.0
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

    def reconcile(self) -> None:
        """Look once and take the steps that are due."""
        now = time.monotonic()
        self._logs.tend()
        if now >= self._look_at:
            self._look()
            self._look_at = now + self._desired.pause_s(POLL_S)
        for held in self._held.values():
            held.watch(now)
            self._note_failure(held, now)
        self._mark_wanted(now)
        self._retire_unneeded(now)
        self._start_due(now)
        self._refusals.tell(self._desk, now, self._clock())
        self._write_status()
        self._remove_images()

    def end_all(self) -> None:
        """Withdraw and end every server, all at once, and wait for them."""
        for held in self._held.values():
            held.wanted = False
            held.end(time.monotonic())
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
            self._problem = None
        except (PhotosearchError, OSError) as error:
            # What runs goes on; what the repository wants is unknown until it can be read.
            if str(error) != self._problem:
                _log.error("the repository can't be read: %s", error)
            self._problem = str(error)

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

    def _note_failure(self, held: DeployedServing, now: float) -> None:
        """Take note of why its server ended, if that was not by our will."""
        refusal, held.refusal = held.refusal, None
        crash, held.crash = held.crash, None
        if refusal is not None and refusal.window is not None and refusal.version is not None:
            held.backoff.succeeded()  # the pause is the index's, not the Serving's
            self._refusals.refuse((refusal.window, refusal.version), refusal.reason, now)
        elif refusal is not None:
            self._refusals.refuse_serving(held.serving, refusal.reason, held.backoff)
        elif crash is not None:
            loaded = self._keys(lambda other: other.has_loaded)
            self._refusals.crash(held.serving, crash, held.crashes, held.backoff, now, loaded)

    def _mark_wanted(self, now: float) -> None:
        current = set() if self._refusals.is_empty else self._desired.current
        self._refusals.forget(current, self._is_ready, self._is_served_since)
        self._refusals.forget_unasked(self._asked)
        if not any(held.state is ServingState.STARTING for held in self._held.values()):
            # Not before: to try again ends servers that start to answer in the index's stead.
            self._refusals.retry(now, self._keys(lambda held: held.wanted and not held.has_loaded))

        plan = {
            name: serving for name, serving in self._asked.items() if self._refusals.allow(serving)
        }
        for name, serving in plan.items():
            if name in self._held:
                self._held[name].take_image(serving)
            else:
                self._held[name] = self._hold(serving)
        for name, held in self._held.items():
            became_wanted = name in plan and not held.wanted
            held.wanted = name in plan
            if became_wanted and held.state in (ServingState.READY, ServingState.RETIRING):
                held.keep(anew=True)

    def _hold(self, serving: Serving) -> DeployedServing:
        return DeployedServing(
            serving, self._settings, self._endpoints, self._servings_dir, self._logs
        )

    def _keys(self, chosen: Callable[[DeployedServing], bool]) -> frozenset[RefusedKey]:
        """What the chosen ones hold."""
        found = (keys_of(held.serving) for held in self._held.values() if chosen(held))
        return frozenset(chain.from_iterable(found))

    def _is_ready(self, name: str) -> bool:
        return name in self._held and self._held[name].has_loaded

    def _is_served_since(self, key: RefusedKey, moment: float) -> bool:
        """Whether a server has read this index well since. An older one has it in memory,
        which says nothing about the files."""
        return any(
            held.became_ready_after(moment) and key in keys_of(held.serving)
            for held in self._held.values()
        )

    def _start_due(self, now: float) -> None:
        starting = [held for held in self._held.values() if held.state is ServingState.STARTING]
        for held in self._held.values():
            needed = held.wanted or held.answered
            if held.state is not ServingState.WAITING or not needed or not held.backoff.is_due(now):
                continue
            if len(starting) >= STARTS_AT_ONCE:
                return
            # A backlog moves HEADs every second. To start a server for each would load the
            # machine and never come to an end, so one that holds the same windows goes first.
            if all(set(held.windows).isdisjoint(other.windows) for other in starting):
                held.start()
                starting.append(held)

    def _retire_unneeded(self, now: float) -> None:
        for held in [held for held in self._held.values() if not held.wanted]:
            if held.is_ending:
                continue
            if held.process is None and not held.answered:
                self._drop(held)
            elif self._is_needed(held):
                if held.state is ServingState.RETIRING:
                    held.keep()
            elif held.process is None:
                self._drop(held)
            elif held.state is ServingState.STARTING:
                held.end(now)
            else:
                self._retire(held, now)

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

    def _retire(self, held: DeployedServing, now: float) -> None:
        """First withdrawn, so that no new call comes; then ended. Until then it can return."""
        if held.unneeded_since is None:
            _log.info("%s retires", held.serving.name)
            held.unneeded_since = now
            held.state = ServingState.RETIRING
        waited = now - held.unneeded_since
        # Half way: a reader of the folder sees the successor for a while before the old is gone.
        if held.announced and waited >= self._settings.drain_s / 2:
            held.withdraw()
        if waited >= self._settings.drain_s:
            held.end(now)

    def _is_needed(self, held: DeployedServing) -> bool:
        """Whether a window would be lost that no Ready newer or coarser one answers."""
        fingerprint = held.serving.fingerprint
        is_current = fingerprint == self._desired.fingerprint
        # A query is never asked of two embedders: only the same one's servers can take over,
        # or the current one's when this one's are not asked for any more.
        is_asked = any(serving.fingerprint == fingerprint for serving in self._asked.values())
        successor = fingerprint if is_asked else self._desired.fingerprint
        still_wanted = list(self._desired.ready) if is_current and not self._problem else None
        answering = chain.from_iterable(
            other.windows
            for other in self._held.values()
            if other is not held
            and other.serving.fingerprint == successor
            and other.state is ServingState.READY
            and other.announced
            and (other.wanted or other.is_newer_than(held))
        )
        return bool(unanswered(held.windows, answering, still_wanted, self._closed_until()))

    def _closed_until(self) -> datetime:
        """The end of the last hour that is over by this clock, or by that of whoever asks for
        Servings: of two clocks the later one, so that nothing goes too early."""
        own = Window.holding(Granularity.HOURLY, self._clock()).start
        return own if self._asked_until is None else max(own, self._asked_until)

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
