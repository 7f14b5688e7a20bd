"""A photo from a stranger's URL: bounded, and never from where strangers may not reach."""

import asyncio
import contextlib
import http.server
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, ClassVar

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.problems.problems import ApiProblem
from api.query.photo_url import PhotoUrls, own_addresses
from api.query.public_address import is_public
from tests.api.conftest import StartApi
from tests.api.shop import Servers, Shop


class Web(http.server.BaseHTTPRequestHandler):
    """Answers by path: a photo, redirects, too much, too late, an error."""

    photo = b""
    seen: list[str]
    location = ""
    cookies: ClassVar[list[str | None]] = []
    hanging = 0
    released = threading.Event()

    def do_GET(self) -> None:
        self.server.seen.append(self.headers["Host"])  # type: ignore[attr-defined]
        path = self.path.partition("?")[0]
        if path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to/"))
            self.end_headers()
        elif path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", self.location)
            self.end_headers()
        elif path == "/cookie":
            self.cookies.append(self.headers["Cookie"])
            self.send_response(200)
            self.send_header("Set-Cookie", "who=me; Path=/")
            self.end_headers()
            self.wfile.write(self.photo)
        elif path == "/hang":
            type(self).hanging += 1
            self.released.wait(60)
            self.send_error(404)
        elif path == "/again":
            self.send_response(302)
            self.send_header("Location", "/again")
            self.end_headers()
        elif path == "/missing":
            self.send_error(404)
        elif path == "/drip":
            self.send_response(200)
            self.end_headers()
            for _ in range(100):
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.1)
        elif path == "/endless":
            self.send_response(200)
            self.end_headers()
            for _ in range(1000):
                self.wfile.write(b"x" * 65536)
        elif path == "/large":
            self.send_response(200)
            self.send_header("Content-Length", str(1 << 40))
            self.end_headers()
        elif path == "/packed":
            self.send_response(200)
            self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            self.wfile.write(b"\x1f\x8b")
        else:
            self.send_response(200)
            self.send_header("Content-Type", "image/jpeg")
            self.send_header("Content-Length", str(len(self.photo)))
            self.end_headers()
            self.wfile.write(self.photo)

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def web(shop: Shop) -> Iterator[str]:
    Web.photo = shop.photo_bytes("lamps/item 13.jpg")

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True
        seen: list[str] = []  # noqa: RUF012

        def handle_error(self, *_: Any) -> None:
            """Clients hang up here: that is what is tested."""

    server = Server(("127.0.0.1", 0), Web)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@contextlib.contextmanager
def sending(content: bytes) -> Iterator[str]:
    """A server that sends this to whoever connects; its URL."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                with connection, suppress(OSError):
                    connection.recv(1 << 16)
                    connection.sendall(content)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def get(url: str, **limits: Any) -> bytes:
    async def run() -> bytes:
        settings = {"max_bytes": 1 << 20, "timeout_s": 5.0, "allow_private": True} | limits
        urls = PhotoUrls(**settings)
        try:
            return await urls.get(url)
        finally:
            await urls.close()

    return asyncio.run(run())


def test_a_url_finds_its_listing(start_api: StartApi, servers: Servers, web: str) -> None:
    servers.serve_all()
    api = start_api(photo_url_private=True)

    answer = api.post("/v1/search", json={"url": f"{web}/lamp.jpg", "k": 1}).json()

    assert answer["results"][0]["listing_id"] == "lamps/item 13"
    assert "download" in answer["timings_ms"]


def test_private_addresses_are_refused_by_default(whole: httpx.Client, web: str) -> None:
    response = whole.post("/v1/search", json={"url": f"{web}/lamp.jpg"})

    assert response.status_code == 422
    problem = response.json()
    assert problem["type"] == "urn:photosearch:bad-url"
    assert problem["limit"] == "public addresses (photo_url_private)"


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/x",
        "http://127.1/x",
        "http://0x7f000001/x",
        "http://2130706433/x",
        "http://[::1]/x",
        "http://[::ffff:127.0.0.1]/x",
        "http://0.0.0.0/x",
        "http://10.1.2.3/x",
        "http://169.254.169.254/latest/meta-data",
        "http://[fe80::1%25eth0]/x",
        "http://[fd00::1]/x",
        "http://100.64.0.1/x",
        "ftp://example.org/x",
        "file:///etc/passwd",
        "gopher://127.0.0.1/x",
        "data:image/png;base64,AAAA",
        "//127.0.0.1/x",
        "http://user:secret@127.0.0.1/x",
        "http:///x",
        "http://",
        "nonsense",
        "http://no-such-host.invalid/x",
        "http://exa mple/x",
        "http://127.0.0.1:99999/x",
        "",
    ],
)
def test_urls_that_lead_inside_or_nowhere_are_refused(whole: httpx.Client, url: str) -> None:
    response = whole.post("/v1/search", json={"url": url})

    assert response.status_code == 422, response.text
    assert response.json()["type"] == "urn:photosearch:bad-url"


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("::ffff:93.184.216.34", True),
        ("127.0.0.1", False),
        ("192.168.1.1", False),
        ("172.16.0.1", False),
        ("169.254.169.254", False),
        ("224.0.0.1", False),
        ("240.0.0.1", False),
        ("::", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("ff02::1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::10.0.0.1", False),
        ("2002:7f00:1::", False),
        ("2002:0a00:0001::", False),
        ("fec0::1", False),
        ("::10.0.0.1", False),
        ("168.63.129.16", False),  # one cloud's agent, which no registry lists
        ("::ffff:168.63.129.16", False),
        ("100.100.100.200", False),
        ("192.0.0.192", False),
        ("fd00:ec2::254", False),
        ("192.88.99.1", False),
        ("192.31.196.1", False),
        ("64:ff9b:1::1", False),
        ("100:0:0:1::1", False),
        ("3fff::1", False),
        ("5f00::1", False),
        ("2001:db8::1", False),
        ("2001:2::1", False),
        ("2001:0:4136:e378:8000:63bf:f5ff:fffe", False),  # Teredo to 10.0.0.1
        ("2002:0808:0808::1", True),
        ("2a00:1450:4001::1", True),
    ],
)
def test_public_addresses_are_told_from_others(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_a_redirect_is_followed_and_checked_like_the_first_url(web: str) -> None:
    assert get(f"{web}/to/{web}/photo.jpg") == Web.photo
    for target in (
        "ftp://127.0.0.1/x",
        "file:///etc/passwd",
        "http://user@127.0.0.1/",
        "http://[127.0.0.1/",
        "https:",
        "http://:80/",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:x/",
        "http://127.0.0.1:0/",
        f"http://{'a' * 300}.example/",
        "http://a..b/",
    ):
        with pytest.raises(ApiProblem, match="URL"):
            get(f"{web}/to/{target}")
    for relative in ("http:photo.jpg", "http:/photo.jpg", "/photo.jpg", "photo.jpg", "//"):
        with suppress(ApiProblem):  # the library's own look at it would be a failure of ours
            get(f"{web}/to/{relative}")
    with pytest.raises(ApiProblem, match="redirects too often"):
        get(f"{web}/again")


def test_hosts_of_one_address_do_not_share_a_connection(
    web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over TLS the second host's certificate would go unchecked."""
    port = web.rpartition(":")[2]
    connections = []
    setup = Web.setup

    async def resolve(*_: object, **__: object) -> list[Any]:
        return [(2, 1, 6, "", ("127.0.0.1", int(port)))]

    def counted(self: Web) -> None:
        connections.append(self.client_address)
        setup(self)

    async def both() -> None:
        urls = PhotoUrls(max_bytes=1 << 20, timeout_s=5, allow_private=True)
        await urls.get(f"http://one.example:{port}/photo.jpg")
        await urls.get(f"http://two.example:{port}/photo.jpg")
        await urls.close()

    monkeypatch.setattr(PhotoUrls, "_look_up", resolve)
    monkeypatch.setattr(Web, "setup", counted)
    monkeypatch.setattr(Web, "protocol_version", "HTTP/1.1")

    asyncio.run(both())

    assert len(connections) == 2


def test_hosts_whose_look_up_hangs_keep_no_other_work_from_its_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A stranger chooses the host, and so the name server that never answers."""
    hang = threading.Event()

    def resolve(*_: object, **__: object) -> list[Any]:
        hang.wait(20)
        raise OSError

    async def many() -> float:
        urls = PhotoUrls(max_bytes=1 << 20, timeout_s=0.2)
        asked = (urls.get(f"http://slow{n}.example/") for n in range(64))
        refused = await asyncio.gather(*asked, return_exceptions=True)
        assert all(isinstance(one, ApiProblem) for one in refused)
        start = time.monotonic()
        async with asyncio.timeout(5):
            await asyncio.to_thread(lambda: None)
        hang.set()
        await urls.close()
        return time.monotonic() - start

    monkeypatch.setattr("socket.getaddrinfo", resolve)

    assert asyncio.run(many()) < 1


def test_the_checked_address_is_the_one_that_is_connected_to(
    web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = web.rpartition(":")[2]
    looked_up = []

    def resolve(host: str, *args: Any, **__: Any) -> list[Any]:
        looked_up.append(host)
        return [(2, 1, 6, "", ("127.0.0.1", int(port)))]

    monkeypatch.setattr("socket.getaddrinfo", resolve)

    content = get(f"http://shop.example:{port}/photo.jpg")

    assert content == Web.photo
    assert looked_up[0] == "shop.example"
    assert "shop.example" not in looked_up[1:]


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("missing", 422, "status 404"),
        ("endless", 413, "more than 1048576 bytes"),
        ("large", 413, "1099511627776 bytes"),
        ("packed", 422, "gzip"),
    ],
)
def test_what_is_no_photo_or_too_much_is_refused(
    web: str, path: str, status: int, words: str
) -> None:
    with pytest.raises(ApiProblem) as refusal:
        get(f"{web}/{path}")

    assert refusal.value.status == status
    assert words in (refusal.value.found or "")


def test_a_url_that_drips_is_cut_off(web: str) -> None:
    start = time.monotonic()

    with pytest.raises(ApiProblem, match="in time"):
        get(f"{web}/drip", timeout_s=0.5)

    assert time.monotonic() - start < 3


@given(st.text(st.sampled_from("ht:/p@[]%?#.\\ \t\x7fé\u202e-1x"), max_size=12))
@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # the server keeps nothing
)
def test_whatever_a_redirect_names_is_a_photo_or_a_reason(web: str, location: str) -> None:
    Web.location = location.encode("latin-1", "ignore").decode("latin-1")
    with suppress(ApiProblem):
        get(f"{web}/elsewhere", timeout_s=0.3)


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        (CHUNKED + b"1\r\nx\r\n" * 200_000, "much else than a body"),
        (CHUNKED + b"1;" + b"a" * 200_000, "much else than a body"),
        (CHUNKED + b"0\r\n" + b"a:b\r\n" * 20_000, "more than 200 header lines"),
        (OK + b"a:b\r\n" * 20_000, "more than 200 header lines"),
        (OK + b"a: " + b"b" * 200_000, "much else than a body"),
        (b"HTTP/1.1 200 " + b"b" * 200_000, "much else than a body"),
        (b"HTTP/1.1 103 Wait\r\n\r\n" * 200, "answers without end that announce one"),
        (b"HTTP/1.1 101 No\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "no HTTP"),
        (bytes(200_000), "no HTTP"),
        (OK + b"Content-Length: 9\r\n\r\nx", "cut off"),
        (OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\nx", "no HTTP"),
        (OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx", "no HTTP"),
        (CHUNKED + b"5\r\nx", "cut off"),
        (OK, "cut off"),
        (b"", "cut off"),
    ],
)
def test_an_answer_that_is_none_is_refused(sent: bytes, found: str) -> None:
    with sending(sent) as url, pytest.raises(ApiProblem) as caught:
        get(url, timeout_s=60)

    assert (caught.value.status, caught.value.found) == (422, found)


@pytest.mark.parametrize(
    "sent",
    [
        OK + b"Content-Length: 3\r\n\r\nabc",
        OK + b"Content-Length: 3\r\n\r\nabc and more",
        OK + b"\r\nabc",
        CHUNKED + b"1\r\na\r\n2;x=y\r\nbc\r\n0\r\nT: u\r\n\r\n",
        b"HTTP/1.1 103 Wait\r\nLink: x\r\n\r\n" + OK + b"Content-Length: 3\r\n\r\nabc",
        b"HTTP/1.0 200 OK\r\n\r\nabc",
    ],
)
def test_an_answer_may_be_written_in_many_ways(sent: bytes) -> None:
    with sending(sent) as url:
        assert get(url) == b"abc"


def test_small_chunks_of_many_bytes_are_a_photo() -> None:
    chunks = b"80\r\n%b\r\n" % (b"x" * 128) * 16_000
    with sending(CHUNKED + chunks + b"0\r\n\r\n") as url:
        assert len(get(url, max_bytes=4 << 20, timeout_s=60)) == 16_000 * 128


def test_no_cookie_goes_from_one_download_to_the_next(web: str) -> None:
    async def run() -> None:
        urls = PhotoUrls(max_bytes=1 << 20, timeout_s=5, allow_private=True)
        for _ in range(2):
            await urls.get(f"{web}/cookie")
        await urls.get(f"{web}/to/{web}/cookie")
        await urls.close()

    Web.cookies.clear()
    asyncio.run(run())

    assert Web.cookies == [None] * 3


def test_this_machine_s_own_addresses_are_not_for_strangers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "127.0.0.1" in own_addresses()
    monkeypatch.setattr("api.query.photo_url.own_addresses", lambda: frozenset({"93.184.216.34"}))

    with pytest.raises(ApiProblem, match="leads to a private address"):
        get("http://93.184.216.34/photo.jpg", allow_private=False)


def test_photos_from_urls_can_be_switched_off(start_api: StartApi, web: str) -> None:
    api = start_api(photo_url_private=True, photo_urls=False)

    response = api.post("/v1/search", json={"url": f"{web}/lamp.jpg"})

    assert response.status_code == 422
    assert response.json()["limit"] == "photo_urls = false"


def test_downloads_that_hang_take_no_place_of_a_query(start_api: StartApi, web: str) -> None:
    api = start_api(
        photo_url_private=True,
        photo_url_concurrency=2,
        photo_url_timeout_s=30,
        max_concurrent_queries=1,
    )
    Web.released.clear()
    with ThreadPoolExecutor(2) as pool:
        hanging = [
            pool.submit(api.post, "/v1/search", json={"url": f"{web}/hang?{n}"}) for n in range(2)
        ]
        until(lambda: Web.hanging == 2)

        other = api.post("/v1/search", json={"listing_id": "no"})
        third = api.post("/v1/search", json={"url": f"{web}/lamp.jpg"})

        Web.released.set()
        ended = [one.result().status_code for one in hanging]

    assert other.status_code == 404
    assert third.status_code == 429
    assert "photo_url_concurrency" in third.json()["limit"]
    assert api.post("/v1/search", json={"url": f"{web}/lamp.jpg"}).status_code != 429
    assert 429 not in ended


def until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.02)
