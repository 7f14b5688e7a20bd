"""Every form of address that a setting may have can be listened on, asked and printed."""

import errno
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from photosearch.address import (
    AddressError,
    authority,
    base_url,
    host_of,
    ip_of,
    is_taken,
    listen,
    reachable,
)
from photosearch.processes.ports import PortInUse, require_free_ports
from photosearch.processes.spec import ProcessSpec
from photosearch.settings.settings import Settings, SettingsError, load_settings


def link_local() -> list[str]:
    """This machine's own addresses that mean something only with their zone."""
    table = Path("/proc/net/if_inet6")
    lines = table.read_text().split("\n") if table.exists() else []
    parts = [line.split() for line in lines if line.startswith("fe80")]
    return [f"{socket.inet_ntop(socket.AF_INET6, bytes.fromhex(one[0]))}%{one[5]}" for one in parts]


@contextmanager
def answering(sockets: list[socket.socket]) -> Iterator[None]:
    """Answers every connection with an empty 200."""

    def serve(listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    threads = [threading.Thread(target=serve, args=(one,), daemon=True) for one in sockets]
    for thread in threads:
        thread.start()
    yield
    for one in sockets:
        one.shutdown(socket.SHUT_RDWR)
        one.close()
    for thread in threads:
        thread.join(20)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "0.0.0.0", "localhost", "127.8.9.10", "::1", "::", "[::1]", *link_local()]
)
def test_what_is_listened_on_is_reached_by_its_url(tmp_path: Path, host: str) -> None:
    if ":" in host and not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    set_host = load_settings(base_dir=tmp_path, api_host=host).api_host

    sockets = listen(set_host, 0)
    url = base_url(set_host, sockets[0].getsockname()[1])

    with answering(sockets):
        assert httpx.get(f"{url}/", trust_env=False).status_code == 200


def test_every_interface_means_both_kinds_of_address() -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    sockets = listen("::", 0)

    with answering(sockets):
        for asked in ("127.0.0.1", "::1"):
            url = base_url(asked, sockets[0].getsockname()[1])
            assert httpx.get(url, trust_env=False).status_code == 200


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("::", "http://[::1]:80"),
        ("0:0:0:0:0:0:0:0", "http://[::1]:80"),
        ("2001:db8::7", "http://[2001:db8::7]:80"),
        ("shop.example", "http://shop.example:80"),
    ],
)
def test_a_url_leads_to_the_host(host: str, url: str) -> None:
    assert base_url(host, 80) == url


@given(st.ip_addresses(), st.integers(1, 65535))
def test_a_url_of_any_address_is_read_as_that_address(address: object, port: int) -> None:
    host = host_of(str(address))

    read = httpx.URL(base_url(host, port))

    assert (ip_of(read.host), read.port or 80) == (ip_of(reachable(host)), port)
    assert authority(host, port).count("[") == (":" in host)


@pytest.mark.parametrize(
    "text",
    ["", " ", "127.0.0.1:80", "http://shop", "shop/x", "::1:zz", "[shop]", "a b", "[::1]:8080"],
)
def test_what_is_no_host_is_refused_by_the_setting(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match="api_host can't be used: this is not the address"):
        load_settings(base_dir=tmp_path, api_host=text)


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.1", "2001:db8::7", "x" * 70])
def test_a_host_that_is_not_this_machine_is_told_from_a_taken_port(host: str) -> None:
    with pytest.raises(AddressError, match="can't listen on") as refused:
        listen(host, 0)

    assert not is_taken(refused.value)
    assert refused.value.found
    assert refused.value.remedy


def test_a_taken_port_is_named_with_its_setting_on_ipv6_too(tmp_path: Path) -> None:
    for host in ("127.0.0.1", "::1"):
        if ":" in host and not socket.has_dualstack_ipv6():
            continue
        with listen(host, 0)[0] as taken:
            port = taken.getsockname()[1]
            settings = load_settings(base_dir=tmp_path, api_host=host, api_port=port)
            spec = ProcessSpec("api", ["true"], ready_url=f"{base_url(host, port)}/healthz")

            with pytest.raises(PortInUse, match=f"port {port} of {host}") as refused:
                require_free_ports([spec], settings)
            with pytest.raises(AddressError) as again:
                listen(host, port)

        assert "api_port" in str(refused.value)
        assert isinstance(again.value.__cause__, OSError)
        assert again.value.__cause__.errno == errno.EADDRINUSE


def test_a_name_with_an_address_that_this_machine_lacks_is_listened_on_by_its_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = (socket.SOCK_STREAM, 6, "")
    both = [
        (socket.AF_INET6, *stream, ("2001:db8::7", 0, 0, 0)),
        (socket.AF_INET, *stream, ("127.0.0.1", 0)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)

    (one,) = listen("shop.example", 0)

    with one:
        assert one.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize("setting", ["allowed_hosts", "dagster_allowed_hosts"])
@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("Find.Example.ORG", "find.example.org"),
        ("find.example.org.", "find.example.org"),
        ("caf\u00e9.example", "xn--caf-dma.example"),
        ("*.caf\u00e9.example", "*.xn--caf-dma.example"),
        ("*.example.org", "*.example.org"),
        ("shop_1", "shop_1"),
        ("*", "*"),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
    ],
)
def test_a_name_to_be_asked_under_is_what_browsers_send(
    setting: str, written: str, asked: str
) -> None:
    found = Settings.model_validate({setting: [written]})

    assert getattr(found, setting) == (asked,)


@pytest.mark.parametrize("setting", ["allowed_hosts", "dagster_allowed_hosts"])
@pytest.mark.parametrize(
    "name",
    [
        *("https://find.example.org", "find.example.org:8080", "find.example.org/find", "a b"),
        *("", ".example.org", "*example.org", "find.*.org", "a..b", "[::1]", "u@find.example.org"),
    ],
)
def test_a_name_that_no_request_can_have_is_refused(setting: str, name: str) -> None:
    with pytest.raises(ValidationError, match="no request is asked under this name"):
        Settings.model_validate({setting: [name]})


@pytest.mark.parametrize(
    ("setting", "written", "kept"),
    [
        ("trusted_proxies", "10.0.0.1", "10.0.0.1"),
        ("trusted_proxies", "10.1.2.3/8", "10.0.0.0/8"),
        ("trusted_proxies", "fd00::/8", "fd00::/8"),
        ("trusted_proxies", "*", "*"),
        ("allowed_origins", "https://Shop.example.org/", "https://shop.example.org"),
        ("allowed_origins", "https://shop.example.org:443", "https://shop.example.org"),
        ("allowed_origins", "http://localhost:3000", "http://localhost:3000"),
        ("allowed_origins", "http://[::1]:3000", "http://[::1]:3000"),
        ("allowed_origins", "https://caf\u00e9.example", "https://xn--caf-dma.example"),
        ("allowed_origins", "*", "*"),
    ],
)
def test_proxies_and_origins_are_kept_as_they_are_compared(
    setting: str, written: str, kept: str
) -> None:
    assert getattr(Settings.model_validate({setting: [written]}), setting) == (kept,)


@pytest.mark.parametrize(
    ("setting", "written"),
    [
        *(("trusted_proxies", one) for one in ("nginx", "10.0.0.0/33", "10.0.0.1:80", "10.0.0")),
        *(("allowed_origins", one) for one in ("shop.example.org", "https://a/b", "https://*.a")),
        *(("allowed_origins", one) for one in ("https://", "https://u@a", "ftp://a", "http://[a]")),
    ],
)
def test_proxies_and_origins_that_nothing_can_match_are_refused(setting: str, written: str) -> None:
    with pytest.raises(ValidationError, match=r"no page has this|no proxy has this"):
        Settings.model_validate({setting: [written]})
