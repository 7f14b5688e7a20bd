"""Endpoint files: how the query plane finds index servers on one machine.

One JSON file a Serving, in one folder, written when its server answers and removed before it
ends. Files need no daemon, survive the death of whoever wrote them, and a folder is listed
in microseconds.
"""

import contextlib
import logging
import os
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import psutil
from pydantic import ValidationError

from index_grpc.serving.desk import DeskError, Endpoint
from index_grpc.serving.desk_files import files_on_desk
from index_grpc.serving.local_process import is_process_alive, number_of
from photosearch.errors import first_fault
from photosearch.files.whole import write_whole

_log = logging.getLogger(__name__)


class EndpointFolder:
    """The servers that answer on one machine, by the files that the deployer writes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, *, strict: bool = False) -> list[Endpoint]:
        """Every announced server, sorted by name; none when there is no such folder.

        A file that vanishes meanwhile is left out, and one that can't be read is logged: a
        reader must not fail because of one server.
        """
        endpoints = []
        for path in files_on_desk(self._folder, "the index servers that answer"):
            try:
                endpoints.append(Endpoint.model_validate_json(path.read_bytes()))
            except FileNotFoundError:
                continue
            except (ValidationError, OSError) as error:
                why = error.strerror if isinstance(error, OSError) else first_fault(error)
                if strict:
                    raise DeskError(
                        "what an index server holds can't be read",
                        found=f"{path}: {why}",
                        limit="files that are as they were written",
                        remedy="the deployer writes it again while it runs ('photosearch up'); "
                        "where none runs, delete it",
                    ) from error
                _log.warning("%s is no endpoint file: %s", path, why)
        return endpoints

    def own(self, *, strict: bool = False) -> list[Endpoint]:
        """Those without the servers of another installation, whose files came here when its
        folder was copied while they ran."""
        state = self._folder.parent
        return [one for one in self.read(strict=strict) if not _serves_elsewhere(one, state)]

    def edition(self) -> object:
        """Names, times and sizes of the files."""
        seen = []
        with contextlib.suppress(FileNotFoundError), os.scandir(self._folder) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):  # gone since, or leads nowhere
                    stat = entry.stat()
                    seen.append((entry.name, stat.st_mtime_ns, stat.st_ino, stat.st_size))
        return sorted(seen)

    def is_alive(self, process: str) -> bool:
        """Whether the server's process lives; its file stays behind when the machine goes down."""
        return is_process_alive(process)

    def announce(self, endpoint: Endpoint) -> None:
        """Announce a server, in one step for readers."""
        write_whole(self.path(endpoint.serving), endpoint.model_dump_json(indent=1))

    def is_announced(self, endpoint: Endpoint) -> bool:
        """Whether a server's file is there and says this."""
        try:
            content = self.path(endpoint.serving).read_bytes()
        except OSError:
            return False
        return content == endpoint.model_dump_json(indent=1).encode()

    def withdraw(self, serving: str) -> None:
        """Withdraw a server; nothing happens when it is withdrawn already."""
        self.path(serving).unlink(missing_ok=True)

    def next_ready_at(self) -> datetime:
        """Now, but later than every announced server's: of two the one that announces itself
        later is right, and a clock that was set back must not make it the earlier."""
        latest = max((one.ready_at for one in self.read()), default=None)
        now = datetime.now(UTC)
        return now if latest is None else max(now, latest + timedelta(microseconds=1))

    def path(self, serving: str) -> Path:
        """Where the endpoint file of a Serving lies."""
        return self._folder / f"{serving}.json"


def _serves_elsewhere(endpoint: Endpoint, state: Path) -> bool:
    """Known by its command line, and only if the place that this names is still there: a folder
    that was renamed is the same."""
    try:
        arguments = psutil.Process(number_of(endpoint.process)).cmdline()
    except psutil.Error:
        return False
    for option, value in pairwise(arguments):
        if option == "--serving" and (own := Path(value).parent).is_dir():
            return not any(parent.samefile(state) for parent in own.parents)
    return False
