"""A new embedder has no indexes at first: the old one answers until it has."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from api.fleet.discovery import EndpointWatch
from index_grpc.serving.endpoints import EndpointFolder
from photosearch.repository.addresses import Address
from photosearch.repository.repository import Repository
from photosearch.windows import Window
from tests.api.conftest import StartApi
from tests.api.served import serving
from tests.api.shop import Servers, Shop, build_shop, embedded_anew, index

MONTH = Window.parse("monthly/2026-10")
PHOTO = "lamps/item 13.jpg"


def search(api: httpx.Client, shop: Shop) -> dict[str, Any]:
    response = api.post("/v1/search", files={"photo": shop.photo_bytes(PHOTO)}, data={"k": "3"})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    assert answer["coverage"]["complete"] is True
    assert answer["results"][0]["listing_id"] == "lamps/item 13"
    assert answer["results"][0]["score"] > 0.99
    return answer


def until(what: Callable[[], Any]) -> None:
    ends = time.monotonic() + 20
    while not what():
        assert time.monotonic() < ends
        time.sleep(0.05)


def test_the_old_embedder_answers_until_the_new_one_is_served_as_far(tmp_path: Path) -> None:
    old = build_shop(tmp_path / "own")
    servers = Servers(old, tmp_path / "endpoints")
    servers.serve_all()
    successors = None
    try:
        with serving(old.settings, servers.watch()) as api:
            first = search(api, old)

            new = embedded_anew(old, embedder_precision="float32")
            short = {"vector": [1.0], "fingerprint": new.fingerprint}
            until(lambda: api.post("/v1/search", json=short).json()["status"] == 422)
            assert search(api, old)["coverage"]["fingerprint"] == old.fingerprint

            index(new)
            successors = Servers(new, servers.endpoints)
            successors.serve([MONTH], "first")
            time.sleep(0.3)
            assert search(api, old)["coverage"]["fingerprint"] == old.fingerprint

            successors.serve_all()
            until(lambda: search(api, old)["coverage"]["fingerprint"] == new.fingerprint)

            page = api.post("/v1/search", json={"cursor": first["cursor"], "k": 3}).json()
            assert page["coverage"]["fingerprint"] == old.fingerprint
            assert len(page["results"]) == 3
    finally:
        servers.close()
        if successors is not None:
            successors.close()


def test_a_cursor_of_an_embedder_that_is_gone_is_refused(
    start_api: StartApi, servers: Servers, shop: Shop, tmp_path: Path
) -> None:
    servers.serve_all()
    cursor = search(start_api(), shop)["cursor"]
    settings = shop.settings.model_copy(update={"state_dir": tmp_path / "another"})

    with serving(settings, EndpointWatch(EndpointFolder(tmp_path / "none"))) as api:
        response = api.post("/v1/search", json={"cursor": cursor})

    assert response.status_code == 409
    assert response.json()["type"] == "urn:photosearch:foreign-fingerprint"


def test_a_damaged_embedder_is_told_at_readyz_and_mended_without_a_restart(
    tmp_path: Path, shop: Shop
) -> None:
    settings = shop.settings.model_copy(update={"state_dir": tmp_path / "state"})
    repository = Repository.of(settings)
    work = shop.folder / "work-int8" / "embedder"
    repository.publish(
        Address.embedders(),
        {path.name: path for path in work.iterdir()},
        rows=0,
        dimension=shop.embedder.dimension,
        inputs=[],
        recipe={},
        version=shop.fingerprint,
    )
    repository.set_head(Address.embedders(), shop.fingerprint)
    model = tmp_path / "state" / "repository" / "embedders" / shop.fingerprint / "model.onnx"
    whole = model.read_bytes()
    model.chmod(0o644)
    model.write_bytes(whole[:-10] + b"0123456789")

    with serving(settings, EndpointWatch(EndpointFolder(tmp_path / "none"))) as api:
        until(lambda: "model.onnx" in api.get("/readyz").json()["found"])
        model.write_bytes(whole)
        until(lambda: api.get("/readyz").json()["found"] == "no index server")
