"""The web page as a shopper uses it, in a real Chromium."""

import re
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from index_grpc.serving.desk import CrashingServing, RefusedIndex
from index_grpc.serving.opening import open_desk
from index_grpc.serving.serving import ServedWindow
from photosearch.windows import Window
from tests.api.served import serving
from tests.api.shop import NOW, Servers, Shop

pytestmark = pytest.mark.browser

ARTIFACTS = Path("test-artifacts")


@pytest.fixture
def address(shop: Shop, servers: Servers) -> Iterator[str]:
    with serving(shop.settings, servers.watch()) as api:
        yield str(api.base_url)


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:  # closed before the API ends
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(60_000)
    opened = context.new_page()
    faults: list[str] = []
    foreign: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on(
        "console",
        lambda message: (
            faults.append(message.text)
            if message.type == "error" and "the server responded" not in message.text
            else None
        ),
    )
    opened.on("request", lambda request: foreign.append(request.url))
    yield opened
    context.close()
    assert faults == []
    assert [url for url in foreign if not url.startswith(("http://127.0.0.1", "blob:"))] == []


def wait_for(page: Page, script: str) -> None:
    """Like Playwright's wait_for_function, which the page's security policy forbids."""
    ends = time.monotonic() + 60
    while not page.evaluate(script):
        assert time.monotonic() < ends, script
        time.sleep(0.05)


def picture(page: Page, name: str) -> None:
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / f"search-page-{name}.png", full_page=True)


def test_a_sample_finds_itself_and_its_like(page: Page, servers: Servers, address: str) -> None:
    servers.serve_all()
    page.goto(address)
    expect(page.locator("#ready")).to_contain_text("ready, 3 index servers", timeout=60_000)
    expect(page.locator(".sample")).to_have_count(12)
    wait_for(
        page, "[...document.querySelectorAll('.sample img')].every((one) => one.naturalWidth > 0)"
    )
    picture(page, "start")

    sample = page.locator(".sample").first
    title = sample.get_attribute("data-title")
    sample.click()

    cards = page.locator(".card:not(.waiting)")
    expect(cards).to_have_count(12)
    expect(cards.first.locator("h3")).to_have_text(str(title))
    assert float(cards.first.locator(".score-number").inner_text()) > 0.98
    expect(page.locator("#words")).to_contain_text("5 windows of 3 index servers")
    expect(page.locator("#words")).to_contain_text("all of time searched")
    expect(page.locator("#timings")).to_contain_text("embed")
    expect(page.locator("#timeline-words")).to_contain_text("They cover all of time")
    wait_for(
        page, "[...document.querySelectorAll('.card img')].every((one) => one.naturalWidth > 0)"
    )
    assert page.evaluate(
        "[...document.querySelectorAll('.card-photo')].every((one) =>"
        " Math.abs(one.clientHeight - one.clientWidth) <= 1)"
    ), "a photo's shape changes its card's"
    picture(page, "answer")


def test_more_like_this_and_more_pages(page: Page, servers: Servers, address: str) -> None:
    servers.serve_all()
    page.goto(address)
    page.locator(".sample").nth(3).click()
    second = page.locator(".card:not(.waiting)").nth(1)
    name = second.locator("h3").get_attribute("title")
    second.get_by_role("button", name="More like").click()
    expect(page.locator(".card.waiting")).to_have_count(0)
    expect(page.locator(".card:not(.waiting)")).to_have_count(12)

    page.get_by_role("button", name="Show more").click()

    cards = page.locator(".card")
    expect(cards).to_have_count(24)
    names = [one.get_attribute("title") for one in cards.locator("h3").all()]
    assert len(set(names)) == 24
    assert name not in names


def test_a_photo_is_chosen_from_the_disk(
    page: Page, servers: Servers, address: str, shop: Shop
) -> None:
    servers.serve_all()
    photo_id, photo = next(iter(shop.photos.items()))
    listing_id = photo.listing_id
    page.goto(address)

    page.locator("#file").set_input_files(
        {"name": "mine.jpg", "mimeType": "image/jpeg", "buffer": shop.photo_bytes(photo_id)}
    )

    title = re.compile(re.escape(f"({listing_id})"))
    expect(page.locator(".card:not(.waiting) h3").first).to_have_attribute("title", title)
    expect(page.locator("#preview")).to_have_attribute("alt", "Your photo: mine.jpg")


def test_the_page_says_by_which_rule_all_that_was_found_is_hidden(
    page: Page, servers: Servers, shop: Shop
) -> None:
    servers.serve_all()
    content = shop.photo_bytes("lamps/item 13.jpg")
    hiding = shop.settings.model_copy(update={"live_status": "active"})

    with serving(hiding, servers.watch()) as api:
        page.goto(str(api.base_url))
        expect(page.locator("#ready")).to_contain_text("ready, 3 index servers", timeout=60_000)
        page.locator("#file").set_input_files(
            {"name": "lamp.jpg", "mimeType": "image/jpeg", "buffer": content}
        )

        none = page.locator("#results .none")
        expect(none).to_contain_text("No listing that may be shown. Hidden are 60 listings")
        expect(none).to_contain_text("its status is 'live', live_status is 'active'")
        expect(page.locator("#words")).to_contain_text("60 listings hidden")


def test_a_file_that_is_no_photo_is_refused_with_what_to_do(
    page: Page, servers: Servers, address: str
) -> None:
    servers.serve_all()
    page.goto(address)

    page.locator("#file").set_input_files(
        {"name": "letter.jpg", "mimeType": "image/jpeg", "buffer": b"Dear Sir or Madam"}
    )

    expect(page.get_by_role("alert")).to_contain_text("letter.jpg")
    expect(page.get_by_role("alert")).to_contain_text("What to do")
    expect(page.locator("#answer")).to_be_hidden()
    picture(page, "refused")


def test_gaps_and_failures_are_seen(page: Page, servers: Servers, address: str) -> None:
    servers.serve([Window.parse("monthly/2026-10")])
    days = servers.serve([Window.parse(f"daily/2026-11-0{day}") for day in (1, 2)])
    page.goto(address)
    expect(page.locator("#ready")).to_contain_text("2 index servers", timeout=60_000)
    servers.kill(days)

    page.locator(".sample").first.click()

    expect(page.locator("#words")).to_contain_text("2 windows failed")
    expect(page.locator("#words")).to_contain_text("gap")
    expect(page.locator(".gaps .run")).not_to_have_count(0)
    expect(page.locator(".run.failed").first).to_be_visible()
    picture(page, "gaps")


def test_what_can_not_be_served_is_told_with_its_reason_and_what_to_do(
    page: Page, servers: Servers, address: str, shop: Shop
) -> None:
    servers.serve_all()
    held = ServedWindow(window="daily/2026-11-01", version="v1")
    crashing = CrashingServing(
        name="days-1",
        windows=(held,),
        apart=(),
        reason="killed by SIGSEGV: Fatal Python error: <b>Segmentation fault</b>",
        crashes=4,
        retry_at=NOW + timedelta(minutes=10),
    )
    refused = RefusedIndex(
        window="daily/2026-11-02", version="v2", reason="vectors.npy is cut off", retry_at=NOW
    )
    open_desk(shop.settings).tell_crashing([crashing])
    open_desk(shop.settings).tell_refused("builder", [refused])
    try:
        page.goto(address)

        told = page.get_by_role("region", name="Not served").get_by_role("listitem")
        expect(told).to_have_count(2)
        expect(told.first).to_contain_text("Serving days-1 (daily/2026-11-01)")
        expect(told.first).to_contain_text("Fatal Python error: <b>Segmentation fault</b>")
        expect(told.first).to_contain_text("tried again on 3 Nov, 02:30:00 UTC. What answered")
        expect(told.last).to_contain_text("daily/2026-11-02 version v2")
        expect(told.last).to_contain_text("being tried again. Finer windows answer")
        picture(page, "troubles")
    finally:
        open_desk(shop.settings).tell_crashing([])
        open_desk(shop.settings).tell_refused("builder", [])
    page.reload()
    expect(page.locator("#timeline .lane")).to_have_count(3)
    expect(page.locator("#troubles")).to_be_hidden()


def test_before_there_is_an_index_the_page_says_what_to_do(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.locator("#ready")).to_have_text("not ready")

    page.locator(".sample").first.click()

    expect(page.get_by_role("alert")).to_contain_text("photosearch materialize")
    picture(page, "nothing")


def test_the_page_fits_a_phone_and_the_dark(
    browser: Browser, servers: Servers, address: str
) -> None:
    servers.serve_all()
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, color_scheme="dark", has_touch=True
    )
    page = context.new_page()
    page.goto(address)
    page.locator(".sample").nth(1).click()
    expect(page.locator(".card:not(.waiting)")).to_have_count(12)
    wait_for(
        page, "[...document.querySelectorAll('.card img')].slice(0, 4).every((one) => one.complete)"
    )

    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    picture(page, "phone-dark")
    context.close()


def test_the_page_is_used_with_the_keyboard_alone(
    page: Page, servers: Servers, address: str, shop: Shop
) -> None:
    page.on("filechooser", lambda _: None)  # Chromium hands choosers over some time after this
    servers.serve_all()
    page.goto(address)
    expect(page.locator(".sample")).to_have_count(12)

    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.locator("#choose").focus()
    page.keyboard.press("Tab")
    expect(page.locator(".sample").first).to_be_focused()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")

    expect(page.locator(".card:not(.waiting)")).to_have_count(12)
    expect(page.locator("#results-title")).to_be_focused()
    expect(page.locator(".sample[aria-pressed=true]")).to_have_count(1)

    photo_id = next(iter(shop.photos))
    page.locator("#choose").focus()
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(
        {"name": "mine.jpg", "mimeType": "image/jpeg", "buffer": shop.photo_bytes(photo_id)}
    )
    expect(page.locator("#preview")).to_have_attribute("alt", "Your photo: mine.jpg")
    expect(page.locator(".sample[aria-pressed=true]")).to_have_count(0)


def test_the_rest_api_is_documented_without_the_internet(page: Page, address: str) -> None:
    page.goto(f"{address}/docs")

    expect(page.locator("#operations .operation")).to_have_count(7)
    expect(page.locator("#operations")).to_contain_text("Find listings that look like a photo")
    expect(page.locator("#models")).to_contain_text("remedy")
    page.get_by_text("Example: More like a listing").click()
    expect(page.locator("#operations pre").first).to_contain_text("shoes/red.jpg")
    picture(page, "docs")
