"""Who may use Dagit: its own pages and programs, never a page of elsewhere."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message, Receive, Scope, Send

from photosearch.address import is_loopback
from photosearch.settings.settings import Settings
from photosearch_assets.processes.dagit_guard import DagitGuard
from photosearch_assets.processes.specs import webserver

JSON = {"content-type": "application/json"}
OWN = {"host": "127.0.0.1:3000", "origin": "http://127.0.0.1:3000"}
ELSEWHERE = [
    "http://evil.example",
    "http://127.0.0.1:8000",  # another server of this machine
    "http://localhost:3000",
    "http://127.0.0.1.evil.example:3000",
    "http://127.0.0.1:3000@evil.example",
    "null",  # a frame in a sandbox, a file
    "",
    "http://[",
]


async def _answered(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
    else:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"Dagit"})


def ask(
    method: str, path: str, *, host: str = "127.0.0.1", allowed: tuple[str, ...] = (), **of: Any
) -> Message:
    """The first message of the answer to a request, or to a WebSocket that opens."""
    headers = {"host": "127.0.0.1:3000"} | of.get("headers", {})
    plain, _, query = path.partition("?")
    scope = {
        "type": "websocket" if method == "WS" else "http",
        "scheme": "ws" if method == "WS" else "http",
        "method": method,
        "path": plain,
        "query_string": query.encode(),
        "headers": [(name.encode(), str(value).encode()) for name, value in headers.items()],
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect" if method == "WS" else "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    guard = DagitGuard(_answered, host=host, allowed_hosts=allowed)
    asyncio.run(guard(scope, receive, send))
    return sent[0]


def passes(method: str, path: str, **of: Any) -> bool:
    first = ask(method, path, **of)
    return first.get("status") == 200 or first["type"] == "websocket.accept"


def test_dagits_own_pages_use_it() -> None:
    same = OWN | {"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"}
    assert passes("POST", "/graphql?op=AssetRecordsQuery", headers=JSON | same)
    assert passes("WS", "/graphql", headers=OWN)
    assert passes("GET", "/assets", headers={"sec-fetch-site": "none"})


def test_programs_use_it_as_before() -> None:
    assert passes("POST", "/graphql", headers=JSON)
    assert passes("WS", "/graphql")
    assert passes("GET", "/server_info")
    assert passes("POST", "/report_asset_materialization/images?partition=a")


@pytest.mark.parametrize("origin", ELSEWHERE)
@pytest.mark.parametrize("method", ["POST", "WS"])
def test_a_page_of_elsewhere_is_refused(method: str, origin: str) -> None:
    assert not passes(method, "/graphql", headers=JSON | {"origin": origin})
    assert not passes(method, "/report_asset_check/images", headers=JSON | {"origin": origin})


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("kind", ["image", "script", "iframe", "empty"])
def test_what_a_page_of_elsewhere_loads_is_refused(site: str, kind: str) -> None:
    mode = "navigate" if kind == "iframe" else "no-cors"
    fetched = {"sec-fetch-site": site, "sec-fetch-dest": kind, "sec-fetch-mode": mode}
    assert not passes("GET", "/logs/a/b/out", headers=fetched)
    assert not passes("POST", "/graphql", headers=JSON | fetched)


def test_a_link_to_a_page_of_dagit_is_followed() -> None:
    followed = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    followed |= {"sec-fetch-dest": "document", "referer": "http://chat.example/"}
    assert passes("GET", "/runs/1", headers=followed)
    assert not passes("POST", "/graphql", headers=JSON | followed)


def test_browsers_from_before_origin_are_known_by_their_referer() -> None:
    assert passes("POST", "/graphql", headers=JSON | {"referer": "http://127.0.0.1:3000/runs"})
    assert not passes("POST", "/graphql", headers=JSON | {"referer": "http://evil.example/"})


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "OPTIONS", "DELETE"])
def test_graphql_is_asked_by_post_alone(method: str) -> None:
    query = "?query=mutation{wipeAssets(assetPartitionRanges:[]){__typename}}"
    for path in ("/graphql", "/graphql/", "/GraphQL"):
        assert ask(method, path + query, headers=JSON)["status"] == 405
        assert ask("POST", path + query)["status"] == 415


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "text/plain; application/json",  # what Dagster alone takes for JSON
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=application/json",
        "application/graphql",
        "",
    ],
)
def test_what_a_form_can_send_is_refused(kind: str) -> None:
    for path in ("/graphql", "/report_asset_materialization/images"):
        assert ask("POST", path, headers={"content-type": kind})["status"] == 415
    assert ask("POST", "/graphql")["status"] == 415


@pytest.mark.parametrize(
    "name", ["evil.example", "evil.example:3000", "", "a@127.0.0.1", "[", "0.0.0.0"]
)
def test_a_name_that_was_led_to_this_machine_is_refused(name: str) -> None:
    for method in ("GET", "POST", "WS"):
        assert not passes(method, "/graphql", headers=JSON | {"host": name})
    assert ask("GET", "/", headers={"host": name})["status"] == 421


def test_two_hosts_are_none() -> None:
    guard = DagitGuard(_answered, host="127.0.0.1")
    headers = [(b"host", b"localhost"), (b"host", b"evil.example")]
    scope = {"type": "http", "method": "GET", "path": "/", "scheme": "http", "headers": headers}

    refused = guard.refusal(scope | {"query_string": b""})

    assert refused is not None
    assert refused.status == 421


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST:3000", "127.0.0.1:9", "[::1]:3000"])
def test_this_machine_is_asked_by_its_own_names(name: str) -> None:
    assert passes("GET", "/", headers={"host": name})
    assert passes("WS", "/graphql", headers={"host": name, "origin": f"http://{name}"})


def test_a_name_that_was_allowed_is_known_also_behind_a_proxy() -> None:
    of = {"allowed": ("dagit.shop.example",)}
    page = {"origin": "https://dagit.shop.example"}
    assert passes("POST", "/graphql", headers=JSON | page | {"host": "dagit.shop.example"}, **of)
    assert passes("POST", "/graphql", headers=JSON | page, **of)  # the proxy asks in its own name
    assert not passes("POST", "/graphql", headers=JSON | page)
    other = {"origin": "https://dagit.shop.example:8443"}
    assert not passes("POST", "/graphql", headers=JSON | other, **of)


def test_listening_for_others_it_is_asked_by_any_address_and_by_no_other_name() -> None:
    for name in ("192.168.1.5:3000", "[2001:db8::1]:3000"):
        page = {"host": name, "origin": f"http://{name}"}
        assert passes("POST", "/graphql", headers=JSON | page, host="0.0.0.0")
        assert not passes("POST", "/graphql", headers=JSON | page)
    assert not passes("GET", "/", headers={"host": "evil.example"}, host="0.0.0.0")
    evil = {"host": "192.168.1.5:3000", "origin": "http://evil.example"}
    assert not passes("POST", "/graphql", headers=JSON | evil, host="0.0.0.0")


@given(st.text(), st.text())
def test_whatever_is_sent_there_is_an_answer_and_elsewhere_stays_out(
    host: str, origin: str
) -> None:
    raw = [(b"host", host.encode()), (b"origin", origin.encode()), (b"content-type", b"text/json")]
    scope = {"type": "http", "method": "POST", "path": "/graphql", "scheme": "http"}
    guard = DagitGuard(_answered, host="127.0.0.1")
    assert guard.refusal(scope | {"headers": raw, "query_string": b""}) is not None


def test_dagit_is_shown_in_no_frame_of_elsewhere() -> None:
    headers = dict(ask("GET", "/")["headers"])
    assert headers[b"x-frame-options"] == b"SAMEORIGIN"
    assert headers[b"content-security-policy"] == b"frame-ancestors 'self'"


def test_the_apis_address_opens_nothing_of_dagit(tmp_path: Path) -> None:
    settings = Settings(base_dir=tmp_path, api_host="0.0.0.0")

    spec = webserver(settings)

    assert spec.ready_url == "http://127.0.0.1:3000/server_info"
    assert spec.warning is None
    assert settings.dagster_host == "127.0.0.1"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "shop.example"])
def test_dagit_open_to_others_is_warned_of(tmp_path: Path, host: str) -> None:
    warning = webserver(Settings(base_dir=tmp_path, dagster_host=host)).warning

    assert not is_loopback(host)
    assert warning is not None
    assert "no sign-in" in warning
