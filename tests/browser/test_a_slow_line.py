"""A shopper on a slow line gets an answer, or a reason and a way out; never for ever nothing."""

import io
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.api.served import serving
from tests.api.shop import Servers, Shop
from tests.browser.slow_line import SlowLine, slow_line

pytestmark = pytest.mark.browser

PHOTO = "lamps/item 13.jpg"
NOISE = np.random.default_rng(5)
Visit = Callable[..., tuple[Page, SlowLine]]


@pytest.fixture
def visit(browser: Browser, shop: Shop, servers: Servers) -> Iterator[Visit]:
    """Opens the page over a slow line to an API with other settings."""
    servers.serve_all()
    with ExitStack() as stack:

        def opened(lets_through: int, **settings: float) -> tuple[Page, SlowLine]:
            changed = shop.settings.model_copy(update=settings)
            api = stack.enter_context(serving(changed, servers.watch()))
            line = stack.enter_context(slow_line(str(api.base_url), lets_through))
            context = browser.new_context()
            stack.callback(context.close)
            context.set_default_timeout(30_000)
            page = context.new_page()
            page.clock.install()
            page.goto(line.url)
            return page, line

        yield opened


def choose(page: Page, content: bytes, name: str = "mine.jpg") -> None:
    kind = f"image/{name.rpartition('.')[2].replace('jpg', 'jpeg')}"
    page.locator("#file").set_input_files({"name": name, "mimeType": kind, "buffer": content})


def enlarged(photo: bytes, side: int, **saved: Any) -> bytes:
    """The photo as a phone would send it: large, and with the noise of its sensor."""
    picture = Image.open(io.BytesIO(photo)).convert("RGB").resize((side, side))
    noisy = np.asarray(picture, np.int16) + NOISE.integers(-20, 20, (side, side, 3))
    out = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(out, **saved)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "saved"),
    [("phone.jpg", {"format": "JPEG", "quality": 95}), ("screen.png", {"format": "PNG"})],
)
def test_a_phone_s_photo_is_made_small_before_it_is_sent(
    visit: Visit, shop: Shop, name: str, saved: dict[str, Any]
) -> None:
    photo = enlarged(shop.photo_bytes(PHOTO), 2000, **saved)
    page, line = visit(lets_through=600_000)  # more than that never arrives
    assert len(photo) > 2_000_000

    choose(page, photo, name)

    title = re.compile(re.escape("(lamps/item 13)"))
    expect(page.locator(".card:not(.waiting) h3").first).to_have_attribute("title", title)
    expect(page.locator("#stop")).to_be_hidden()
    assert line.posted_bytes < 600_000


def test_a_photo_that_this_browser_can_not_read_is_sent_as_it_is(visit: Visit, shop: Shop) -> None:
    photo = enlarged(shop.photo_bytes(PHOTO), 400, format="TIFF")
    page, line = visit(lets_through=1 << 30)

    choose(page, photo, "scan.tiff")

    expect(page.locator(".card:not(.waiting)").first).to_be_visible()
    assert line.posted_bytes > len(photo)


def test_an_upload_that_is_too_slow_is_told_and_not_sent_again(visit: Visit, shop: Shop) -> None:
    page, line = visit(lets_through=20_000, upload_timeout_s=1.0)

    choose(page, enlarged(shop.photo_bytes(PHOTO), 250, format="JPEG", quality=90))

    expect(page.get_by_role("alert")).to_contain_text("did not arrive in time")
    expect(page.locator("#answer")).to_be_hidden()
    page.wait_for_timeout(500)
    assert line.posts == 1


def test_a_search_that_takes_too_long_ends_and_says_so(visit: Visit, shop: Shop) -> None:
    page, _ = visit(lets_through=20_000, upload_timeout_s=600.0)
    choose(page, enlarged(shop.photo_bytes(PHOTO), 250, format="JPEG", quality=90))
    expect(page.locator("#words")).to_have_text(re.compile("Searching"))

    page.clock.run_for(10_000)
    expect(page.locator("#words")).to_have_text(re.compile(r"Searching… \d+ seconds"))
    page.clock.run_for(55_000)

    expect(page.get_by_role("alert")).to_contain_text("The search took too long")
    expect(page.locator("#answer")).to_be_hidden()


def test_a_search_can_be_stopped_and_another_begun(visit: Visit, shop: Shop) -> None:
    page, line = visit(lets_through=20_000, upload_timeout_s=600.0)
    choose(page, enlarged(shop.photo_bytes(PHOTO), 250, format="JPEG", quality=90))

    page.get_by_role("button", name="Stop").click()

    expect(page.locator("#answer")).to_be_hidden()
    expect(page.get_by_role("alert")).to_be_hidden()
    line.opened.set()
    choose(page, shop.photo_bytes(PHOTO))
    expect(page.locator(".card:not(.waiting)").first).to_be_visible()
