"""The whole way: a photo over REST, real index servers, listings back."""

import httpx
import pytest

from tests.api.shop import Shop


def test_a_photo_finds_its_listing(whole: httpx.Client, shop: Shop) -> None:
    photo_id = "lamps/item 13.jpg"

    answer = whole.post("/v1/search", files={"photo": ("x.jpg", shop.photo_bytes(photo_id))})

    assert answer.status_code == 200, answer.text
    first = answer.json()["results"][0]
    assert first["listing_id"] == "lamps/item 13"
    assert first["photo_id"] == photo_id
    assert first["score"] == pytest.approx(1, abs=0.01)
    assert first["title"] == "Lamp no. 13"
    assert first["window"] == "monthly/2026-10"
    assert len(answer.json()["results"]) == 10
