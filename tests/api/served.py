"""The API as a client meets it: a real server on loopback, in a thread of the test."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import httpx

from api.app import create_app
from api.fleet.discovery import Discovery
from api.server.server import server_of
from api.state import ApiState
from photosearch.settings.settings import Settings
from tests.api.shop import NOW


@contextmanager
def serving(
    settings: Settings, discovery: Discovery, now: Callable[[], datetime] = lambda: NOW
) -> Iterator[httpx.Client]:
    """A client of an API for ``settings`` whose clock is ``now``."""
    state = ApiState.make(settings, discovery, now=now)
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = server_of(create_app(settings, state), settings)
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    ends = time.monotonic() + 20
    while not server.started:
        assert thread.is_alive(), "the API ended"
        assert time.monotonic() < ends, "the API did not start"
        time.sleep(0.01)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(20)
