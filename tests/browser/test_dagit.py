"""Dagit in a real browser: the graph of assets, and a partition materialised by hand.

Webserver and daemon are the very processes of ``photosearch up``, over a small catalogue.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from photosearch.processes import ProcessSpec
from photosearch.settings import SETTINGS_FILE, SETTINGS_VARIABLE
from photosearch.windows import Granularity, Window
from photosearch_assets import processes
from photosearch_assets.steps.context import StepContext
from photosearch_assets.steps.registry import own_step
from tests.assets.conftest import Shop

ARTIFACTS = Path("test-artifacts")
WITHIN_MS = 120_000
NOW = datetime.now(UTC)
HOUR = Window.holding(Granularity.HOURLY, NOW - timedelta(hours=1))

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    (tmp_path / "photos").mkdir()
    shop = Shop(tmp_path)
    start = Window.holding(Granularity.MONTHLY, HOUR.start).start
    shop.configure(dagster_port=_free_port(), automation=False, timeline_start=start)
    monkeypatch.setenv(SETTINGS_VARIABLE, str(tmp_path / SETTINGS_FILE))
    shop.settings.state.mkdir()
    for number in range(6):
        shop.list_photo(f"p{number}.png", HOUR.start + timedelta(minutes=number))
    with StepContext(shop.settings) as context:
        list(own_step("embedder")([], context))
    return shop


@pytest.fixture
def dagit(shop: Shop) -> Iterator[str]:
    """The address of a running Dagit, with its daemon."""
    specs = [processes.webserver(shop.settings), processes.daemon(shop.settings)]
    with _running(specs[0], shop.root) as web, _running(specs[1], shop.root):
        assert specs[0].ready_url is not None
        _await_answer(specs[0].ready_url, web)
        yield str(specs[0].url)


@contextmanager
def _running(spec: ProcessSpec, folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    with (folder / f"{spec.name}.log").open("wb") as log:
        process = subprocess.Popen(
            spec.argv,
            env={**os.environ, **spec.environment},
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            finally:
                os.killpg(process.pid, signal.SIGKILL) if _group_lives(process.pid) else None


def test_a_partition_is_materialised_by_clicking(dagit: str, browser: Browser, shop: Shop) -> None:
    page = browser.new_page(viewport={"width": 1500, "height": 950})
    try:
        _see_the_graph(page, dagit)
        _materialise(page, dagit)
        _see_the_partition(page, dagit)
        _see_the_check(page, dagit)
    finally:
        page.screenshot(path=_artifact("dagit-last.png"))
        page.close()

    with StepContext(shop.settings) as context:
        report = context.image_cache.read_report(HOUR)
    assert report is not None
    assert len(report.photos) == 6


def _see_the_graph(page: Page, dagit: str) -> None:
    page.goto(f"{dagit}/asset-groups")
    for name in ("images", "embeddings", "hourly_index", "daily_index", "monthly_index"):
        expect(page.get_by_text(name, exact=True).first).to_be_visible(timeout=WITHIN_MS)
    page.wait_for_timeout(1500)  # the graph's layout settles
    page.screenshot(path=_artifact("dagit-graph.png"))


def _materialise(page: Page, dagit: str) -> None:
    page.goto(f"{dagit}/assets/images?view=partitions")
    page.get_by_role("button", name="Materialize").first.click(timeout=WITHIN_MS)
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible(timeout=WITHIN_MS)
    field = dialog.get_by_role("textbox").first
    field.fill(HOUR.start_text)
    field.press("Enter")
    page.screenshot(path=_artifact("dagit-launch.png"))
    dialog.get_by_role("button", name="Launch").first.click(timeout=WITHIN_MS)
    expect(dialog).to_be_hidden(timeout=WITHIN_MS)
    page.goto(f"{dagit}/runs")
    expect(page.get_by_text("Success").first).to_be_visible(timeout=2 * WITHIN_MS)
    page.screenshot(path=_artifact("dagit-runs.png"))


def _see_the_partition(page: Page, dagit: str) -> None:
    page.goto(f"{dagit}/assets/images?view=partitions&partition={HOUR.start_text}")
    expect(page.get_by_text("Materialized", exact=True).first).to_be_visible(timeout=WITHIN_MS)
    page.screenshot(path=_artifact("dagit-partition.png"))
    page.get_by_text("[Show Markdown]").click()
    expect(page.get_by_role("img", name="photos")).to_be_visible(timeout=WITHIN_MS)
    page.screenshot(path=_artifact("dagit-photos.png"))


def _see_the_check(page: Page, dagit: str) -> None:
    page.goto(f"{dagit}/assets/images?view=checks&checkDetail=covers_inputs")
    page.get_by_text("Partitions", exact=True).nth(1).click(timeout=WITHIN_MS)
    expect(page.get_by_text("Passed (1)")).to_be_visible(timeout=WITHIN_MS)
    expect(page.get_by_text("Skipped (0)")).to_be_visible()
    page.screenshot(path=_artifact("dagit-check.png"))


def _artifact(name: str) -> Path:
    ARTIFACTS.mkdir(exist_ok=True)
    return ARTIFACTS / name


def _await_answer(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 300
    while True:
        assert process.poll() is None, "the webserver ended"
        try:
            if httpx.get(url, timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, f"{url} does not answer"
        time.sleep(0.3)


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
