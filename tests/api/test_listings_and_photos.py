"""Listings, photo bytes, thumbnails and samples."""

import io
import threading
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from PIL import Image

from api.pages.photos import PhotoStore
from photosearch.catalogue.catalogue import Catalogue
from photosearch.catalogue.listing import Listing, Photo
from photosearch.images.photo_error import PhotoUnreachable
from tests.api.conftest import StartApi
from tests.api.shop import START, Servers, Shop

LISTING = "chairs/item 24"


def test_a_listing_whose_id_has_slashes_is_found(whole: httpx.Client) -> None:
    answer = whole.get(f"/v1/listings/{quote(LISTING)}")

    assert answer.status_code == 200
    assert answer.json() == {
        "listing_id": LISTING,
        "title": "Chair no. 24",
        "category": "chairs",
        "price": 41.0,
        "status": "live",
        "listed_at": "2026-10-19T00:24:00Z",
        "photos": [
            {
                "photo_id": "chairs/item 24.jpg",
                "photo_url": "/v1/photos/chairs/item%2024.jpg",
            },
            {
                "photo_id": "chairs/item 24 b.jpg",
                "photo_url": "/v1/photos/chairs/item%2024%20b.jpg",
            },
        ],
    }


def test_every_result_links_to_its_photo(whole: httpx.Client, shop: Shop) -> None:
    results = whole.post("/v1/search", json={"listing_id": LISTING}).json()["results"]

    for result in results:
        photo = whole.get(result["photo_url"])
        assert photo.status_code == 200
        assert photo.content == shop.photo_bytes(result["photo_id"])
        assert photo.headers["content-type"] == "image/jpeg"


def test_a_photo_is_sent_once_and_then_only_confirmed(whole: httpx.Client) -> None:
    path = f"/v1/photos/{quote('chairs/item 24.jpg')}"
    first = whole.get(path)
    tag = first.headers["ETag"]

    same = whole.get(path, headers={"If-None-Match": f'"other", {tag}'})
    weak = whole.get(path, headers={"If-None-Match": f"W/{tag}"})
    other = whole.get(path, headers={"If-None-Match": '"other"'})

    assert same.status_code == 304
    assert same.content == b""
    assert same.headers["ETag"] == tag
    assert weak.status_code == 304
    assert other.status_code == 200
    assert "max-age" in first.headers["Cache-Control"]


def test_a_thumbnail_is_small_and_of_the_same_picture(whole: httpx.Client) -> None:
    path = f"/v1/photos/{quote('chairs/item 24.jpg')}"

    small = whole.get(f"{path}?size=96")
    again = whole.get(f"{path}?size=96")

    image = Image.open(io.BytesIO(small.content))
    assert image.format == "JPEG"
    assert max(image.size) == 96
    assert len(small.content) < len(whole.get(path).content)
    assert again.content == small.content
    assert small.headers["ETag"] != whole.get(path).headers["ETag"]


def test_what_is_no_image_is_sent_as_a_download(whole: httpx.Client, shop: Shop) -> None:
    page = b"<html><script>alert(1)</script></html>"
    (shop.folder / "photos" / "evil.jpg").write_bytes(page)
    evil = Listing("evil.jpg", None, None, None, "hidden", START, ("evil.jpg",))
    with Catalogue.open(shop.settings) as catalogue:
        catalogue.write([evil], [Photo("evil.jpg", "evil.jpg", "evil.jpg", START)])
        try:
            answer = whole.get("/v1/photos/evil.jpg")
            thumbnail = whole.get("/v1/photos/evil.jpg?size=64")
            query = whole.post("/v1/search", json={"listing_id": "evil.jpg"})
        finally:
            catalogue.replace([], [], ["evil.jpg"])

    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert thumbnail.status_code == 422
    assert query.status_code == 422
    assert query.json()["type"] == "urn:photosearch:no-usable-photo"


def test_a_photo_whose_file_is_gone_is_a_404_that_says_so(whole: httpx.Client, shop: Shop) -> None:
    lost = Listing("lost", None, None, None, "hidden", START, ("lost.jpg",))
    outside = Listing("outside", None, None, None, "hidden", START, ("outside.jpg",))
    secret = Path(shop.folder / "secret.txt")
    secret.write_text("secret")
    photos = [
        Photo("lost.jpg", "lost", "lost.jpg", START),
        Photo("outside.jpg", "outside", "../secret.txt", START),
    ]
    with Catalogue.open(shop.settings) as catalogue:
        catalogue.write([lost, outside], photos)
        try:
            gone = whole.get("/v1/photos/lost.jpg")
            escaped = whole.get("/v1/photos/outside.jpg")
        finally:
            catalogue.replace([], [], ["lost", "outside"])

    assert gone.status_code == 404
    assert gone.json()["type"] == "urn:photosearch:photo-missing"
    assert escaped.status_code == 404
    assert b"secret\n" not in escaped.content


def test_samples_are_live_listings_and_the_same_every_time(whole: httpx.Client) -> None:
    samples = whole.get("/v1/samples?count=9").json()["listings"]

    assert len(samples) == 9
    assert len({one["listing_id"] for one in samples}) == 9
    assert {one["status"] for one in samples} == {"live"}
    assert whole.get("/v1/samples?count=9").json()["listings"] == samples
    assert len({one["category"] for one in samples}) > 2


def test_a_store_that_does_not_answer_is_not_the_listings_fault(
    start_api: StartApi, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(_: PhotoStore, photo: Photo) -> bytes:
        raise PhotoUnreachable(f"photo {photo.photo_id!r} could not be had", found="a time-out")

    servers.serve_all()
    monkeypatch.setattr(PhotoStore, "_read", unreachable)

    answer = start_api().post("/v1/search", json={"listing_id": LISTING})

    assert answer.status_code == 503
    assert answer.json()["type"] == "urn:photosearch:photo-unreachable"


def test_a_store_that_hangs_costs_a_query_no_more_than_its_deadline(
    start_api: StartApi, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    hang = threading.Event()

    def hanging(*_: object) -> bytes:
        hang.wait(20)
        return b""

    servers.serve_all()
    monkeypatch.setattr(PhotoStore, "_read", hanging)
    api = start_api(deadline_s=0.5)

    try:
        answer = api.post("/v1/search", json={"listing_id": LISTING}, timeout=10)
    finally:
        hang.set()

    assert answer.status_code == 504
    assert answer.json()["limit"] == "0.5 s (deadline_s)"
