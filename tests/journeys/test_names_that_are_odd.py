"""Photos with odd names, in an installation whose own folders have odd names, go the whole way."""

from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from tests.journeys.installation import Installation, closed_hour, first_listing, search

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ODD_FOLDER = "a b%20#?ü'\"{y}"
ODD_NAMES = [
    *("a b.jpg", " leads.jpg", "trails.jpg ", "dots...", "-dash.jpg", "~tilde.jpg", "C:"),
    *("100%41.jpg", "%2F%2e.jpg", "q?x=1#frag.jpg", "IMG_1#2", "back\\slash.jpg", "a:b|c*.jpg"),
    *("composed-\u00e9.jpg", "decomposed-e\u0301.jpg", "camera-😀.jpg", "bidi-\u202egpj.jpg"),
    *("quote'\".jpg", "<b>&amp;.jpg", "[red]x.jpg", "{curly}.jpg", "no\u00a0break.jpg"),
    *("x" * 251 + ".jpg", "ü" * 125 + ".jpg", "/".join(["deep" * 30] * 8) + "/a.jpg"),
]


@pytest.fixture
def shop(tmp_path: Path) -> Installation:
    return Installation(tmp_path / ODD_FOLDER, photos="photos [x]*%41?#ä\\")


def test_a_photo_is_found_shown_explained_and_erased_whatever_it_is_called(
    shop: Installation,
) -> None:
    hour = closed_hour()
    shop.configure()
    for number, name in enumerate(ODD_NAMES):
        shop.put(name, shop.picture(number), hour.start)

    assert f"Listings {len(ODD_NAMES)} " in said(shop.run("init", "--photos", shop.photos.name))
    shop.run("materialize", "--window", hour.key)

    with shop.running("deployer", "api") as client:
        for number, name in enumerate(ODD_NAMES):
            picture = shop.picture(number)
            answer = search(client, picture, k=len(ODD_NAMES))
            assert first_listing(answer) == name
            assert client.get(answer["results"][0]["photo_url"]).content == picture
            assert client.post("/v1/search", json={"listing_id": name}).status_code == 200
            listing = client.get(f"/v1/listings/{quote(name, safe='')}")
            assert listing.json()["listing_id"] == name
        erased = ["IMG_1#2", "100%41.jpg"]  # obstore takes a # and digits for a draft of its own
        for name in erased:
            shop.run("explain", "--", name)
            shop.run("erase", "--photo-too", "--", name)
        assert [(shop.photos / name).exists() for name in erased] == [False] * len(erased)
        assert set(erased).isdisjoint(everything(client, shop))
    shop.run("verify")


def everything(client: httpx.Client, shop: Installation) -> list[str]:
    answer = search(client, shop.picture(0), k=len(ODD_NAMES))
    return [result["listing_id"] for result in answer["results"]]


def said(printed: str) -> str:
    return " ".join(printed.split())
