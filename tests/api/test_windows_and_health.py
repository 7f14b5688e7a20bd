"""The timeline, liveness and readiness."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.fleet.discovery import EndpointWatch
from index_grpc.serving.endpoints import EndpointFolder
from photosearch.repository.addresses import Address
from photosearch.windows import Window
from tests.api.conftest import StartApi
from tests.api.served import serving
from tests.api.shop import Servers, Shop, publish_index


def by_granularity(timeline: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["granularity"]: one for one in timeline["timeline"]}


def test_the_timeline_shows_every_closed_window_and_the_cover(whole: httpx.Client) -> None:
    timeline = whole.get("/v1/windows").json()

    assert timeline["complete"] is True
    assert (timeline["start"], timeline["end"]) == ("2026-10-01T00:00:00Z", "2026-11-03T02:00:00Z")
    assert [one["window"] for one in timeline["cover"]] == [
        "monthly/2026-10",
        "daily/2026-11-01",
        "daily/2026-11-02",
        "hourly/2026-11-03T00",
        "hourly/2026-11-03T01",
    ]
    assert sum(one["rows"] for one in timeline["cover"]) == 70
    states = by_granularity(timeline)
    assert list(states) == ["monthly", "daily", "hourly"]
    assert [states[one]["windows"] for one in states] == [1, 33, 794]
    assert [states[one]["ready"] for one in states] == [1, 2, 50]
    assert [states[one]["missing"] for one in states] == [0, 31, 744]
    assert len(timeline["servers"]) == 3


def test_neighbours_in_one_state_are_one_run(whole: httpx.Client) -> None:
    hours = by_granularity(whole.get("/v1/windows").json())["hourly"]["runs"]

    assert [(run["windows"], run["state"], run["in_cover"]) for run in hours] == [
        (744, "missing", False),
        (48, "ready", False),
        (2, "ready", True),
    ]
    assert hours[0]["rows"] is None
    assert hours[1]["rows"] == 22
    assert hours[2]["served_by"]


def test_a_year_of_windows_is_a_short_answer(start_api: StartApi, servers: Servers) -> None:
    servers.serve_all()
    api = start_api(timeline_start=datetime(2025, 11, 1, tzinfo=UTC))

    response = api.get("/v1/windows")

    hours = by_granularity(response.json())["hourly"]
    assert hours["windows"] == 8810
    assert len(response.content) < 4000
    assert response.json()["gaps"] == [
        {"start": "2025-11-01T00:00:00Z", "end": "2026-10-01T00:00:00Z"}
    ]


def test_who_has_the_timeline_is_sent_nothing_while_it_stays(whole: httpx.Client) -> None:
    first = whole.get("/v1/windows")
    again = whole.get("/v1/windows", headers={"If-None-Match": first.headers["etag"]})
    other = whole.get("/v1/windows", headers={"If-None-Match": '"x", W/"y"'})

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert other.status_code == 200


def test_a_stale_day_is_shown_and_its_hours_answer_if_they_are_all_served(
    start_api: StartApi, servers: Servers, shop: Shop
) -> None:
    day = Window.parse("daily/2026-11-02")
    hour = Window.parse("hourly/2026-11-02T05")
    servers.serve_all()
    old = shop.versions[hour]
    index = Address.index(shop.fingerprint, hour)
    late = next(one for one in shop.photos.values() if one.listed_at.month == 10)
    try:
        shop.late[late.photo_id] = hour
        publish_index(shop, hour)
        api = start_api()
        only_stale = api.get("/v1/windows").json()
        answer = api.post("/v1/search", json={"vector": [1.0] * shop.embedder.dimension}).json()

        servers.serve(day.children())
        with_hours = start_api().get("/v1/windows").json()
    finally:
        del shop.late[late.photo_id]
        shop.versions[hour] = old
        shop.repository.set_head(index, old)

    stale = next(one for one in only_stale["cover"] if one["window"] == day.key)
    assert stale["stale"] is True
    assert by_granularity(only_stale)["daily"]["stale"] == 1
    assert answer["coverage"]["complete"] is True
    assert answer["coverage"]["staleness"]["windows"] == [day.key]
    assert day.key not in [one["window"] for one in with_hours["cover"]]
    assert hour.key in [one["window"] for one in with_hours["cover"]]
    assert with_hours["complete"] is True


def test_the_api_lives_before_anything_is_there(shop: Shop, tmp_path: Path) -> None:
    settings = shop.settings.model_copy(
        update={"state_dir": tmp_path / "nothing", "photos_url": None}
    )

    with serving(
        settings, EndpointWatch(EndpointFolder(tmp_path / "nothing" / "endpoints"))
    ) as api:
        alive = api.get("/healthz")
        ready = api.get("/readyz")
        timeline = api.get("/v1/windows")
        search = api.post("/v1/search", files={"photo": shop.photo_bytes("lamps/item 13.jpg")})

    assert alive.status_code == 200
    assert ready.status_code == 503
    assert ready.json()["found"] == "no embedder in the model repository"
    assert "photosearch materialize" in ready.json()["remedy"]
    assert timeline.json()["complete"] is False
    assert timeline.json()["fingerprint"] is None
    assert search.status_code == 503
    assert search.json()["type"] == "urn:photosearch:no-embedder"


def test_the_api_is_ready_with_its_first_index_server(
    start_api: StartApi, servers: Servers, shop: Shop
) -> None:
    api = start_api()
    before = api.get("/readyz")

    servers.serve([Window.parse("monthly/2026-10")])
    for _ in range(200):
        after = api.get("/readyz")
        if after.status_code == 200:
            break

    assert before.status_code == 503
    assert before.json()["found"] == "no index server"
    assert after.json() == {
        "status": "ready",
        "fingerprint": shop.fingerprint,
        "servers": 1,
        "windows": 1,
    }


def test_before_the_first_hour_has_closed_there_is_nothing_to_search(
    shop: Shop, servers: Servers
) -> None:
    discovery = servers.watch()
    now = datetime(2026, 10, 1, 0, 59, tzinfo=UTC)

    with serving(shop.settings, discovery, lambda: now) as api:
        answers = [
            api.post("/v1/search", json={"vector": [1.0] * shop.embedder.dimension}),
            api.get("/v1/windows"),
        ]

    for answer in answers:
        assert answer.status_code == 503
        assert answer.json()["type"] == "urn:photosearch:no-closed-window"


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_is_cheap_to_ask(whole: httpx.Client, path: str) -> None:
    assert whole.get(path).status_code == 200


@pytest.mark.parametrize(
    ("now", "ahead_s", "stale"),
    [
        (datetime(2026, 11, 3, 1, 59, 50, tzinfo=UTC), 10, 0),  # clocks are never quite alike
        (datetime(2026, 11, 3, 1, 30, tzinfo=UTC), 1800, 1),
        (datetime(2026, 10, 30, 12, tzinfo=UTC), 309_600, 5),  # before the month was over
        (datetime(2026, 9, 3, tzinfo=UTC), 5_277_600, 5),  # before the timeline's start
        (datetime(1970, 1, 1, tzinfo=UTC), 1_793_671_200, 5),  # no battery
    ],
)
def test_an_api_whose_clock_is_behind_answers_and_says_so(
    shop: Shop, servers: Servers, now: datetime, ahead_s: int, stale: int
) -> None:
    servers.serve_all()
    with serving(shop.settings, servers.watch(), now=lambda: now) as api:
        response = api.post("/v1/search", json={"listing_id": "lamps/item 13", "k": 50})

    coverage = response.json()["coverage"]
    assert len(response.json()["results"]) == 50
    assert len(coverage["windows"]) == 5
    assert coverage["complete"] is True
    assert coverage["staleness"]["ahead_s"] == ahead_s
    assert len(coverage["staleness"]["windows"]) == stale


def test_an_api_whose_clock_is_behind_shows_on_its_timeline_that_it_is(
    shop: Shop, servers: Servers
) -> None:
    now = datetime(2026, 10, 30, 12, tzinfo=UTC)
    servers.serve_all()
    with serving(shop.settings, servers.watch(), now=lambda: now) as api:
        timeline = api.get("/v1/windows").json()

    assert (timeline["now"], timeline["newest"]) == ("2026-10-30T12:00:00Z", "2026-11-03T02:00:00Z")
    assert len(timeline["cover"]) == 5
