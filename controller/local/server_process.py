"""One index server as a process: start it, adopt it, ask for its health, end it.

A server outlives a deployer that was killed when a supervisor watches over both, so that
searches go on until the next deployer adopts it; without a supervisor it ends with its
deployer and no orphan stays. Nothing here blocks: the deployer looks again a moment later.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import grpc
import psutil
from grpc_health.v1 import health_pb2, health_pb2_grpc

from index_grpc.server.announcement import Announcement, clear, read_announcement, read_refusal
from index_grpc.server.client import CHANNEL_OPTIONS, SERVICE
from index_grpc.server.loading import Refusal
from index_grpc.serving.serving import Serving, ServingError, read_serving
from photosearch.files.whole import write_whole
from photosearch.processes.child import Child
from photosearch.processes.log_writer import LogWriter
from photosearch.processes.spec import SUPERVISED, photosearch_argv
from photosearch.settings.settings import Settings

SERVING_FILE = "serving.json"
HEALTH_DEADLINE_S = 2.0
#: Every version of a pack is a Serving with a log of its own.
LOGS_KEPT = 200


class ServerProcess:
    """A running index server in its own folder."""

    def __init__(self, folder: Path, child: Child) -> None:
        self.folder = folder
        #: Its log is its own: what it said before it crashed is found in no other's words.
        self.child = child
        self._announcement: Announcement | None = None
        self._channel: grpc.Channel | None = None
        self._asked: Any = None

    @classmethod
    def start(cls, serving: Serving, folder: Path, settings: Settings, logs: LogWriter) -> Self:
        """Start a server for ``serving`` in ``folder``; ``logs`` writes what it prints."""
        write_whole(folder / SERVING_FILE, serving.model_dump_json(indent=1))
        clear(folder)
        argv = photosearch_argv("index-server", "--serving", str(folder / SERVING_FILE))
        if SUPERVISED not in os.environ:
            argv.append("--end-with-parent")
        path = log_path(settings.logs_dir, serving.name)
        _remove_old_logs(path)
        environment = settings.environment()
        return cls(folder, Child.start(argv, path, logs, cwd=folder, environment=environment))

    @property
    def pid(self) -> int:
        return self.child.pid

    @property
    def address(self) -> str | None:
        """Where it listens, once it said so."""
        if self._announcement is None:
            announcement = read_announcement(self.folder)
            if announcement is not None and announcement.pid == self.pid:
                self._announcement = announcement
        return None if self._announcement is None else self._announcement.address

    @property
    def refusal(self) -> Refusal | None:
        """Why it refused its files, once it has."""
        return read_refusal(self.folder)

    def health(self) -> bool | None:
        """Its answer to the health question asked last, and asks anew; None: no answer yet."""
        if self.address is None:
            return None
        answer: bool | None = None
        if self._asked is not None:
            if not self._asked.done():
                return None
            error = self._asked.exception()
            if error is None:
                answer = self._asked.result().status == health_pb2.HealthCheckResponse.SERVING
            else:  # one that has all the calls it takes says so at once, and is not silent
                answer = error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        if self._channel is None:
            self._channel = grpc.insecure_channel(self.address, options=CHANNEL_OPTIONS)
        self._asked = health_pb2_grpc.HealthStub(self._channel).Check.future(
            health_pb2.HealthCheckRequest(service=SERVICE), timeout=HEALTH_DEADLINE_S
        )
        return answer

    def forget(self) -> None:
        """Close what is open to it and remove its folder; it has ended."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        self.child.forget()
        shutil.rmtree(self.folder, ignore_errors=True)


def adopt_servers(
    servings_dir: Path, logs_dir: Path, logs: LogWriter
) -> Iterator[tuple[Serving, ServerProcess]]:
    """The servers that a former deployer left running; whatever can't be adopted is ended.

    Their logs are written by the writer that the former one started: it lives as they do.

    One server a Serving: of a process that has not announced itself yet, or whose folder is
    damaged, nothing is known that is worth keeping.
    """
    running = {process.pid: (process, folder) for process, folder in _servers_below(servings_dir)}
    for folder in sorted(servings_dir.glob("*/")):
        announcement = read_announcement(folder)
        process, own = running.get(0 if announcement is None else announcement.pid, (None, None))
        try:
            serving = read_serving(folder / SERVING_FILE)
        except ServingError:
            process = None
        if process is None or own != folder or serving.name != folder.name:
            shutil.rmtree(folder, ignore_errors=True)
            continue
        del running[process.pid]
        child = Child(process, log_path(logs_dir, serving.name), logs)
        yield serving, ServerProcess(folder, child)
    for process, _ in running.values():
        with suppress(psutil.NoSuchProcess):  # it has just ended
            process.kill()


def _servers_below(servings_dir: Path) -> Iterator[tuple[psutil.Process, Path]]:
    """The index servers that run, each with its own folder.

    Known by their command lines: a process id is used again, and the time a process started
    at is another one after the clock was set.
    """
    for process in psutil.process_iter(["cmdline"]):
        arguments = process.info["cmdline"] or []
        for option, value in pairwise(arguments):
            if option == "--serving" and Path(value).is_relative_to(servings_dir):
                yield process, Path(value).parent


def log_path(logs_dir: Path, name: str) -> Path:
    """Where the servers of a Serving log."""
    return logs_dir / "index-servers" / f"{name}.log"


def _remove_old_logs(path: Path) -> None:
    """Remove logs of other servers, but the newest; one that still runs begins another."""
    with suppress(FileNotFoundError):
        logs = [(other.stat().st_mtime, other) for other in path.parent.iterdir() if other != path]
        for _, old in sorted(logs)[: -(LOGS_KEPT - 1)]:
            old.unlink(missing_ok=True)
