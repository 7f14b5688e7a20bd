"""Titles, names and ids that are pages and scripts, in the page that shows them."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from photosearch.catalogue.listing import Listing, Photo
from tests.api.served import serving
from tests.api.shop import Servers, Shop, build_shop, draw_shapes

pytestmark = pytest.mark.browser

RUNS = "window.taken=1"
NAME = f"\"'><img src=x onerror={RUNS}><svg onload={RUNS}>"
TEXT = (
    f"{NAME}<script>{RUNS}</script><iframe src=javascript:parent.{RUNS}>{{{{{RUNS}}}}}`${{{RUNS}}}`"
)


def hostile(folder: Path) -> tuple[list[Listing], list[Photo]]:
    listings, photos = draw_shapes(folder)
    for photo in photos:
        new = folder / f"{NAME}{photo.photo_id}"
        new.parent.mkdir(parents=True, exist_ok=True)
        (folder / photo.photo_id).rename(new)
    return [
        dataclasses.replace(
            one,
            listing_id=NAME + one.listing_id,
            title=f"{TEXT} {one.title}",
            category=TEXT,
            photo_ids=tuple(NAME + each for each in one.photo_ids),
        )
        for one in listings
    ], [
        dataclasses.replace(
            one,
            photo_id=NAME + one.photo_id,
            listing_id=NAME + one.listing_id,
            path=NAME + one.photo_id,
        )
        for one in photos
    ]


@pytest.fixture(scope="module")
def hostile_shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return build_shop(tmp_path_factory.mktemp("hostile"), hostile)


@pytest.fixture
def address(hostile_shop: Shop, tmp_path: Path) -> Iterator[str]:
    servers = Servers(hostile_shop, tmp_path / "endpoints")
    servers.serve_all()
    with serving(hostile_shop.settings, servers.watch()) as api:
        yield str(api.base_url)
    servers.close()


def test_what_a_shop_sells_is_shown_and_never_run(
    browser: Browser, address: str, tmp_path: Path
) -> None:
    # Without the policy: it is a second wall, and the first must stand by itself.
    context = browser.new_context(bypass_csp=True)
    context.set_default_timeout(60_000)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    try:
        page.goto(address)
        page.locator(".sample").first.click()
        cards = page.locator(".card:not(.waiting)")
        expect(cards).to_have_count(12)
        expect(cards.first.locator("h3")).to_contain_text(TEXT)
        expect(cards.first.locator(".category")).to_have_text(TEXT)
        cards.nth(1).get_by_role("button", name="More like").click()
        expect(page.locator(".card.waiting")).to_have_count(0)
        expect(cards).to_have_count(12)
        file = tmp_path / "bad.jpg"
        file.write_text(TEXT)
        page.locator("input[type=file]").first.set_input_files(
            {"name": f"{NAME}.jpg", "mimeType": "image/jpeg", "buffer": file.read_bytes()}
        )
        expect(page.locator("#problem")).to_be_visible()
        assert page.evaluate("window.taken") is None
        made = "svg[onload], img[src=x], iframe, script:not([src])"
        assert page.locator(made).count() == 0
    finally:
        context.close()
    assert [url for url in asked if not url.startswith((address, "blob:"))] == []
