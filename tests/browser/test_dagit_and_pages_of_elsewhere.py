"""What a page of elsewhere can do to Dagit, which its operator opens in a browser beside it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Browser, Response, expect

from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.browser.running_dagit import shop, webserver

__all__ = ["shop", "webserver"]

WITHIN_MS = 120_000
WIPE = """mutation { wipeAssets(assetPartitionRanges: [{assetKey: {path: ["images"]}}])
    { __typename ... on AssetWipeSuccess { assetPartitionRanges { assetKey { path } } } } }"""
HISTORY = """{ assetOrError(assetKey: {path: ["images"]})
    { ... on Asset { assetMaterializations(limit: 9) { runId } } } }"""
# All that a page can send to another address without asking it first, and what it asks first.
EVIL = """<!doctype html><title>cat pictures</title>
<img src="DAGIT/graphql?query=WIPE"><script src="DAGIT/graphql?query=WIPE"></script>
<iframe name="a"></iframe><iframe name="b"></iframe><iframe src="DAGIT/assets"></iframe>
<form id="a" target="a" method="post" action="DAGIT/graphql?query=WIPE"></form>
<form id="b" target="b" method="post" action="DAGIT/graphql" enctype="text/plain">
<input name='{"query": BODY, "x": "' value='"}'></form>
<script>
async function all() {
  const body = JSON.stringify({query: QUERY}), url = "DAGIT/graphql";
  for (const form of document.forms) form.submit();
  for (const mode of ["no-cors", "cors"])
    for (const type of ["text/plain", "text/plain; application/json", "application/json"])
      await fetch(url, {method: "POST", mode, body, headers: {"content-type": type}})
        .catch(() => 0);
  await fetch(url + "?query=WIPE", {method: "POST", mode: "no-cors"}).catch(() => 0);
  navigator.sendBeacon(url, new Blob([body], {type: "text/plain"}));
  const opened = await new Promise((done) => {
    const socket = new WebSocket(url.replace("http", "ws"), "graphql-ws");
    socket.onopen = () => done(true);
    socket.onerror = () => done(false);
  });
  document.title = opened ? "a socket opened" : "all was tried";
}
window.onload = all;
</script>"""

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]


def test_a_page_of_elsewhere_changes_nothing_and_learns_nothing(
    webserver: str, browser: Browser, rebound: Browser
) -> None:
    reported = httpx.post(f"{webserver}/report_asset_materialization/images", json={})
    assert reported.status_code == 200, reported.text
    assert _history(webserver) == 1
    wipe = " ".join(WIPE.split())
    body = EVIL.replace("BODY", json.dumps(wipe).replace("'", "&#39;"))
    body = body.replace("QUERY", json.dumps(wipe)).replace("WIPE", quote(wipe))

    for named in ("127.0.0.1", "localhost"):  # of the same site, and of another
        with _page_of_elsewhere(body.replace("DAGIT", webserver), named) as elsewhere:
            answers = _all_answers(browser, elsewhere)
        refused = [answer.status for answer in answers if answer.url.startswith(webserver)]
        assert len(refused) >= 6
        assert set(refused) <= {403, 405, 415}
    _is_not_opened_by_a_name_of_elsewhere(webserver, rebound)
    assert _history(webserver) == 1


def _all_answers(browser: Browser, elsewhere: str) -> list[Response]:
    """What the page was answered by all that it tried."""
    answers: list[Response] = []
    page = browser.new_page()
    page.on("response", lambda answer: answers.append(answer))
    page.goto(elsewhere)
    expect(page).to_have_title("all was tried", timeout=WITHIN_MS)
    page.close()
    return answers


def _is_not_opened_by_a_name_of_elsewhere(dagit: str, rebound: Browser) -> None:
    page = rebound.new_page()
    answer = page.goto(dagit.replace("127.0.0.1", "rebound.example"))
    assert answer is not None
    assert answer.status == 421
    assert "dagster_allowed_hosts" in page.content()


@pytest.fixture
def rebound(browser: Browser) -> Iterator[Browser]:
    """A browser for which a name of elsewhere leads to this machine."""
    led = "--host-resolver-rules=MAP rebound.example 127.0.0.1"
    started = browser.browser_type.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, led])
    yield started
    started.close()


def _history(dagit: str) -> int:
    answer = httpx.post(f"{dagit}/graphql", json={"query": HISTORY}, timeout=60).json()
    return len(answer["data"]["assetOrError"]["assetMaterializations"])


@contextmanager
def _page_of_elsewhere(body: str, name: str) -> Iterator[str]:
    """A server of another port and, by ``localhost``, of another name than Dagit's."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://{name}:{server.server_address[1]}/"
        server.shutdown()
