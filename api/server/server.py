"""uvicorn as the API runs it: its readers bounded, and nothing but plain requests."""

from typing import Any

import uvicorn

from api.server.bounds import Limits
from api.server.protocols import bounded
from photosearch.settings.settings import Settings


def server_of(app: Any, settings: Settings, http: type[Any] | None = None) -> uvicorn.Server:
    """The server of an ASGI application; its sockets are given to ``run``."""
    limits = Limits(connections=settings.max_connections, body_s=settings.upload_timeout_s)
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=http or bounded(limits),
            ws="none",
            forwarded_allow_ips=list(settings.trusted_proxies),
            access_log=False,  # a line a query costs more than a call to an index server
            timeout_graceful_shutdown=max(1, round(settings.deadline_s)),
            server_header=False,
            log_config=None,  # its lines come out beside ours, in their form
        )
    )
