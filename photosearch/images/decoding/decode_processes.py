"""The few processes that decode, who waits for them, and who does no longer.

A photo takes a process alone and gives it back when it has its answer. One whose caller has gone
meanwhile, as a query does whose time is up, gives its place back by having the process
ended: the next one costs a third of a second, on another core.
"""

import threading
from collections.abc import Callable

from photosearch.errors import PhotosearchError
from photosearch.images.decoding.decode_process import DecodeProcess
from photosearch.images.photo_error import PhotoError


class Abandoned(PhotosearchError):
    """A photo that nobody waits for any more."""


class Abandonment:
    """Says, from any thread, that nobody waits for a photo any more; and ends its decoding."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._then: Callable[[], None] | None = None
        self.is_given_up = False

    def give_up(self) -> None:
        with self._lock:
            self.is_given_up = True
            if self._then is not None:
                self._then()

    def then(self, what: Callable[[], None] | None) -> None:
        """Do ``what`` when it is given up, instead of what was to be done then."""
        with self._lock:
            self._then = what
            if self.is_given_up and what is not None:
                what()


class DecodeProcesses:
    """The processes of a decoder, each taken by one photo at a time."""

    def __init__(self, most: int, memory_bytes: int) -> None:
        self._most = most
        self._most_heavy = max(1, most - 1)  # large photos never take the last place
        self._memory_bytes = memory_bytes
        self._changed = threading.Condition()
        self._idle: list[DecodeProcess] = []
        self._busy: set[DecodeProcess] = set()
        self._taken = self._taken_by_heavy = 0
        self.is_closed = False

    @property
    def pids(self) -> list[int]:
        with self._changed:
            return sorted(process.pid for process in (*self._idle, *self._busy))

    def take(
        self, abandonment: Abandonment, *, is_heavy: bool, is_fresh: bool = False
    ) -> DecodeProcess:
        """A process for one photo, if need be one that ``is_fresh``; waits for one.

        Raises:
            Abandoned: if it was given up meanwhile.
        """
        abandonment.then(self._wake)
        with self._changed:
            self._changed.wait_for(
                lambda: self.is_closed or abandonment.is_given_up or not self._is_full(is_heavy)
            )
            if self.is_closed or abandonment.is_given_up:
                raise Abandoned("nobody waits for the photo any more")
            self._taken += 1
            self._taken_by_heavy += is_heavy
            process = self._idle.pop() if self._idle else None
        try:
            if process is not None and is_fresh and not process.is_fresh:
                process.buried()
                process = None
            process = process or DecodeProcess(self._memory_bytes)
        except BaseException:
            self.give_back(None, is_heavy=is_heavy)
            raise
        with self._changed:
            self._busy.add(process)
            if self._ended_meanwhile():
                process.end()
        abandonment.then(process.end)
        return process

    def give_back(
        self, process: DecodeProcess | None, *, is_heavy: bool, is_usable: bool = False
    ) -> None:
        """Give a place back, and its process, which serves on if it ``is_usable``."""
        with self._changed:
            self._taken -= 1
            self._taken_by_heavy -= is_heavy
            if process is not None:
                self._busy.discard(process)
                if is_usable and not self.is_closed:
                    self._idle.append(process)
                    process = None
            self._changed.notify_all()
        if process is not None:
            process.buried()

    def close(self) -> None:
        with self._changed:
            self.is_closed = True
            idle, self._idle = self._idle, []
            for process in self._busy:
                process.end()
            self._changed.notify_all()
        for process in idle:
            process.buried()

    def _is_full(self, is_heavy: bool) -> bool:
        return self._taken >= self._most or (is_heavy and self._taken_by_heavy >= self._most_heavy)

    def _ended_meanwhile(self) -> bool:
        return self.is_closed

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()


class Place:
    """One of the processes, taken for one photo."""

    def __init__(
        self,
        processes: DecodeProcesses,
        abandonment: Abandonment,
        *,
        is_heavy: bool,
        is_fresh: bool = False,
    ) -> None:
        self._processes = processes
        self._abandonment = abandonment
        self._is_heavy = is_heavy
        self._is_fresh = is_fresh

    def __enter__(self) -> DecodeProcess:
        self._process = self._processes.take(
            self._abandonment, is_heavy=self._is_heavy, is_fresh=self._is_fresh
        )
        return self._process

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._abandonment.then(None)
        # One that ran out of memory has little of it for the next.
        answered = kind is None or issubclass(kind, PhotoError)
        is_usable = answered and not self._abandonment.is_given_up
        self._processes.give_back(self._process, is_heavy=self._is_heavy, is_usable=is_usable)
