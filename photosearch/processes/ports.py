"""Ports that must be free before anything is started."""

from collections.abc import Iterable
from contextlib import suppress
from urllib.parse import urlsplit

import psutil

from photosearch.address import AddressError, is_taken, listen
from photosearch.errors import PhotosearchError
from photosearch.processes.dying import await_release
from photosearch.processes.spec import ProcessSpec
from photosearch.settings.settings import Settings


class PortInUse(PhotosearchError):
    """A port that one of our processes needs is taken by another."""


def require_free_ports(specs: Iterable[ProcessSpec], settings: Settings) -> None:
    """Check the port of every spec's ``ready_url``; a holder that dies is waited for.

    Raises:
        AddressError: if the host is none of this machine.
        PortInUse: naming the port, who holds it, and the setting that moves it.
    """
    for spec in specs:
        if spec.ready_url is None or spec.cannot_start is not None:
            continue
        parts = urlsplit(spec.ready_url)
        if parts.hostname is None or not parts.port:
            continue
        _require_free(spec.name, parts.hostname, parts.port, settings)


def _require_free(name: str, host: str, port: int, settings: Settings) -> None:
    if not await_release(lambda: _is_free(host, port), lambda: _holder(port)):
        raise PortInUse(
            f"port {port} of {host}, which {name} needs, is in use",
            found=_told(_holder(port)),
            remedy=f"end that process, or set {_setting_of(port, settings)} to a free port",
        )


def _is_free(host: str, port: int) -> bool:
    try:
        for probe in listen(host, port):
            probe.close()
    except AddressError as error:
        if not is_taken(error):
            raise
        return False
    return True


def _setting_of(port: int, settings: Settings) -> str:
    names = [
        name
        for name in type(settings).model_fields
        if name.endswith("_port") and getattr(settings, name) == port
    ]
    return " or ".join(f"{name} (PHOTOSEARCH_{name.upper()})" for name in names) or "its port"


def _holder(port: int) -> int | None:
    """The process that listens there; none if it is another user's, or has let go already."""
    with suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN
            if listens and connection.pid and getattr(connection.laddr, "port", None) == port:
                return int(connection.pid)
    return None


def _told(pid: int | None) -> str:
    with suppress(psutil.Error):
        if pid is not None:
            return f"process {pid} ({psutil.Process(pid).name()})"
    return "another process"
