"""No route keeps the event loop: measured by the processor time of the loop's own thread.

That time does not depend on what else the machine does, and is compared with what a fixed
piece of work takes in the same thread. The shop is as large as it gets: a year of hours on one
server, a timeline since 1970, a thousand listings in an answer, photos and bodies of many
megabytes.
"""

import asyncio
import base64
import gc
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

from api.app import create_app
from api.fleet.discovery import EndpointWatch
from api.fleet.plan import CurrentIndex
from api.fleet.repository_watch import CurrentIndexes
from api.fleet.servers import ServerPool
from api.server.server import server_of
from api.state import ApiState
from index_grpc.serving.desk import Endpoint, EndpointWindow
from index_grpc.serving.endpoints import EndpointFolder
from index_grpc.wire.index_pb2 import Hit, SearchedWindow, SearchResponse
from photosearch.catalogue.catalogue import Catalogue
from photosearch.catalogue.listing import Listing, Photo
from photosearch.repository.readiness import ReadyIndex
from photosearch.windows import Granularity, Span, windows_within
from tests.api.shop import NOW, Shop
from tests.api.test_photo_urls import CHUNKED, OK, sending

FIRST = datetime(1970, 1, 1, tzinfo=UTC)
HOURS = [
    *windows_within(
        Span(datetime(2025, 11, 1, tzinfo=UTC), NOW.replace(minute=0)), Granularity.HOURLY
    )
]
LISTINGS = 1500
BIG = 24 << 20
LONGEST = 6  # in units of a piece of work of some milliseconds
Ask = Callable[[httpx.Client], Sequence[httpx.Response]]


class ManyHits:
    """An index server's client whose answer is as long as one may be, and made already."""

    answer = SearchResponse(
        hits=[
            Hit(photo_id=f"p{n}", listing_id=f"l{n}", score=1 - n / 1e4, window=HOURS[0].key)
            for n in range(LISTINGS)
        ],
        searched=[SearchedWindow(window=one.key, version="v1", rows=1) for one in HOURS],
    )

    async def search(self, *_: Any, **__: Any) -> SearchResponse:
        return self.answer

    async def close(self) -> None: ...


@dataclass
class Loop:
    """The server's loop, and the longest that it was kept since the last look."""

    client: httpx.Client
    unit_s: float = 0.0
    longest_s: float = 0.0
    _turns: int = 0
    _stops: threading.Event = field(default_factory=threading.Event)

    async def watch(self) -> None:
        units = []
        for _ in range(20):
            before = time.thread_time()
            sum(range(100_000))
            units.append(time.thread_time() - before)
        self.unit_s = sorted(units)[10]
        before = time.thread_time()
        while not self._stops.is_set():
            await asyncio.sleep(0)
            now = time.thread_time()
            self.longest_s = max(self.longest_s, now - before)
            before = now
            self._turns += 1

    def kept(self, ask: Ask) -> float:
        """The longest turn of the loop while ``ask`` is answered, in units."""
        gc.collect()
        gc.disable()  # the tests' own heap is large; whose turn it is to look through it is chance
        try:
            self._wait_turns(3)
            self.longest_s = 0.0
            ask(self.client)
            self._wait_turns(3)
        finally:
            gc.enable()
        return self.longest_s / self.unit_s

    def stop(self) -> None:
        self._stops.set()

    def _wait_turns(self, count: int) -> None:
        until, ends = self._turns + count, time.monotonic() + 60
        while self._turns < until:
            assert time.monotonic() < ends
            time.sleep(0.001)


def write_shop(settings: Any) -> None:
    listings = [
        Listing(f"l{n}", "A title of a usual length", 9.5, "lamps", "live", NOW, (f"p{n}",))
        for n in range(LISTINGS)
    ]
    photos = [Photo(f"p{n}", f"l{n}", "big.png", NOW) for n in range(LISTINGS)]
    with Catalogue.open(settings) as catalogue:
        catalogue.create_tables()
        catalogue.write(listings, photos)


@pytest.fixture(scope="module")
def loop(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loop]:
    folder = tmp_path_factory.mktemp("large")
    (folder / "photos").mkdir()
    (folder / "photos" / "big.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"x" * BIG)
    settings = shop.settings.model_copy(
        update={
            "photos_url": str(folder / "photos"),
            "database_url": f"sqlite:///{folder}/shop.db",
            "timeline_start": FIRST,
            "deadline_s": 60.0,
            "photo_url_private": True,
        }
    )
    write_shop(settings)
    EndpointFolder(folder / "endpoints").announce(
        Endpoint(
            serving="all-hours",
            address="127.0.0.1:1",
            fingerprint=shop.fingerprint,
            quantiser=None,
            windows=tuple(EndpointWindow(window=one.key, version="v1", rows=1) for one in HOURS),
            process="1",
            ready_at=NOW,
        ),
    )
    state = ApiState.make(
        settings, EndpointWatch(EndpointFolder(folder / "endpoints")), now=lambda: NOW
    )
    connect_to_many_hits(state.fleet.pool)
    know_every_hour(state, shop.fingerprint)
    with running(state) as watched:
        yield watched


def connect_to_many_hits(pool: ServerPool) -> None:
    pool._connect = lambda _: ManyHits()


def know_every_hour(state: ApiState, fingerprint: str) -> None:
    """As if the repository held an index of each; every second one stale, so that all differ."""
    indexes = {
        one: ReadyIndex("v1", 1, 1, None, bool(number % 2)) for number, one in enumerate(HOURS)
    }
    windows = {one: CurrentIndex("v1", found.stale) for one, found in indexes.items()}
    known = CurrentIndexes(1, indexes, windows)
    for name in ("current", "read"):
        setattr(state.fleet.repository, name, lambda _: known)


class running:  # noqa: N801
    """The API in a thread, with its loop watched."""

    def __init__(self, state: ApiState) -> None:
        self._server = server_of(create_app(state.settings, state), state.settings)
        self._socket = socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> Loop:
        url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._loop = Loop(httpx.Client(base_url=url, trust_env=False, timeout=100))

        async def serve() -> None:
            watching = asyncio.create_task(self._loop.watch())
            await self._server.serve([self._socket])
            self._loop.stop()
            await watching

        factory = self._server.config.get_loop_factory()  # the loop that the API runs in

        def run() -> None:
            with asyncio.Runner(loop_factory=factory) as runner:
                runner.run(serve())

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()
        ends = time.monotonic() + 60
        while not self._server.started:
            assert time.monotonic() < ends
            time.sleep(0.01)
        return self._loop

    def __exit__(self, *_: object) -> None:
        self._loop.client.close()
        self._server.should_exit = True
        self._thread.join(60)


def got(path: str, **headers: str) -> Ask:
    return lambda api: [checked(api.get(path, headers=headers))]


def checked(answer: httpx.Response) -> httpx.Response:
    assert answer.status_code < 500, answer.text
    return answer


def searched(**request: Any) -> Ask:
    if "content" in request:
        request["headers"] = {"Content-Type": "application/json"}
    return lambda api: [checked(api.post("/v1/search", **request))]


def in_small_chunks(api: httpx.Client) -> Sequence[httpx.Response]:
    """A search whose body comes as chunks of one byte each, as many as fit into one reading."""
    head = (
        b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    with socket.create_connection((api.base_url.host, api.base_url.port)) as opened:
        opened.sendall(head + b"1\r\n \r\n" * 60_000 + b"0\r\n\r\n")
        assert opened.recv(1 << 16).startswith(b"HTTP/1.1 422 ")
    return ()


def from_a_url(content: bytes) -> Ask:
    """A search by the URL of a server that answers with ``content``."""

    def ask(api: httpx.Client) -> Sequence[httpx.Response]:
        with sending(content) as url:
            return searched(json={"url": url})(api)

    return ask


LONG_TEXT = base64.b64encode(b"x" * BIG).decode()
#: Every way to send much, and to ask for much.
SEARCHES = [
    searched(json={"vector": [0.5] * 1280, "k": 1000}),
    searched(files={"photo": b"x" * BIG}),
    searched(files={"photo": b"x" * BIG}, data={"k": "x"}),
    searched(content=f'{{"photo":"{LONG_TEXT}"}}'),
    searched(content=f'{{"k":"{LONG_TEXT}"}}'),
    searched(content="[" + "1," * 16_000 + "1]"),
    searched(json={"vector": ["x"] * 16_000}),
    searched(json={"vector": [0.5] * 8192}),
    searched(json={"listing_id": "l1"}),
    in_small_chunks,
    from_a_url(CHUNKED + b"1\r\nx\r\n" * 200_000),
    from_a_url(OK + b"a:b\r\n" * 18_000 + b"\r\n"),
    from_a_url(b"HTTP/1.1 103 Wait\r\n\r\n" * 10_000),
]
ASKED: dict[tuple[str, str], Sequence[Ask]] = {
    ("GET", "/"): [got("/"), got("/web/page.js"), got("/openapi.json")],
    ("GET", "/docs"): [got("/docs")],
    ("GET", "/healthz"): [got("/healthz")],
    ("GET", "/readyz"): [got("/readyz")],
    ("GET", "/v1/windows"): [got("/v1/windows"), got("/v1/windows", **{"If-None-Match": "x"})],
    ("GET", "/v1/samples"): [got("/v1/samples?count=100")],
    ("GET", "/v1/listings/{listing_id}"): [got("/v1/listings/l7")],
    ("GET", "/v1/photos/{photo_id}"): [got("/v1/photos/p7"), got("/v1/photos/p7?size=64")],
    ("POST", "/v1/search"): SEARCHES,
}


def test_every_route_is_measured(shop: Shop) -> None:
    routes = [one for one in create_app(shop.settings).routes if isinstance(one, APIRoute)]
    there = {(m, one.path_format) for one in routes for m in one.methods or ()}

    assert there == {*ASKED}, "say in ASKED how the new route is asked for much"


@pytest.mark.parametrize("route", ASKED, ids="{0[0]} {0[1]}".format)
def test_no_route_keeps_the_loop_from_others(loop: Loop, route: tuple[str, str]) -> None:
    for number, ask in enumerate(ASKED[route]):
        # What is done once a process, or by the kernel, is not done every time.
        assert any(loop.kept(ask) < LONGEST for _ in range(4)), number
