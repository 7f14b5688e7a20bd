"""The page below a path of a shop's own site, behind a real nginx."""

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.api.served import serving
from tests.api.shop import Servers, Shop

pytestmark = pytest.mark.browser

DOCS = Path(__file__).parents[2] / "docs" / "rest-api.md"
BARE = "location /find/ { proxy_pass http://127.0.0.1:8080/; }"
CONFIG = """
daemon off; pid {folder}/nginx.pid; error_log stderr warn; worker_processes 1;
events {{ worker_connections 64; }}
http {{
  include /etc/nginx/mime.types; access_log off; client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u;
  scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{port}; {location} }}
}}
"""


def documented() -> str:
    """The configuration that the documents give."""
    found = re.search(r"```nginx\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


@contextmanager
def nginx(folder: Path, location: str) -> Iterator[str]:
    """A real nginx with one location; its address."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        pytest.fail("these tests need Debian's nginx: apt-get install nginx")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    file = folder / "nginx.conf"
    file.write_text(CONFIG.format(folder=folder, port=port, location=location))
    process = subprocess.Popen([program, "-c", str(file), "-p", str(folder)])
    try:
        ends = time.monotonic() + 60
        while True:
            assert process.poll() is None, "nginx ended"
            assert time.monotonic() < ends
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.parametrize("root_path", ["", "/find"], ids=["bare", "as documented"])
def test_the_page_works_below_a_path(
    browser: Browser, shop: Shop, servers: Servers, tmp_path: Path, root_path: str
) -> None:
    servers.serve_all()
    settings = shop.settings.model_copy(
        update={"root_path": root_path, "allowed_hosts": ("find.example",) if root_path else ()}
    )
    location = documented() if root_path else BARE
    with serving(settings, servers.watch()) as api:
        place = f"127.0.0.1:{api.base_url.port}"
        with nginx(tmp_path, location.replace("127.0.0.1:8080", place)) as site:
            faults = searched(browser, f"{site}/find/")
            answer = httpx.post(
                f"{site}/find/v1/search", json={"listing_id": "lamps/item 13"}, trust_env=False
            ).json()
            photo = answer["results"][0]["photo_url"]
            head = httpx.head(f"{site}/find/v1/windows", trust_env=False)
            photo_answer = httpx.get(f"{site}{photo}", trust_env=False)

    assert faults == []
    assert head.status_code == 200
    if root_path:
        assert photo.startswith("/find/v1/photos/")
        assert photo_answer.headers["content-type"] == "image/jpeg"


def searched(browser: Browser, address: str) -> list[str]:
    """Search with a sample and look at the documents, as a shopper would; what went wrong."""
    context = browser.new_context()
    context.set_default_timeout(60_000)
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("response", lambda one: faults.append(one.url) if one.status >= 400 else None)
    page.goto(address)
    expect(page.locator("#ready")).to_contain_text("ready, 3 index servers")
    page.locator(".sample").first.click()
    expect(page.locator("#results .card:not(.waiting)").first).to_be_visible()
    photo = page.locator("#results .card-photo img").first
    expect(photo).to_have_js_property("complete", True)
    assert photo.evaluate("image => image.naturalWidth") > 0
    expect(page.locator("#timeline .lane").first).to_be_visible()
    page.get_by_role("link", name="REST API").click()
    expect(page.locator("#try")).to_contain_text(f"{address}v1/search")
    page.locator("a.brand").click()
    expect(page).to_have_url(address)
    context.close()
    return faults
