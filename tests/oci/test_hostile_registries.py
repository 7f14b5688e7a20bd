"""A registry, or who answers in its place, that gives no end of anything, or asks for too much."""

import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from photosearch.oci.building.base import _small_blob
from photosearch.oci.documents import Descriptor
from photosearch.oci.errors import DamagedImage, RegistryRefused
from photosearch.oci.opening import open_registry
from photosearch.oci.registry import Bytes, ImageRegistry
from photosearch.oci.remote import ending_reads, remote, transport
from photosearch.oci.remote.sign_in import SignIn
from photosearch_operations.verify.images import _other_bytes
from tests.oci.conftest import registry_settings

DIGEST = "sha256:" + "0" * 64
#: What would be taken before anybody gives up: much more than any document.
MUCH = 64 << 20

Write = Callable[[bytes], None]
Answer = Callable[[bytes, Write], None]


def forget_body(client: socket.socket, head: bytes) -> None:
    head, _, body = head.partition(b"\r\n\r\n")
    told = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    left = int(told[1]) - len(body) if told else 0
    while left > 0 and (taken := len(client.recv(1 << 18))):
        left -= taken


@contextmanager
def hostile(
    answer: Answer, certificate: tuple[Path, Path] | None = None, *, reads: bool = False
) -> Iterator[str]:
    """A server's address: ``answer`` gets a request's head and writes what it likes.

    With ``reads``, bodies are read, and forgotten, before that.
    """
    ended = threading.Event()
    tls = None if certificate is None else ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    if tls is not None and certificate is not None:
        tls.load_cert_chain(*certificate)

    def serve(raw: socket.socket) -> None:
        with suppress(OSError), raw if tls is None else tls.wrap_socket(raw, True) as client:
            client.settimeout(30)
            head = client.recv(1 << 16)

            def write(sent: bytes) -> None:
                if ended.is_set():
                    raise OSError
                client.sendall(sent)

            if reads:
                forget_body(client, head)
            answer(head, write)

    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listening.accept()
                    threading.Thread(target=serve, args=[client], daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield f"127.0.0.1:{listening.getsockname()[1]}"
        finally:
            ended.set()
            listening.shutdown(socket.SHUT_RDWR)


def registry_at(folder: Path, address: str) -> ImageRegistry:
    settings = registry_settings(
        folder, address, registry_user="shop", registry_password="let me in"
    )
    return open_registry(settings)


def whole(status: str, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "Connection: close"]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Endless:
    """Sends without an end; the most that was taken of one answer."""

    def __init__(self) -> None:
        self.taken = 0

    def send(self, write: Write, head: str) -> None:
        write(head.encode() + b"\r\n\r\n")
        sent = 0
        while sent < MUCH:
            write(b"x" * 65536)
            sent += 65536
            self.taken = max(self.taken, sent)


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MOST_ANSWER_BYTES", 1 << 16)
    monkeypatch.setattr(remote, "MOST_DOCUMENT_BYTES", 1 << 16)
    monkeypatch.setattr(remote, "ATTEMPTS", 1)
    monkeypatch.setattr(time, "sleep", lambda _: None)


def whole_blob(registry: ImageRegistry) -> None:
    with registry.open_blob(DIGEST) as chunks:
        for _ in chunks:
            pass


USES: dict[str, Callable[[ImageRegistry], object]] = {
    "tags": lambda registry: registry.tags(),
    "document": lambda registry: registry.document("today"),
    "put": lambda registry: registry.put_blob(Bytes(b"layer")),
    "delete": lambda registry: registry.delete_blob(DIGEST),
    "blob": whole_blob,
}
HEADS = {
    "answer": "HTTP/1.1 200 OK",
    "error": "HTTP/1.1 400 No",
    "busy": "HTTP/1.1 503 Busy\r\nRetry-After: 0",
    "redirect": "HTTP/1.1 302 There\r\nLocation: /there",
    "challenge": 'HTTP/1.1 401 Who\r\nWWW-Authenticate: Bearer realm="/token"',
}


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("use", USES)
def test_an_answer_without_an_end_is_ended(tmp_path: Path, use: str, head: str) -> None:
    if (use, head) == ("blob", "answer"):
        pytest.skip("a layer may be long: who reads it counts")
    endless = Endless()

    with (
        hostile(lambda _, write: endless.send(write, HEADS[head])) as address,
        suppress(RegistryRefused),
    ):
        USES[use](registry_at(tmp_path, address))

    assert 0 < endless.taken < MUCH


def test_a_token_without_an_end_is_ended(tmp_path: Path) -> None:
    endless = Endless()

    def answer(asked: bytes, write: Write) -> None:
        if b"/token" in asked:
            endless.send(write, HEADS["answer"])
        else:
            write(whole("401 Who", 'WWW-Authenticate: Bearer realm="/token"'))

    with hostile(answer) as address, pytest.raises(RegistryRefused, match="65535 bytes"):
        registry_at(tmp_path, address).tags()

    assert 0 < endless.taken < MUCH


DRIPS = {
    "head": (b"HTTP/1.1 200 OK\r\nX: ", b"x"),
    "body": (b'HTTP/1.1 200 OK\r\n\r\n{"tags": ["', b"x"),
    "chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "trailers": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"A: b\r\n"),
}


@pytest.mark.parametrize("drip", DRIPS)
@pytest.mark.parametrize("use", ["tags", "blob"])
def test_an_answer_that_drips_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use: str, drip: str
) -> None:
    monkeypatch.setattr(ending_reads, "ANSWER_S", 0.2)
    monkeypatch.setattr(transport, "READ_TIMEOUT_S", 0.4)
    pause = threading.Event()

    def dripping(asked: bytes, write: Write) -> None:
        first, then = DRIPS[drip]
        write(first)
        while True:
            write(then)
            pause.wait(0.01)

    with (
        hostile(dripping) as address,
        pytest.raises(RegistryRefused, match=r"lasts over|are the least"),
    ):
        USES[use](registry_at(tmp_path, address))


@pytest.mark.parametrize("following", ["</v2/images/tags/list?n=1000>", "<?page={}>"])
def test_a_list_of_tags_without_an_end_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, following: str
) -> None:
    monkeypatch.setattr(remote, "MOST_PAGES", 5)
    asked: list[bytes] = []

    def endless(head: bytes, write: Write) -> None:
        asked.append(head)
        link = f'Link: {following.format(len(asked))}; rel="next"'
        write(whole("200 OK", link, body=b'{"tags": ["a"]}'))

    with (
        hostile(endless) as address,
        pytest.raises(RegistryRefused, match=r"pages of \d+ tags without an end"),
    ):
        registry_at(tmp_path, address).tags()

    assert len(asked) <= 6


@pytest.mark.parametrize("tags", ["[1, 2]", '"abc"', '{"a": 1}', "[null]", "[" * 50_000, "[[]]"])
def test_tags_that_are_none_are_told(tmp_path: Path, tags: str) -> None:
    body = f'{{"tags": {tags}}}'.encode()

    with (
        hostile(lambda _, write: write(whole("200 OK", body=body))) as address,
        pytest.raises(RegistryRefused, match="no list of tags"),
    ):
        registry_at(tmp_path, address).tags()


@pytest.mark.parametrize("told", ["http://[", "//[::1", "http://a b/", "file:///etc/passwd", "ht:"])
@pytest.mark.parametrize("status", ["200 OK", "202 Taken", "302 There", "401 Who"])
def test_an_address_that_is_none_is_told(tmp_path: Path, told: str, status: str) -> None:
    headers = (
        f'Link: <{told}>; rel="next"',
        f"Location: {told}",
        f'WWW-Authenticate: Bearer realm="{told}"',
    )

    with hostile(lambda _, write: write(whole(status, *headers, body=b'{"tags": []}'))) as address:
        registry = registry_at(tmp_path, address)
        with pytest.raises(RegistryRefused):
            registry.tags() if status == "200 OK" else registry.put_blob(Bytes(b"layer"))


@pytest.mark.parametrize("told", ["many", "-5", "9" * 5000, "1, 2"])
def test_a_size_that_is_none_is_told(tmp_path: Path, told: str) -> None:
    answer = f"HTTP/1.1 200 OK\r\nContent-Length: {told}\r\nConnection: close\r\n\r\n"

    with (
        hostile(lambda _, write: write(answer.encode())) as address,
        pytest.raises(RegistryRefused, match="Content-Length"),
    ):
        registry_at(tmp_path, address).blob_size(DIGEST)


def test_a_size_that_is_not_told_is_that_of_no_blob(tmp_path: Path) -> None:
    with hostile(lambda _, write: write(b"HTTP/1.1 200 OK\r\n\r\n")) as address:
        assert registry_at(tmp_path, address).blob_size(DIGEST) == -1


def test_an_error_is_not_as_long_as_a_registry_likes(tmp_path: Path) -> None:
    body = json.dumps({"errors": [{"message": "no " * 100_000}]}).encode()

    with (
        hostile(lambda _, write: write(whole("400 No", body=body))) as address,
        pytest.raises(RegistryRefused) as error,
    ):
        registry_at(tmp_path, address).tags()

    assert len(str(error.value)) < 1000


@pytest.mark.parametrize("how", ["next page", "redirect", "place of a layer", "challenge"])
@pytest.mark.parametrize("scheme", ["Basic", "Bearer"])
def test_another_host_is_not_shown_a_password_or_token(
    tmp_path: Path, scheme: str, how: str
) -> None:
    shown: list[bytes] = []

    def elsewhere(head: bytes, write: Write) -> None:
        shown.append(head)
        asks = f'WWW-Authenticate: {scheme} realm="/token"'
        write(whole("401 Who", asks) if how == "challenge" else whole("200 OK", body=b"{}"))

    with hostile(elsewhere) as other:

        def answer(head: bytes, write: Write) -> None:
            there = f"http://{other}/there"
            if b"/token" in head:
                write(whole("200 OK", body=b'{"token": "a secret"}'))
            elif how != "challenge" and b"\r\nauthorization: " not in head.lower():
                write(whole("401 Who", f'WWW-Authenticate: {scheme} realm="/token"'))
            elif how == "next page":
                link = f'Link: <{there}>; rel="next"'
                write(whole("200 OK", link, body=b'{"tags": ["a"]}'))
            elif how == "place of a layer":
                write(whole("202 Taken", f"Location: {there}"))
            else:
                write(whole("302 There", f"Location: {there}"))

        with hostile(answer) as address, suppress(RegistryRefused):
            registry = registry_at(tmp_path, address)
            if how == "place of a layer":
                registry.put_blob(Bytes(b"layer"))
            else:
                registry.tags()

    assert shown
    assert not any(b"authorization" in head.lower() for head in shown)


def test_a_password_that_goes_over_tls_is_not_sent_without(
    tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    shown: list[bytes] = []

    with hostile(lambda head, _: shown.append(head)) as tokens:

        def answer(head: bytes, write: Write) -> None:
            write(whole("401 Who", f'WWW-Authenticate: Bearer realm="http://{tokens}/token"'))

        with hostile(answer, certificate) as address:
            settings = registry_settings(
                tmp_path,
                address,
                registry_insecure=False,
                registry_ca_file=certificate[0],
                registry_user="shop",
                registry_password="let me in",
            )
            with pytest.raises(RegistryRefused, match="without TLS"):
                open_registry(settings).tags()

    assert shown == []


def copied(registry: ImageRegistry, blob: Descriptor) -> object:
    class Copied:
        def __len__(self) -> int:
            return blob.size

        def __iter__(self) -> Iterator[bytes]:
            with registry.open_blob(blob.digest) as chunks:
                yield from chunks

    return sum(map(len, remote._Hashing(Copied(), blob.size)))


def of_a_base(registry: ImageRegistry, blob: Descriptor) -> object:
    return _small_blob(SimpleNamespace(registry=registry, name="base"), blob)  # type: ignore[arg-type]


@pytest.mark.parametrize("read", [_other_bytes, copied, of_a_base])
def test_a_layer_is_read_no_further_than_its_size(
    tmp_path: Path, read: Callable[[ImageRegistry, Descriptor], object]
) -> None:
    endless = Endless()

    def answer(head: bytes, write: Write) -> None:
        if head.startswith(b"GET"):
            endless.send(write, HEADS["answer"])
        write(whole("202 Taken", "Location: /there"))

    with hostile(answer) as address, suppress(DamagedImage, RegistryRefused):
        read(registry_at(tmp_path, address), Descriptor("any", DIGEST, 1000))

    assert 0 < endless.taken < MUCH


@pytest.mark.parametrize(
    ("url", "is_ours"),
    [
        ("https://registry.example/v2/", True),
        ("https://registry.example:443/v2/", True),
        ("https://Registry.example/v2/", True),
        ("https://registry.example:444/v2/", False),
        ("http://registry.example/v2/", False),
        ("http://registry.example:443/v2/", False),
        ("https://registry.example@elsewhere.example/v2/", False),
        ("https://registry.example.elsewhere.example/v2/", False),
    ],
)
def test_the_registry_is_known_by_its_origin(url: str, is_ours: bool) -> None:

    assert SignIn("https://registry.example", lambda: None).is_registry(httpx.URL(url)) == is_ours
