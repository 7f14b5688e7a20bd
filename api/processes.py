"""The API as a process of ``photosearch up``."""

from photosearch.address import base_url
from photosearch.processes.spec import ProcessSpec, not_installed, photosearch_argv
from photosearch.settings.settings import Settings


def api(settings: Settings) -> ProcessSpec:
    """Ready when it answers at all: without an index it still tells what is missing."""
    argv = photosearch_argv("api")
    missing = not_installed("api", "fastapi", "uvicorn", "python_multipart", "grpc")
    if not settings.api_port:  # whichever port is free: only the process itself knows it
        return ProcessSpec("api", argv, cannot_start=missing)
    url = base_url(settings.api_host, settings.api_port)
    return ProcessSpec("api", argv, ready_url=f"{url}/healthz", url=f"{url}/", cannot_start=missing)
