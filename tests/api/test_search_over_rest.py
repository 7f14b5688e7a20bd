"""The whole way: a query over REST, real index servers, listings back."""

import base64
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
import pytest

from photosearch.catalogue.catalogue import Catalogue
from photosearch.repository.erasures import Receipt, digest_of, write_receipt
from photosearch.repository.storage.opening import open_storage
from tests.api.conftest import StartApi
from tests.api.shop import Servers, Shop

PHOTO = "lamps/item 13.jpg"


def search(api: httpx.Client, **body: Any) -> dict[str, Any]:
    response = api.post("/v1/search", json=body)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def test_a_photo_finds_its_listing(whole: httpx.Client, shop: Shop) -> None:
    response = whole.post("/v1/search", files={"photo": ("x.jpg", shop.photo_bytes(PHOTO))})

    assert response.status_code == 200, response.text
    answer = response.json()
    first = answer["results"][0]
    assert first == {
        "listing_id": "lamps/item 13",
        "photo_id": PHOTO,
        "score": pytest.approx(1, abs=0.01),
        "title": "Lamp no. 13",
        "category": "lamps",
        "price": 24.5,
        "listed_at": "2026-10-10T18:13:00Z",
        "window": "monthly/2026-10",
        "photo_url": "/v1/photos/lamps/item%2013.jpg",
    }
    assert len(answer["results"]) == 10
    assert all(result["score"] <= 1 for result in answer["results"])
    assert set(answer["timings_ms"]) == {"decode", "embed", "search", "catalogue", "total"}


def test_the_coverage_tells_what_was_searched(whole: httpx.Client, shop: Shop) -> None:
    coverage = search(whole, listing_id="lamps/item 13")["coverage"]

    assert coverage["complete"] is True
    assert coverage["fingerprint"] == shop.fingerprint
    assert coverage["newest"] == "2026-11-03T02:00:00Z"
    assert coverage["staleness"] == {"behind_s": 1200, "ahead_s": 0, "windows": []}
    assert [one["window"] for one in coverage["windows"]] == [
        "monthly/2026-10",
        "daily/2026-11-01",
        "daily/2026-11-02",
        "hourly/2026-11-03T00",
        "hourly/2026-11-03T01",
    ]
    assert {one["version"] for one in coverage["windows"]} <= set(shop.versions.values())
    assert len({one["served_by"] for one in coverage["windows"]}) == 3
    assert coverage["gaps"] == coverage["failed"] == []


def test_every_way_to_ask_finds_the_same(whole: httpx.Client, shop: Shop) -> None:
    photo = shop.photo_bytes(PHOTO)
    encoded = base64.b64encode(photo).decode()

    by_form = whole.post("/v1/search", files={"photo": photo}, data={"k": "5"}).json()
    answers = [
        search(whole, photo=encoded, k=5),
        search(whole, photo=f"data:image/jpeg;base64,{encoded}", k=5),
        search(whole, vector=shop.vectors[PHOTO].tolist(), k=5),
        search(whole, vector=(shop.vectors[PHOTO] * 7).tolist(), k=5),
        search(whole, vector=shop.vectors[PHOTO].tolist(), fingerprint=shop.fingerprint, k=5),
    ]

    expected = [(one["listing_id"], one["score"]) for one in by_form["results"]]
    assert len(expected) == 5
    for answer in answers:
        found = [(one["listing_id"], one["score"]) for one in answer["results"]]
        assert [listing for listing, _ in found] == [listing for listing, _ in expected]
        np.testing.assert_allclose(
            [score for _, score in found], [score for _, score in expected], atol=2e-6
        )


def test_the_answer_is_that_of_an_exact_search_of_everything(
    whole: httpx.Client, shop: Shop
) -> None:
    query = shop.vectors["bags/item 09.jpg"]
    best: dict[str, float] = {}
    for photo_id, vector in shop.vectors.items():
        listing = shop.photos[photo_id].listing_id
        best[listing] = max(best.get(listing, -1.0), float(vector @ query))

    found = search(whole, vector=query.tolist(), k=60)["results"]

    assert len(found) == 60
    assert {one["listing_id"] for one in found} == set(best)
    scores = [one["score"] for one in found]
    assert scores == sorted(scores, reverse=True)
    np.testing.assert_allclose(scores, [best[one["listing_id"]] for one in found], atol=0.01)


def test_several_photos_of_one_listing_are_one_result(whole: httpx.Client, shop: Shop) -> None:
    second = "chairs/item 24 b.jpg"

    results = search(whole, vector=shop.vectors[second].tolist(), k=60)["results"]

    assert results[0]["listing_id"] == "chairs/item 24"
    assert results[0]["photo_id"] == second
    assert len({one["listing_id"] for one in results}) == 60


def test_more_like_a_listing_leaves_the_listing_itself_out(whole: httpx.Client) -> None:
    results = search(whole, listing_id="shoes/item 14", k=5)["results"]

    assert len(results) == 5
    assert "shoes/item 14" not in [one["listing_id"] for one in results]


def test_min_score_leaves_out_what_is_less_like(whole: httpx.Client, shop: Shop) -> None:
    vector = shop.vectors[PHOTO].tolist()
    scores = [one["score"] for one in search(whole, vector=vector, k=60)["results"]]
    threshold = (scores[3] + scores[4]) / 2

    answer = search(whole, vector=vector, k=60, min_score=threshold)

    assert [one["score"] for one in answer["results"]] == scores[:4]
    assert answer["cursor"] is None


def test_pages_follow_one_another_without_gap_or_double(whole: httpx.Client, shop: Shop) -> None:
    photo = shop.photo_bytes(PHOTO)
    at_once = whole.post("/v1/search", files={"photo": photo}, data={"k": "60"}).json()["results"]

    pages = [whole.post("/v1/search", files={"photo": photo}, data={"k": "7"}).json()]
    while pages[-1]["cursor"] is not None:
        pages.append(search(whole, cursor=pages[-1]["cursor"], k=7))

    assert [len(page["results"]) for page in pages] == [7] * 8 + [4]
    listed = [one["listing_id"] for page in pages for one in page["results"]]
    assert listed == [one["listing_id"] for one in at_once]


def test_a_cursor_may_come_with_its_own_query_but_no_other(whole: httpx.Client, shop: Shop) -> None:
    photo = shop.photo_bytes(PHOTO)
    first = whole.post("/v1/search", files={"photo": photo}, data={"k": "3"}).json()
    form = {"k": "3", "cursor": first["cursor"]}

    same = whole.post("/v1/search", files={"photo": photo}, data=form)
    other = whole.post(
        "/v1/search", files={"photo": shop.photo_bytes("bags/item 03.jpg")}, data=form
    )

    listed = [one["listing_id"] for one in same.json()["results"]]
    assert not set(listed) & {one["listing_id"] for one in first["results"]}
    assert other.status_code == 422
    assert other.json()["type"] == "urn:photosearch:foreign-cursor"


def test_pages_stay_disjoint_while_windows_roll_up(
    start_api: StartApi, servers: Servers, shop: Shop
) -> None:
    names = servers.serve_all()
    api = start_api()
    vector = shop.vectors[PHOTO].tolist()
    at_once = [one["listing_id"] for one in search(api, vector=vector, k=60)["results"]]

    page = search(api, vector=vector, k=10)
    listed = [one["listing_id"] for one in page["results"]]
    replaced = iter(names)
    while page["cursor"] is not None:
        name = next(replaced, None)
        if name is not None:
            windows = servers.windows_of(name)
            servers.serve(windows, f"successor-of-{name}")
            servers.retire(name)
        page = search(api, cursor=page["cursor"], k=10)
        listed += [one["listing_id"] for one in page["results"]]

    assert listed == at_once


def test_depth_is_bounded(start_api: StartApi, servers: Servers, shop: Shop) -> None:
    servers.serve_all()
    api = start_api(max_k=15)
    vector = shop.vectors[PHOTO].tolist()

    first = search(api, vector=vector, k=10)
    second = search(api, cursor=first["cursor"], k=10)
    refused = api.post("/v1/search", json={"vector": vector, "k": 16})

    assert len(first["results"]) == 10
    assert len(second["results"]) == 5
    assert second["cursor"] is None
    assert refused.status_code == 422
    assert refused.json()["found"] == "16"
    assert refused.json()["limit"] == "1 to 15 (max_k)"


def test_sold_and_deleted_listings_are_left_out_and_k_stays_k(
    start_api: StartApi, servers: Servers, shop: Shop
) -> None:
    servers.serve_all()
    api = start_api()
    vector = shop.vectors[PHOTO].tolist()
    ranked = [one["listing_id"] for one in search(api, vector=vector, k=60)["results"]]

    with sold_and_deleted(shop, ranked[:25:2], ranked[1:25:2]):
        answer = search(api, vector=vector, k=10)
        page = search(api, cursor=answer["cursor"], k=10)

    assert [one["listing_id"] for one in answer["results"]] == ranked[25:35]
    assert [one["listing_id"] for one in page["results"]] == ranked[35:45]
    assert answer["coverage"]["truncated"] is False
    assert [[one["reason"], one["listings"]] for one in answer["coverage"]["hidden"]] == [
        *[["status", 13], ["gone", 12]]
    ]
    assert page["coverage"]["hidden"] == answer["coverage"]["hidden"]


def test_when_all_that_was_found_is_hidden_the_answer_says_by_which_rule(
    start_api: StartApi, servers: Servers, shop: Shop
) -> None:
    servers.serve_all()
    vector = shop.vectors[PHOTO].tolist()

    answer = search(start_api(live_status="active"), vector=vector, k=5)
    both = search(start_api(live_status=["active", "live"]), vector=vector, k=5)

    assert answer["results"] == []
    assert answer["coverage"]["hidden"] == [
        {
            "reason": "status",
            "listings": len({photo.listing_id for photo in shop.photos.values()}),
            "why": "its status is 'live', live_status is 'active'",
        }
    ]
    assert len(both["results"]) == 5
    assert both["coverage"]["hidden"] == []


def test_what_was_erased_and_is_still_indexed_is_counted_as_erased(
    start_api: StartApi, servers: Servers, shop: Shop
) -> None:
    servers.serve_all()
    vector = shop.vectors[PHOTO].tolist()
    storage = open_storage(shop.settings.repository_url, shop.settings)
    best = search(start_api(), vector=vector, k=1)["results"][0]["listing_id"]
    write_receipt(storage, Receipt(listing=digest_of(best), begun_at=datetime.now(UTC)), None)
    try:
        hidden = search(start_api(), vector=vector, k=5)["coverage"]["hidden"]
    finally:
        shutil.rmtree(shop.settings.state / "repository" / "erasures")

    assert hidden == [{"reason": "erased", "listings": 1, "why": "it was erased"}]


def test_prices_that_are_none_cost_no_answer(
    start_api: StartApi, servers: Servers, shop: Shop, tmp_path: Path
) -> None:
    servers.serve_all()
    copy = tmp_path / "copy.db"
    with closing(sqlite3.connect(copy, isolation_level=None)) as own:
        with closing(sqlite3.connect(shop.settings.state / "catalogue.db")) as original:
            original.backup(own)
        odd = ("''", "'$12.50'", "'NaN'", "9e999", "X'ff'", "'free'", "NULL", "CAST(X'ff' AS TEXT)")
        for number, price in enumerate(odd):
            changes = f"price = {price}, title = {price}, category = {price}"
            own.execute(f"UPDATE listings SET {changes} WHERE rowid % {len(odd)} = {number}")
    api = start_api(database_url=f"sqlite:///{copy}")

    answer = search(api, vector=shop.vectors[PHOTO].tolist(), k=60)
    samples = api.get("/v1/samples", params={"count": 60})

    assert len(answer["results"]) == 60
    assert {one["price"] for one in answer["results"]} == {None, 12.5}
    assert samples.status_code == 200
    for one in answer["results"]:
        assert api.get(f"/v1/listings/{quote(one['listing_id'])}").status_code == 200


def test_a_catalogue_that_hangs_costs_no_more_than_the_deadline(
    start_api: StartApi, servers: Servers, shop: Shop, tmp_path: Path
) -> None:
    servers.serve_all()
    copy = tmp_path / "copy.db"
    with closing(sqlite3.connect(copy, isolation_level=None)) as held:
        with closing(sqlite3.connect(shop.settings.state / "catalogue.db")) as original:
            original.backup(held)
        held.execute("PRAGMA journal_mode=DELETE")  # of a shop's own database: readers wait
        held.execute("BEGIN EXCLUSIVE")
        api = start_api(database_url=f"sqlite:///{copy}", deadline_s=1)

        start = time.monotonic()
        hanging = api.post("/v1/search", json={"vector": shop.vectors[PHOTO].tolist()})
        took_s = time.monotonic() - start
        held.execute("ROLLBACK")

    assert hanging.status_code == 504
    assert "catalogue" in hanging.json()["what"]
    assert took_s < 5
    assert len(search(api, vector=shop.vectors[PHOTO].tolist(), k=5)["results"]) == 5


@contextmanager
def sold_and_deleted(shop: Shop, sold: list[str], deleted: list[str]) -> Iterator[None]:
    """Inside the block these listings are sold and those are gone."""
    with Catalogue.open(shop.settings) as catalogue:
        before = catalogue.listings([*sold, *deleted])
        catalogue.replace([replace(before[one], status="sold") for one in sold], [], deleted)
        yield
        photos = [shop.photos[one] for listing in before.values() for one in listing.photo_ids]
        catalogue.write(before.values(), photos)
