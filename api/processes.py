"""The API as a process of ``photosearch up``."""

from photosearch.processes.spec import ProcessSpec, not_installed, photosearch_argv
from photosearch.rest.address import api_url
from photosearch.settings.settings import Settings


def api(settings: Settings) -> ProcessSpec:
    """Ready when it answers at all: without an index it still tells what is missing."""
    argv = photosearch_argv("api")
    missing = not_installed("api", "fastapi", "uvicorn", "python_multipart", "grpc")
    url = api_url(settings)
    if url is None:
        return ProcessSpec("api", argv, cannot_start=missing)
    return ProcessSpec("api", argv, ready_url=f"{url}/healthz", url=f"{url}/", cannot_start=missing)
