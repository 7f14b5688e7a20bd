"""Ports that must be free before anything is started."""

from collections.abc import Iterable
from contextlib import suppress
from urllib.parse import urlsplit

import psutil

from photosearch.address import AddressError, is_taken, listen
from photosearch.errors import PhotosearchError
from photosearch.processes import ProcessSpec
from photosearch.settings import Settings


class PortInUse(PhotosearchError):
    """A port that one of our processes needs is taken by another."""


def require_free_ports(specs: Iterable[ProcessSpec], settings: Settings) -> None:
    """Check the port of every spec's ``ready_url``.

    Raises:
        AddressError: if the host is none of this machine.
        PortInUse: naming the port, who holds it, and the setting that moves it.
    """
    for spec in specs:
        if spec.ready_url is None:
            continue
        parts = urlsplit(spec.ready_url)
        if parts.hostname is None or not parts.port:
            continue
        try:
            for probe in listen(parts.hostname, parts.port):
                probe.close()
        except AddressError as error:
            if not is_taken(error):
                raise
            setting = _setting_of(parts.port, settings)
            raise PortInUse(
                f"port {parts.port} of {parts.hostname}, which {spec.name} needs, is in use",
                found=_holder(parts.port),
                remedy=f"end that process, or set {setting} to a free port",
            ) from error


def _setting_of(port: int, settings: Settings) -> str:
    names = [
        name
        for name in type(settings).model_fields
        if name.endswith("_port") and getattr(settings, name) == port
    ]
    return " or ".join(f"{name} (PHOTOSEARCH_{name.upper()})" for name in names) or "its port"


def _holder(port: int) -> str:
    with suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN
            if listens and connection.pid and getattr(connection.laddr, "port", None) == port:
                return f"process {connection.pid} ({psutil.Process(connection.pid).name()})"
    return "another process"
