"""Runs photosearch's processes together: all start, all end, and a crash is repaired.

Of the libraries for this, honcho ends everything when one process ends, supervisor takes its
processes from a file of its own, circus brings a message queue and a web server, and none of them
ends grandchildren after its own kill -9; so it is written here, on subprocess and psutil.
"""

import logging
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from importlib.metadata import EntryPoint, entry_points
from typing import Self

from photosearch.errors import PhotosearchError
from photosearch.processes.log_writer import LogWriter
from photosearch.processes.only_one import only_one
from photosearch.processes.ports import require_free_ports
from photosearch.processes.reaper import end_marked, start_reaper
from photosearch.processes.spec import GRACE_S, ProcessSpec
from photosearch.processes.supervised import ProcessState, SupervisedProcess
from photosearch.settings.settings import Settings, SettingsError

_log = logging.getLogger(__name__)

PROCESSES = "photosearch.processes"
WATCH_EVERY_S = 0.2
_STEP_S = 0.05


class SupervisorError(PhotosearchError):
    """Processes that did not become ready."""


def installed_specs(settings: Settings) -> list[ProcessSpec]:
    """The processes that the installed packages bring; those with an address for users last.

    One whose package does not load, or refuses the settings, keeps no other from running.
    """
    points = sorted(entry_points(group=PROCESSES), key=lambda point: point.name)
    specs = [_spec_of(point, settings) for point in points]
    return sorted(specs, key=lambda spec: spec.ready_url is not None)


def _spec_of(point: EntryPoint, settings: Settings) -> ProcessSpec:
    try:
        spec: ProcessSpec = point.load()(settings)
    except (PhotosearchError, ImportError, OSError) as error:
        return ProcessSpec(point.name, [], cannot_start=str(error))
    return spec


class Supervisor:
    """Starts processes and keeps them running until :meth:`stop`.

    ``with Supervisor(settings).start() as supervisor: supervisor.wait_ready(60)``
    """

    def __init__(
        self,
        settings: Settings,
        specs: Sequence[ProcessSpec] | None = None,
        *,
        grace_s: float = GRACE_S,
    ) -> None:
        """``specs``: what to run; by default what the installed packages bring.

        ``grace_s``: seconds that what does not end by itself has before it is killed.
        """
        self._grace_s = grace_s
        self._settings = settings
        self._specs = installed_specs(settings) if specs is None else list(specs)
        lock = settings.state / "supervisor.lock"
        self._lock = lock
        self._mark = str(lock)
        self._stack = ExitStack()
        self._stop = threading.Event()
        #: Set it to end at once what :meth:`stop` waits for.
        self.hurry = threading.Event()
        #: What broke the watching itself: nothing is started again from then on.
        self.failure: Exception | None = None
        self._watcher = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self._reaper: subprocess.Popen[bytes] | None = None
        self._logs = LogWriter(settings)
        self.processes = [
            SupervisedProcess(spec, settings, self._mark, grace_s, self._logs)
            for spec in self._specs
        ]

    def start(self) -> Self:
        """Start everything; returns at once, see :meth:`wait_ready`.

        Raises:
            SettingsError: if there is no settings file, without which children find nothing.
            AlreadyRunning: if another supervisor runs on this state folder.
            PortInUse: if a port is taken. Nothing has been started then.
        """
        if not self._settings.file.exists():
            raise SettingsError(
                f"there is no settings file {self._settings.file}",
                remedy="run 'photosearch init --photos DIR' to write one",
            )
        with ExitStack() as stack:
            stack.enter_context(only_one(self._lock, "photosearch up"))
            # What a supervisor left that was killed together with its reaper.
            end_marked(self._mark, grace_s=self._grace_s)
            require_free_ports(self._specs, self._settings)
            self._stack = stack.pop_all()
        try:
            self._logs.start()
            self._start_reaper()
            for process in self.processes:
                process.start()
        except BaseException:
            self.stop()
            raise
        self._watcher.start()
        return self

    @property
    def is_ready(self) -> bool:
        """Whether every process answers."""
        return all(process.state is ProcessState.READY for process in self.processes)

    def wait_ready(
        self, timeout_s: float, on_change: Callable[["Supervisor"], None] | None = None
    ) -> None:
        """Wait until everything is ready; ``on_change`` is called while it waits.

        Raises:
            SupervisorError: after ``timeout_s``, or when a process ended that is not started
                again, or when the watching failed.
        """
        limit = time.monotonic() + timeout_s
        while not self.is_ready:
            if on_change is not None:
                on_change(self)
            missing = [p for p in self.processes if p.state is not ProcessState.READY]
            gave_up = time.monotonic() > limit
            ended = any(process.state is ProcessState.ENDED for process in missing)
            if gave_up or ended or self._stop.is_set() or self.failure is not None:
                raise SupervisorError(
                    f"{', '.join(p.spec.name for p in missing)} did not become ready",
                    found="; ".join(
                        [_found(process) for process in missing]
                        + [repr(self.failure)] * (self.failure is not None)
                    ),
                    limit=f"{timeout_s:.0f} s" if gave_up else None,
                    remedy=f"see the logs in {self._settings.logs_dir}",
                )
            time.sleep(0.1)

    def stop(self) -> None:
        """End everything and leave nothing: first what answers users, then the others."""
        self._stop.set()
        if self._watcher.is_alive():
            self._watcher.join()
        answering = [process for process in self.processes if process.spec.ready_url is not None]
        for group in (answering, [p for p in self.processes if p not in answering]):
            limit = time.monotonic() + self._grace_s
            for process in group:
                process.tell_to_end()
            while time.monotonic() < limit and not self.hurry.is_set():
                if all(process.wait(_STEP_S) for process in group):
                    break
        self._end_the_rest()
        for process in self.processes:
            process.wait(1.0)
        self._logs.close()
        self._stack.close()

    def _end_the_rest(self) -> None:
        """Let the reaper end what is left; of one that is stopped or stuck, do its work."""
        if self._reaper is not None:
            assert self._reaper.stdin is not None
            self._reaper.stdin.close()  # it ends what is left, and itself
            limit = time.monotonic() + 2 * self._grace_s + 1
            while self._reaper.poll() is None and time.monotonic() < limit:
                if self.hurry.wait(_STEP_S):
                    break
            self._reaper.kill()
            self._reaper.wait()
            end_marked(self._mark, grace_s=0 if self.hurry.is_set() else self._grace_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _watch(self) -> None:
        try:
            while not self._stop.wait(WATCH_EVERY_S):
                for process in self.processes:
                    process.watch()
                self._logs.tend()
                if self._reaper is not None and self._reaper.poll() is not None:
                    self._start_reaper()
        except Exception as error:  # in a thread of which nobody would hear otherwise
            _log.exception("the supervisor can't watch its processes any more")
            self.failure = error

    def _start_reaper(self) -> None:
        if self._reaper is not None and self._reaper.stdin is not None:
            self._reaper.stdin.close()
        self._reaper = start_reaper(self._mark, grace_s=self._grace_s)


def _found(process: SupervisedProcess) -> str:
    text = f"{process.spec.name} is {process.state}"
    if process.last_exit is not None:
        text += f" ({process.last_exit}: {process.log_tail(3)})"
    elif process.trouble is not None:
        text += f" ({process.trouble})"
    return text
