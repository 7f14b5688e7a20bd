"""Debian's Chromium, driven by Playwright, over a real API with real index servers."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.api.fixtures import servers, shop

__all__ = ["servers", "shop"]

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="module")  # ends with its tests: Playwright keeps an event loop running
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.fail("these tests need Debian's chromium: apt-get install chromium")
    expect.set_options(timeout=60_000)  # pages are slow where everything is
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()
