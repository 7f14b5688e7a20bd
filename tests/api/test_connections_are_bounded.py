"""One connection takes a bounded share of the server, whatever it sends or does not."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import uvicorn

from api.server.bounds import Limits
from api.server.protocols import HAS_HTTPTOOLS, bounded
from api.server.server import server_of
from photosearch.settings.settings import load_settings

BIG = b"x" * (16 << 20)
READERS = [pytest.param(True, marks=pytest.mark.skipif(not HAS_HTTPTOOLS, reason="none")), False]
QUICK = Limits(head_s=0.5, body_s=1.0, send_s=0.5)
SLOW = Limits(head_s=60, body_s=60, send_s=60)


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answers with what was asked for: /big with many bytes, /body with the body's size."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    content = BIG if scope["path"] == "/big" else scope["path"].encode()
    if scope["path"] == "/body":
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            size += len(message["body"])
            more = message.get("more_body", False)
        content = b"%d" % size
    headers = [(b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


Start = Callable[[Limits], int]


@pytest.fixture(params=READERS, ids=["httptools", "h11"])
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Start]:
    """Starts a server with limits; its port."""
    with contextlib.ExitStack() as stack:
        yield lambda limits: stack.enter_context(_running(tmp_path, limits, request.param))


@contextlib.contextmanager
def _running(folder: Path, limits: Limits, httptools: bool) -> Iterator[int]:
    protocol = bounded(limits, httptools=httptools)
    server: uvicorn.Server = server_of(application, load_settings(base_dir=folder), protocol)
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    until(lambda: server.started)
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(20)


def until(is_so: Callable[[], bool]) -> None:
    ends = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < ends
        time.sleep(0.01)


@contextlib.contextmanager
def connection(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port)) as opened:
        opened.settimeout(60)
        yield opened


def talk(port: int, *sent: bytes) -> bytes:
    """Everything that is answered until the server ends the connection."""
    with connection(port) as opened:
        with contextlib.suppress(ConnectionError):
            for part in sent:
                opened.sendall(part)
        return received(opened)


def received(opened: socket.socket) -> bytes:
    parts = []
    with contextlib.suppress(ConnectionError):
        while part := opened.recv(1 << 20):
            parts.append(part)
    return b"".join(parts)


def status(answer: bytes) -> int:
    assert answer.startswith(b"HTTP/1.1 "), answer[:200]
    return int(answer[9:12])


HEAD = b"GET /a HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ([HEAD, *[b"X-%d: %s\r\n" % (n, b"y" * 1000) for n in range(300)]], {431}),
        ([HEAD, b"X: ", *[b"y" * 65536] * 40], {431}),
        ([HEAD, b"x" * 300_000], {431}),
        ([HEAD, b" folded" * 30_000], {400, 431}),
        ([b"GET /", *[b"a" * 65536] * 40], {414, 431}),
        ([b"a" * 300_000], {400, 431}),
        ([b"\r\n" * 300_000], {400, 431}),
        ([b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"], {400}),
        ([b"GET / HTTP/1.1\r\nHost : x\r\n\r\n"], {400}),
        ([b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"], {400}),
        ([b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"], {400}),
    ],
    ids=[
        "sum", "line", "name", "folded", "path", "method", "blank lines",
        "TLS", "blank before colon", "length", "two lengths",
    ],
)  # fmt: skip
def test_what_never_becomes_a_request_is_refused_by_a_status(
    start: Start, sent: list[bytes], expected: set[int]
) -> None:
    answer = talk(start(SLOW), *sent)

    assert status(answer) in expected
    assert b"application/problem+json" in answer
    assert b"connection: close" in answer


@pytest.mark.skipif(not HAS_HTTPTOOLS, reason="h11 bounds the path with the headers")
def test_a_path_that_is_too_long_is_told_from_headers_that_are(tmp_path: Path) -> None:
    with _running(tmp_path, SLOW, httptools=True) as port:
        answer = talk(port, b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")

    assert status(answer) == 414
    assert b"long-path" in answer


def test_countless_header_lines_that_are_short_are_refused(start: Start) -> None:
    lines = b"".join(b"a%d:\r\n" % n for n in range(20_000))

    assert status(talk(start(SLOW), HEAD, lines)) == 431


def test_who_goes_on_after_a_refusal_is_cut_off(start: Start) -> None:
    much = HEAD + b"X: " + b"y" * (200 << 20)

    with connection(start(SLOW)) as opened, pytest.raises(ConnectionError):
        opened.sendall(much)


def test_memory_does_not_follow_what_is_sent(start: Start) -> None:
    port = start(SLOW)
    before = psutil.Process().memory_info().rss

    for first in (HEAD + b"X: ", b"GET /"):
        talk(port, first, *[b"y" * (1 << 20)] * 100)

    assert psutil.Process().memory_info().rss - before < 60 << 20


@pytest.mark.parametrize(
    "rest",
    [
        [b"5\r\nhello\r\n0\r\n", *[b"T%d: %s\r\n" % (n, b"y" * 1000) for n in range(300)]],
        [b"5\r\nhello\r\n0\r\nT: ", *[b"y" * 65536] * 40],
        [b"5;", *[b"x" * 65536] * 40],
        [b"5;x=", b"\x00" * 300_000],
    ],
    ids=["trailers", "one trailer", "extension", "zeros"],
)
def test_what_stands_around_a_body_is_bounded_too(start: Start, rest: list[bytes]) -> None:
    head = b"POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

    answer = talk(start(SLOW), head, *rest)

    assert not answer or status(answer) in (400, 431)


def test_a_trailer_is_no_header_of_the_request_and_small_chunks_are_a_body(start: Start) -> None:
    head = (
        b"POST /body HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    chunks = b"1\r\nx\r\n" * 50_000

    answer = talk(start(SLOW), head, chunks, b"0\r\nX-Trailer: y\r\n\r\n")

    assert status(answer) == 200
    assert answer.endswith(b"50000")


def test_a_body_in_too_many_small_chunks_is_refused(start: Start) -> None:
    head = b"POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

    answer = talk(start(SLOW), head, b"1\r\nx\r\n" * 200_000)

    assert status(answer) == 413
    assert b"small-chunks" in answer


def test_a_body_of_any_size_is_no_header(start: Start) -> None:
    port = start(SLOW)

    answer = httpx.post(f"http://127.0.0.1:{port}/body", content=BIG, trust_env=False)

    assert answer.text == str(len(BIG))


@pytest.mark.parametrize(
    ("sent", "expected"),
    [(b"", None), (b"GET / HT", 408), (HEAD, 408)],
    ids=["silent", "half a line", "half a head"],
)
def test_a_connection_that_does_not_go_on_ends(
    start: Start, sent: bytes, expected: int | None
) -> None:
    answer = talk(start(QUICK), sent)

    assert answer == b"" if expected is None else status(answer) == expected


def test_a_head_that_drips_ends_though_something_comes_all_the_time(start: Start) -> None:
    ended = threading.Event()
    with connection(start(QUICK)) as opened:
        opened.sendall(HEAD)

        def drip() -> None:
            with contextlib.suppress(OSError):
                while not ended.wait(0.05):
                    opened.sendall(b"a")

        dripping = threading.Thread(target=drip)
        dripping.start()
        answer = received(opened)
        ended.set()
        dripping.join()

    assert status(answer) == 408


@pytest.mark.parametrize("path", [b"/a", b"/b"])
def test_a_body_that_nobody_reads_keeps_no_connection(start: Start, path: bytes) -> None:
    head = b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n" % path
    ended = threading.Event()
    with connection(start(QUICK)) as opened:
        opened.sendall(head)

        def drip() -> None:
            with contextlib.suppress(OSError):
                while not ended.wait(0.05):
                    opened.sendall(b"a")

        dripping = threading.Thread(target=drip)
        dripping.start()
        answer = received(opened)
        ended.set()
        dripping.join()

    assert status(answer) == 200


def test_a_kept_connection_ends_when_no_further_request_comes(start: Start) -> None:
    answer = talk(start(QUICK), HEAD + b"\r\n")

    assert status(answer) == 200
    assert answer.endswith(b"/a")


def test_an_answer_that_nobody_takes_keeps_no_connection(start: Start) -> None:
    port = start(QUICK)
    me = psutil.Process()

    def open_here() -> int:
        return sum(
            one.laddr.port == port and one.status == psutil.CONN_ESTABLISHED
            for one in me.net_connections("tcp")
            if one.raddr and one.laddr
        )

    with connection(port) as opened:
        opened.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
        until(lambda: open_here() == 1)
        until(lambda: open_here() == 0)
        with contextlib.suppress(ConnectionError):
            opened.recv(1)


def test_an_answer_that_is_taken_slowly_is_sent_whole(start: Start) -> None:
    with connection(start(Limits(send_s=1.0, send_bytes=1))) as opened:
        opened.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        size = 0
        while part := opened.recv(1 << 18):
            size += len(part)
            time.sleep(0.02)

    assert size > len(BIG)


def test_requests_sent_ahead_are_answered_in_order_and_a_flood_of_them_is_not(
    start: Start,
) -> None:
    port = start(SLOW)
    few = b"".join(b"GET /n%d. HTTP/1.1\r\nHost: x\r\n\r\n" % n for n in range(10))
    last = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    flood = b"GET /f HTTP/1.1\r\nHost: x\r\n\r\n" * 3_000

    answers = talk(port, few + last)
    assert [answers.count(b"/n%d." % n) for n in range(10)] == [1] * 10
    assert answers.endswith(b"/last")
    before = psutil.Process().memory_info().rss
    flooded = talk(port, flood, last)

    assert flooded.startswith(b"HTTP/1.1 200")
    assert psutil.Process().memory_info().rss - before < 60 << 20


def test_idle_connections_make_room_and_busy_ones_do_not(start: Start) -> None:
    port = start(Limits(connections=3, head_s=60, body_s=60, send_s=60))
    body = b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"
    with contextlib.ExitStack() as stack:
        first, second, third = (stack.enter_context(connection(port)) for _ in range(3))
        second.sendall(body)
        third.sendall(body)
        fourth = stack.enter_context(connection(port))
        fourth.sendall(body)
        assert received(first) == b""  # had waited longest

        fifth = stack.enter_context(connection(port))
        refused = received(fifth)
        answers = []
        for one in (second, third, fourth):
            one.sendall(b"hello")
            answers.append(one.recv(65536))

    assert status(refused) == 429
    assert b"max_connections" in refused
    assert [status(one) for one in answers] == [200] * 3


def test_a_flood_of_idle_connections_shuts_nobody_out(start: Start) -> None:
    port = start(Limits(connections=20, head_s=60))
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(connection(port)).sendall(b"GET / HT")

        answer = httpx.get(f"http://127.0.0.1:{port}/a", trust_env=False)

    assert answer.text == "/a"


def test_an_upgrade_is_answered_as_a_plain_request(start: Start) -> None:
    for kind in (b"websocket", b"h2c"):
        head = HEAD + b"Connection: Upgrade, close\r\nUpgrade: %s\r\n\r\n" % kind

        assert status(talk(start(QUICK), head)) == 200
