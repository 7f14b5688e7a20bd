"""The API as a process of ``photosearch up``."""

from photosearch.processes import ProcessSpec, photosearch_argv
from photosearch.settings import Settings


def api(settings: Settings) -> ProcessSpec:
    """Ready when it answers at all: without an index it still tells what is missing."""
    host = f"[{settings.api_host}]" if ":" in settings.api_host else settings.api_host
    host = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)
    url = f"http://{host}:{settings.api_port}"
    return ProcessSpec("api", photosearch_argv("api"), ready_url=f"{url}/healthz", url=f"{url}/")
