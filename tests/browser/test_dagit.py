"""Dagit in a real browser: the graph of assets, and a partition materialised by hand."""

import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from photosearch_assets.steps.context import StepContext
from tests.assets.conftest import Shop
from tests.browser.running_dagit import HOUR, dagit, shop, webserver

__all__ = ["dagit", "shop", "webserver"]

ARTIFACTS = Path("test-artifacts")
WITHIN_MS = 120_000

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]


def test_a_partition_is_materialised_by_clicking(dagit: str, browser: Browser, shop: Shop) -> None:
    page = browser.new_page(viewport={"width": 1500, "height": 950})
    told: list[str | bytes] = []
    page.on(
        "websocket", lambda socket: socket.on("framereceived", lambda frame: told.append(frame))
    )
    try:
        _see_the_graph(page, dagit)
        _materialise(page, dagit)
        _hear_of_the_run(page, dagit, told)
        _see_the_partition(page, dagit)
        _see_the_check(page, dagit)
    finally:
        page.screenshot(path=_artifact("dagit-last.png"))
        page.close()

    with StepContext(shop.settings) as context:
        report = context.photo_reports.read(HOUR)
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


def _hear_of_the_run(page: Page, dagit: str, told: list[str | bytes]) -> None:
    """A run's page is told of each event by a WebSocket."""
    run = page.locator("a[href^='/runs/']").first.get_attribute("href")
    page.goto(f"{dagit}{run}")
    ends = time.monotonic() + WITHIN_MS / 1000
    while not any('"type": "data"' in str(frame).replace('":"', '": "') for frame in told):
        assert time.monotonic() < ends, told[-3:]
        page.wait_for_timeout(100)


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
