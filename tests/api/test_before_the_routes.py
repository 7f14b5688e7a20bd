"""What holds for every request: methods, names, origins, ids, paths, and its line in the log."""

import io
import json
import logging
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from hypothesis import given
from hypothesis import strategies as st

from api.app import create_app
from api.server.hosts import AllowedHosts
from api.server.request_log import JsonFormatter
from photosearch.settings.settings import SettingsError, load_settings
from tests.api.conftest import StartApi
from tests.api.shop import Servers, Shop
from tests.waiting import until

PARTS = {
    "listing_id": "lamps/item%2013",
    "photo_id": "lamps/item%2013.jpg",
}
OF_EACH_ANSWER = {"date", "x-request-id"}


def paths_to_get(shop: Shop) -> list[str]:
    """Every path that can be asked for, an example of each."""
    routes = create_app(shop.settings).routes
    paths = [
        re.sub(r"\{(\w+)(?::path)?\}", lambda found: PARTS[str(found[1])], route.path_format)
        for route in routes
        if isinstance(route, APIRoute) and "GET" in (route.methods or ())
    ]
    return [*paths, "/openapi.json", "/web/page.js", "/v1/photos/lamps/item%2013.jpg?size=64"]


def test_head_is_get_without_the_body_everywhere(whole: httpx.Client, shop: Shop) -> None:
    paths = paths_to_get(shop)
    assert {"/", "/docs", "/healthz", "/readyz", "/v1/windows"} <= {*paths}

    for path in [*paths, "/v1/listings/none", "/v1/samples?count=0", "/nothing", "/v1/search"]:
        get, head = whole.get(path), whole.head(path)

        assert head.status_code == get.status_code, path
        assert head.content == b""
        assert {*head.headers} == {*get.headers}
        for name in {*get.headers} - OF_EACH_ANSWER:
            assert head.headers[name] == get.headers[name], (path, name)


def test_no_answer_is_taken_for_what_it_looks_like(whole: httpx.Client, shop: Shop) -> None:
    answers = [whole.get(path) for path in [*paths_to_get(shop), "/nothing", "/v1/listings/<b>"]]
    answers.append(whole.post("/v1/search", content=b"<html>"))
    answers.append(whole.get("/", headers={"Host": "a b"}))
    answers.append(whole.delete("/"))

    for answer in answers:
        assert answer.headers.get_list("x-content-type-options") == ["nosniff"], answer.url


def test_a_kept_connection_goes_on_after_head(whole: httpx.Client) -> None:
    request = b"HEAD /v1/windows HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n"
    host, port = whole.base_url.host, whole.base_url.port
    with socket.create_connection((host, port or 80)) as connection:
        connection.sendall(request + b"Connection: close\r\n\r\n")
        answers = b"".join(iter(lambda: connection.recv(65536), b""))

    assert answers.count(b"HTTP/1.1 200 OK") == 2
    assert answers.partition(b"\r\n\r\n")[2].startswith(b"HTTP/1.1 200 OK")


def test_options_and_a_wrong_method_tell_what_a_path_takes(whole: httpx.Client, shop: Shop) -> None:
    for path in paths_to_get(shop):
        asked, wrong = whole.options(path), whole.delete(path)

        assert (asked.status_code, asked.content) == (204, b""), path
        assert asked.headers["allow"] == wrong.headers["allow"] == "GET, HEAD, OPTIONS"
        assert wrong.status_code == 405
        assert wrong.json()["limit"] == "GET, HEAD, OPTIONS"
    assert whole.options("/v1/search").headers["allow"] == "OPTIONS, POST"
    assert whole.get("/v1/search").headers["allow"] == "OPTIONS, POST"
    assert whole.options("/nothing").status_code == 404


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8080", 200),
        ("LocalHost", 200),
        ("shop.localhost:1", 200),
        ("[::1]:8080", 200),
        ("[fe80::1%25eth0]", 200),
        ("192.168.0.7", 200),
        ("workstation:8080", 200),
        ("evil.example", 421),
        ("evil.example:8080", 421),
        ("EVIL.example.", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.evil.example", 421),
        ("", 400),
        ("a b", 400),
        ("evil.example/x", 400),
        ("x@127.0.0.1", 400),
        ("[::1", 400),
        ("[shop]", 400),
        ("127.0.0.1:port", 400),
    ],
)
def test_an_api_on_loopback_is_asked_under_no_name_of_the_internet(
    whole: httpx.Client, host: str, status: int
) -> None:
    for path in ("/healthz", "/", "/v1/windows"):
        answer = whole.get(path, headers={"Host": host})

        assert answer.status_code == status, answer.text
        if status == 421:
            assert "allowed_hosts" in answer.json()["remedy"]


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /healthz HTTP/1.1\r\n", b"400"),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n", b"400"),
        (b"GET /healthz HTTP/1.0\r\n", b"200"),
    ],
    ids=["none", "two", "none in HTTP/1.0"],
)
def test_a_request_names_one_host(whole: httpx.Client, head: bytes, status: bytes) -> None:
    with socket.create_connection((whole.base_url.host, whole.base_url.port or 80)) as connection:
        connection.sendall(head + b"Connection: close\r\n\r\n")
        answer = connection.recv(65536)

    assert answer.split(b" ")[1] == status


def refusal(allowed: list[str], api_host: str, host: str) -> int | None:
    problem = AllowedHosts(allowed, api_host).refusal((host.encode(),), "1.1")
    return None if problem is None else problem.status


def test_the_names_that_are_allowed_are_those_that_the_settings_list() -> None:
    names = ["find.example.org", "*.Shop.example"]

    for api_host in ("127.0.0.1", "0.0.0.0", "find.example.org"):
        for host in ("find.example.org", "FIND.example.org:443", "a.b.shop.example", "10.0.0.1"):
            assert refusal(names, api_host, host) is None
        for host in ("example.org", "shop.example", "evilshop.example", "x.find.example.org", "vm"):
            assert refusal(names, api_host, host) == 421
    assert refusal([], "0.0.0.0", "any.example") is None
    assert refusal([], "::1", "any.example") == 421
    assert refusal([], "localhost", "any.example") == 421
    assert refusal(["*"], "127.0.0.1", "any.example") is None


@given(st.text(st.characters(max_codepoint=255), max_size=40))
def test_any_host_is_taken_or_refused_by_a_client_error(text: str) -> None:
    hosts = (text.encode("latin-1"),)

    problem = AllowedHosts([], "127.0.0.1").refusal(hosts, "1.1")

    assert problem is None or problem.status in (400, 421)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 404),
        ({"Sec-Fetch-Site": "none"}, 404),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://find.example"}, 404),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": "https://other.shop.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://shop.example"}, 404),
    ],
)
def test_a_page_of_another_origin_searches_only_if_it_is_allowed(
    start_api: StartApi, headers: dict[str, str], status: int
) -> None:
    api = start_api(allowed_origins=("https://shop.example",))

    answer = api.post("/v1/search", json={"listing_id": "none"}, headers=headers)

    assert answer.status_code == status
    shared = "https://shop.example"
    told = shared if headers.get("Origin") == shared else None
    assert answer.headers.get("access-control-allow-origin") == told


def test_a_page_of_an_allowed_origin_may_ask_before_it_sends(start_api: StartApi) -> None:
    asking = {"Access-Control-Request-Method": "POST", "Origin": "https://shop.example"}
    asking["Access-Control-Request-Headers"] = "content-type"
    shares, alone = start_api(allowed_origins=("https://shop.example",)), start_api()

    allowed = shares.options("/v1/search", headers=asking)
    foreign = shares.options("/v1/search", headers={**asking, "Origin": "https://evil.example"})
    closed = alone.options("/v1/search", headers=asking)

    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == "https://shop.example"
    assert foreign.status_code == 400
    assert "access-control-allow-origin" not in foreign.headers
    assert "access-control-allow-origin" not in closed.headers


@pytest.mark.parametrize("given_id", ["abc-1.2_3", "", "a b", "x" * 65, "ü", 'a"b'])
def test_every_answer_bears_the_requests_name(whole: httpx.Client, given_id: str) -> None:
    names = set()
    for path in ("/healthz", "/v1/windows", "/nothing", "/v1/search", "/web/page.js"):
        answer = whole.get(path, headers={b"X-Request-Id": given_id.encode()})
        names.add(answer.headers["x-request-id"])
        assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", answer.headers["x-request-id"])

    assert names == {given_id} if given_id == "abc-1.2_3" else len(names) == 5


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the API would log as JSON."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield written
    root.removeHandler(handler)
    root.setLevel(level)


def logged(lines: io.StringIO) -> list[dict[str, Any]]:
    every = [json.loads(line) for line in lines.getvalue().splitlines()]
    return [one for one in every if one["logger"] == "api.server.request_log"]


def test_the_request_log_has_a_line_for_each_request_and_no_secret(
    start_api: StartApi, servers: Servers, shop: Shop, lines: io.StringIO
) -> None:
    servers.serve_all()
    api = start_api(request_log="json")
    photo = shop.photo_bytes("lamps/item 13.jpg")

    found = api.post("/v1/search", files={"photo": photo}, headers={"X-Request-Id": "mine"})
    api.get("/v1/listings/a%1b%5b31m%E2%80%AEb?token=hunter2")
    api.head("/v1/windows", headers={"X-Forwarded-For": "203.0.113.9"})
    api.get("/healthz", headers={"Host": "evil.example"})

    until(lambda: len(logged(lines)) >= 4)  # a line is written after its answer's last byte
    search, escape, windows, foreign = logged(lines)
    assert search["method"] == "POST"
    assert (search["path"], search["status"]) == ("/v1/search", 200)
    assert (search["request_id"], search["bytes"]) == ("mine", len(found.content))
    assert search["ms"] > 0
    assert search["client"] == "127.0.0.1"
    assert (escape["status"], escape["path"]) == (404, "/v1/listings/a\x1b[31m\u202eb")
    assert (windows["method"], windows["bytes"]) == ("HEAD", 0)
    assert windows["client"] == "203.0.113.9"  # a proxy on this machine says so
    assert foreign["status"] == 421
    assert "hunter2" not in str(logged(lines))
    assert lines.getvalue().isascii()


def test_nothing_is_logged_of_requests_unless_asked_for(
    whole: httpx.Client, lines: io.StringIO
) -> None:
    whole.get("/healthz")

    assert logged(lines) == []


def test_who_is_no_proxy_of_ours_is_not_believed(start_api: StartApi, lines: io.StringIO) -> None:
    api = start_api(request_log="json", trusted_proxies=("192.0.2.1",))

    api.get("/healthz", headers={"X-Forwarded-For": "203.0.113.9"})

    until(lambda: logged(lines))
    assert [one["client"] for one in logged(lines)] == ["127.0.0.1"]


def test_a_failure_of_ours_is_logged_under_the_requests_name(
    whole: httpx.Client, lines: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("/srv/secret: no such thing")

    monkeypatch.setattr("api.routes.catalogue.listing_of", fail)

    answer = whole.get("/v1/listings/lamps/item%2013", headers={"X-Request-Id": "find-me"})

    assert answer.status_code == 500
    assert answer.headers["x-request-id"] == "find-me"
    assert "/srv/secret" not in answer.text
    (record,) = [json.loads(one) for one in lines.getvalue().splitlines() if "find-me" in one]
    assert "/srv/secret" in record["exception"]


@pytest.mark.parametrize("proxy", ["/find{}", "{}"], ids=["left in", "taken off"])
def test_below_a_path_everything_is_found_whether_the_proxy_leaves_it_in_or_not(
    start_api: StartApi, servers: Servers, shop: Shop, proxy: str
) -> None:
    servers.serve_all()
    api = start_api(root_path="/find")

    for path in paths_to_get(shop):
        answer = api.get(proxy.format(path))
        assert answer.status_code == 200, path
    listing = api.get(proxy.format("/v1/listings/lamps/item%2013")).json()
    search = api.post(proxy.format("/v1/search"), json={"listing_id": "lamps/item 13"}).json()
    samples = api.get(proxy.format("/v1/samples?count=1")).json()["listings"]
    schema = api.get(proxy.format("/openapi.json")).json()

    urls = [
        listing["photos"][0]["photo_url"],
        search["results"][0]["photo_url"],
        samples[0]["photos"][0]["photo_url"],
    ]
    assert all(url.startswith("/find/v1/photos/") for url in urls)
    assert api.get(urls[0]).status_code == 200
    assert schema["servers"] == [{"url": "/find"}]
    assert api.get("/v1/nothing").status_code == 404
    assert api.get("/findings").status_code == 404
    assert api.options(proxy.format("/v1/search")).headers["allow"] == "OPTIONS, POST"


@pytest.mark.parametrize("path", ["find", "/find?x", "/fi nd", "//", "/../x"])
def test_a_root_path_that_is_none_is_refused(tmp_path: Path, path: str) -> None:
    if path == "//":
        assert load_settings(base_dir=tmp_path, root_path=path).root_path == ""
        return
    with pytest.raises(SettingsError, match="root_path"):
        load_settings(base_dir=tmp_path, root_path=path)


def test_names_are_lists_in_the_file_and_commas_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "photosearch.toml"
    file.write_text('allowed_hosts = ["a.example", "*.b.example"]\n')

    assert load_settings(file).allowed_hosts == ("a.example", "*.b.example")
    monkeypatch.setenv("PHOTOSEARCH_ALLOWED_HOSTS", "c.example, d.example")
    assert load_settings(file).allowed_hosts == ("c.example", "d.example")
    monkeypatch.setenv("PHOTOSEARCH_ALLOWED_HOSTS", "")
    assert load_settings(file).allowed_hosts == ()
