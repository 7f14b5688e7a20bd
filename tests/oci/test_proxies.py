"""Where requests to a registry go that the environment wants to go through a proxy."""

import base64
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from photosearch.oci.errors import RegistryRefused
from photosearch.oci.opening import open_registry
from photosearch.oci.remote.proxies import proxy_for
from tests.oci.conftest import registry_settings
from tests.oci.docker_registry import running_registry

VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def no_proxies_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("no_proxy", "url", "is_direct"),
    [
        ("", "https://registry.example/", False),
        ("*", "https://registry.example/", True),
        ("registry.example", "https://registry.example/", True),
        ("REGISTRY.example", "https://registry.EXAMPLE/", True),
        ("example", "https://registry.example/", True),
        (".example", "https://registry.example/", True),
        ("*.example", "https://registry.example/", True),
        ("a, registry.example ,b", "https://registry.example/", True),
        ("try.example", "https://registry.example/", False),
        ("registry.example.com", "https://registry.example/", False),
        ("registry.example:443", "https://registry.example/", True),
        ("registry.example:5000", "https://registry.example:5000/", True),
        ("registry.example:5000", "https://registry.example/", False),
        ("10.0.0.0/8", "http://10.1.2.3:5000/", True),
        ("10.0.0.0/8", "http://11.1.2.3:5000/", False),
        ("10.0.0.0/8", "http://ten.example/", False),
        ("127.0.0.1", "http://127.0.0.1:5000/", True),
        ("127.0.0.1:5000", "http://127.0.0.1:5000/", True),
        ("127.0.0.1:5001", "http://127.0.0.1:5000/", False),
        ("localhost", "http://127.0.0.1:5000/", False),
        ("::1", "http://[::1]:5000/", True),
        ("[::1]", "http://[::1]:5000/", True),
        ("fd00::/8", "http://[fd00::5]/", True),
        ("10.0.0.0/8", "http://[::1]/", False),
    ],
)
def test_no_proxy_names_hosts_domains_addresses_and_networks(
    monkeypatch: pytest.MonkeyPatch, no_proxy: str, url: str, is_direct: bool
) -> None:
    monkeypatch.setenv("all_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", no_proxy)

    assert proxy_for(httpx.URL(url)) == (None if is_direct else "http://proxy.example:3128")


def test_each_protocol_has_a_proxy_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    http, https = httpx.URL("http://registry.example"), httpx.URL("https://registry.example")

    assert proxy_for(https) is None
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example:3128")
    assert proxy_for(https) == "http://proxy.example:3128"
    assert proxy_for(http) is None
    monkeypatch.setenv("ALL_PROXY", "http://other.example")
    assert proxy_for(https) == "http://proxy.example:3128"
    assert proxy_for(http) == "http://other.example"


class Proxy:
    """Forwards connections, each with the head that it began with."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(65536)
            self.heads.append(head)
            method, target, _ = head.split(b" ", 2)
            host = (target if method == b"CONNECT" else target.split(b"/")[2]).decode()
            name, _, port = host.partition(":")
            with socket.create_connection((name, int(port))) as server:
                if method == b"CONNECT":
                    client.sendall(b"HTTP/1.1 200 Go on\r\n\r\n")
                else:
                    server.sendall(head.replace(b" http://" + host.encode(), b" ", 1))
                threading.Thread(target=self._copy, args=[server, client], daemon=True).start()
                self._copy(client, server)

    @staticmethod
    def _copy(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while chunk := source.recv(65536):
                target.sendall(chunk)
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    made = Proxy()
    yield made
    made.close()


@pytest.mark.parametrize("user", [None, "shop"])
def test_a_registry_is_asked_through_the_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: Proxy, user: str | None
) -> None:
    signed = "" if user is None else f"{user}:let%20me%20in@"
    with running_registry(tmp_path / "registry") as docker:
        monkeypatch.setenv("http_proxy", f"http://{signed}{proxy.address}")
        registry = open_registry(registry_settings(tmp_path, docker.address))

        assert registry.tags() == []

    assert proxy.heads[0].startswith(f"GET http://{docker.address}/v2/".encode())
    shown = base64.b64encode(b"shop:let me in")
    assert (b"Proxy-Authorization: Basic " + shown in proxy.heads[0]) == (user is not None)


def test_by_tls_the_proxy_sees_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    proxy: Proxy,
    certificate: tuple[Path, Path],
) -> None:
    file, key = certificate
    with running_registry(tmp_path / "registry", certificate=file, key=key) as docker:
        monkeypatch.setenv("https_proxy", f"http://{proxy.address}")
        settings = registry_settings(
            tmp_path, docker.address, registry_insecure=False, registry_ca_file=file
        )

        assert open_registry(settings).tags() == []

    assert [head.split(b"\r\n")[0] for head in proxy.heads] == [
        f"CONNECT {docker.address} HTTP/1.1".encode()
    ]


def test_a_proxy_of_another_kind_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "socks5://127.0.0.1:1080")
    registry = open_registry(registry_settings(tmp_path, "registry.example:5000"))

    with pytest.raises(RegistryRefused, match="a proxy that speaks 'socks5' and not http"):
        registry.tags()
