"""Endpoint files: how the query plane finds index servers on one machine.

One JSON file a Serving, in one folder, written when its server answers and removed before it
ends. Files need no daemon, survive the death of whoever wrote them, and a folder is listed
in microseconds; in a cluster EndpointSlices take their place behind the same interface.
"""

import logging
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import psutil
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from photosearch.files.whole import write_whole
from photosearch.window_key import WindowKey

_log = logging.getLogger(__name__)

#: The kernel tells the boot's time in whole seconds, which may flutter by one.
_SAME_START_S = 2.0


class EndpointWindow(BaseModel):
    """A window that a server holds, its index's version and its rows."""

    model_config = ConfigDict(frozen=True)

    window: WindowKey
    version: str
    rows: int


class Endpoint(BaseModel):
    """A server that answers: where it is, and what it holds for its whole life."""

    model_config = ConfigDict(frozen=True)

    serving: str
    address: str
    fingerprint: str
    quantiser: str | None
    #: Digest of the image that it was started from.
    image: str | None = None
    windows: tuple[EndpointWindow, ...]
    pid: int
    #: Seconds from the machine's start to the process's: with the pid it names one process, and
    #: no clock that is set has a part in it. None in files of releases before 0.2.
    started_s: float | None = None
    #: When it began to answer. Of two servers that hold one window the later one is right.
    ready_at: AwareDatetime


def endpoint_path(folder: Path, serving: str) -> Path:
    """Where the endpoint file of a Serving lies."""
    return folder / f"{serving}.json"


def write_endpoint(folder: Path, endpoint: Endpoint) -> None:
    """Announce a server, in one step for readers."""
    write_whole(endpoint_path(folder, endpoint.serving), endpoint.model_dump_json(indent=1))


def is_announced(folder: Path, endpoint: Endpoint) -> bool:
    """Whether a server's file is there and says this."""
    try:
        content = endpoint_path(folder, endpoint.serving).read_bytes()
    except OSError:
        return False
    return content == endpoint.model_dump_json(indent=1).encode()


def remove_endpoint(folder: Path, serving: str) -> None:
    """Withdraw a server; nothing happens when it is withdrawn already."""
    endpoint_path(folder, serving).unlink(missing_ok=True)


def has_process(endpoint: Endpoint) -> bool:
    """Whether the server's process lives; its file stays behind when the machine goes down.

    Another process may have its number by now.
    """
    try:
        if endpoint.started_s is not None:
            return abs(started_s(endpoint.pid) - endpoint.started_s) < _SAME_START_S
        return psutil.Process(endpoint.pid).create_time() < endpoint.ready_at.timestamp()
    except psutil.NoSuchProcess:
        return False


def endpoints_here(folder: Path) -> list[Endpoint]:
    """The announced servers without those of another installation, whose files came into
    ``folder`` when it was copied while they ran."""
    return [one for one in read_endpoints(folder) if not _serves_elsewhere(one, folder.parent)]


def _serves_elsewhere(endpoint: Endpoint, state: Path) -> bool:
    """Known by its command line, and only if the place that this names is still there: a folder
    that was renamed is the same."""
    try:
        arguments = psutil.Process(endpoint.pid).cmdline()
    except psutil.Error:
        return False
    for option, value in pairwise(arguments):
        if option == "--serving" and (own := Path(value).parent).is_dir():
            return not any(parent.samefile(state) for parent in own.parents)
    return False


def started_s(pid: int) -> float:
    """Seconds from the machine's start to the process's.

    ``create_time()`` alone is another one after the clock was set, as is the boot's time; their
    difference is what the kernel counts.

    Raises:
        psutil.NoSuchProcess: if there is none.
    """
    return round(psutil.Process(pid).create_time() - psutil.boot_time(), 2)


def next_ready_at(folder: Path) -> datetime:
    """Now, but later than every announced server's: of two the one that announces itself later
    is right, and a clock that was set back must not make it the earlier."""
    latest = max((one.ready_at for one in read_endpoints(folder)), default=None)
    now = datetime.now(UTC)
    return now if latest is None else max(now, latest + timedelta(microseconds=1))


def read_endpoints(folder: Path) -> list[Endpoint]:
    """Every announced server, sorted by name; none when there is no such folder.

    A file that vanishes meanwhile is left out, and one that can't be read is logged: a
    reader must not fail because of one server.
    """
    endpoints = []
    for path in sorted(folder.glob("[!.]*.json")):
        try:
            endpoints.append(Endpoint.model_validate_json(path.read_bytes()))
        except FileNotFoundError:
            continue
        except ValidationError as error:
            _log.warning("%s is no endpoint file: %s", path, error.errors()[0]["msg"])
        except OSError as error:
            _log.warning("%s can't be read: %s", path, error.strerror)
    return endpoints
