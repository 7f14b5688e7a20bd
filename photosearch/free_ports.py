"""Ports that must be free before anything is started."""

import socket
from collections.abc import Iterable
from contextlib import suppress
from urllib.parse import urlsplit

import psutil

from photosearch.errors import PhotosearchError
from photosearch.processes import ProcessSpec
from photosearch.settings import Settings


class PortInUse(PhotosearchError):
    """A port that one of our processes needs is taken by another."""


def require_free_ports(specs: Iterable[ProcessSpec], settings: Settings) -> None:
    """Check the port of every spec's ``ready_url``.

    Raises:
        PortInUse: naming the port, who holds it, and the setting that moves it.
    """
    for spec in specs:
        if spec.ready_url is None:
            continue
        parts = urlsplit(spec.ready_url)
        if parts.hostname is None or not parts.port:
            continue
        if not _is_free(parts.hostname, parts.port):
            setting = _setting_of(parts.port, settings)
            raise PortInUse(
                f"port {parts.port} of {parts.hostname}, which {spec.name} needs, is in use",
                found=_holder(parts.port),
                remedy=f"end that process, or set {setting} to a free port",
            )


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        # As servers do: connections of a former one that are fading away don't count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


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
