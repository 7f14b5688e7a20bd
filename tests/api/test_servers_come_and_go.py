"""Index servers die, come back, are replaced: answers stay whole or say what they lack."""

import re
import threading
import time
from datetime import UTC, datetime
from typing import Any

import httpx
import numpy as np
import pytest

from index_grpc.serving.desk import Endpoint, EndpointWindow
from index_grpc.serving.endpoints import EndpointFolder
from photosearch.windows import Window
from tests.api.conftest import StartApi
from tests.api.shop import Servers, Shop

MONTH = Window.parse("monthly/2026-10")
DAYS = [Window.parse("daily/2026-11-01"), Window.parse("daily/2026-11-02")]
TODAY = [Window.parse("hourly/2026-11-03T00"), Window.parse("hourly/2026-11-03T01")]
EVERYTHING = 60


def search(api: httpx.Client, **body: Any) -> dict[str, Any]:
    vector = np.random.default_rng(3).standard_normal(DIMENSION).tolist()
    response = api.post("/v1/search", json={"vector": vector, "k": EVERYTHING, **body})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


DIMENSION = 1280


def windows_of(answer: dict[str, Any]) -> list[str]:
    return [one["window"] for one in answer["coverage"]["windows"]]


def test_a_day_answers_for_its_hours_once_it_is_ready(
    start_api: StartApi, servers: Servers
) -> None:
    servers.serve([MONTH])
    servers.serve([*DAYS[0].children(), *DAYS[1].children(), *TODAY])
    api = start_api()
    before = search(api)

    servers.serve(DAYS)
    after = eventually(lambda: search(api), lambda one: DAYS[0].key in windows_of(one))

    assert len(windows_of(before)) == 1 + 48 + 2
    assert windows_of(after) == [one.key for one in [MONTH, *DAYS, *TODAY]]
    assert len(before["results"]) == len(after["results"]) == EVERYTHING


def test_the_hours_answer_again_when_their_day_fails(start_api: StartApi, servers: Servers) -> None:
    servers.serve([MONTH])
    days = servers.serve(DAYS)
    servers.serve([*DAYS[0].children(), *DAYS[1].children(), *TODAY])
    api = start_api()
    assert DAYS[0].key in windows_of(search(api))

    servers.kill(days)
    answer = search(api)

    assert answer["coverage"]["complete"] is True
    assert len(answer["results"]) == EVERYTHING
    assert len(windows_of(answer)) == 1 + 48 + 2
    assert [one["window"] for one in answer["coverage"]["failed"]] == [one.key for one in DAYS]
    assert {one["served_by"] for one in answer["coverage"]["failed"]} == {days}
    assert all(one["reason"] for one in answer["coverage"]["failed"])


def test_windows_that_nobody_else_holds_are_a_gap_by_name(
    start_api: StartApi, servers: Servers
) -> None:
    servers.serve([MONTH])
    days = servers.serve(DAYS)
    servers.serve(TODAY)
    api = start_api()

    servers.kill(days)
    answer = search(api)

    coverage = answer["coverage"]
    assert coverage["complete"] is False
    assert coverage["gaps"] == [{"start": "2026-11-01T00:00:00Z", "end": "2026-11-03T00:00:00Z"}]
    assert [one["window"] for one in coverage["failed"]] == [one.key for one in DAYS]
    assert 0 < len(answer["results"]) < EVERYTHING


def test_a_caller_may_refuse_a_partial_answer(start_api: StartApi, servers: Servers) -> None:
    servers.serve([MONTH])
    api = start_api(deadline_s=4.0)
    vector = [1.0] * DIMENSION

    failed = api.post("/v1/search", json={"vector": vector, "on_partial": "fail"})
    start = time.monotonic()
    waited = api.post("/v1/search", json={"vector": vector, "on_partial": "wait"})
    waited_s = time.monotonic() - start
    degraded = api.post("/v1/search", json={"vector": vector, "on_partial": "degrade"})

    for refused in (failed, waited):
        assert refused.status_code == 503
        assert refused.headers["Retry-After"]
        problem = refused.json()
        assert problem["type"] == "urn:photosearch:partial-coverage"
        assert problem["coverage"]["gaps"]
        assert "2026-11-01" in problem["found"]
    assert waited_s > 2
    assert degraded.status_code == 200


def test_a_query_can_wait_for_the_window_that_is_coming(
    start_api: StartApi, servers: Servers
) -> None:
    servers.serve([MONTH])
    servers.serve(TODAY)
    api = start_api(deadline_s=20)
    coming = threading.Timer(0.5, servers.serve, [DAYS])
    coming.start()

    answer = search(api, on_partial="wait")

    coming.join()
    assert answer["coverage"]["complete"] is True
    assert len(answer["results"]) == EVERYTHING


def test_nothing_is_lost_while_servers_are_replaced(start_api: StartApi, servers: Servers) -> None:
    names = servers.serve_all()
    api = start_api()
    stop = threading.Event()
    answers: list[dict[str, Any]] = []

    def ask() -> None:
        while not stop.is_set():
            answers.append(search(api))

    asking = threading.Thread(target=ask)
    asking.start()
    for turn in range(2):
        for place, name in enumerate(names):
            successor = servers.serve(servers.windows_of(name), f"successor-{turn}-{place}")
            EndpointFolder(servers.endpoints).withdraw(name)
            time.sleep(0.3)  # the deployer drains for longer
            servers.kill(name)
            names[place] = successor
    stop.set()
    asking.join()

    assert len(answers) > 5
    for answer in answers:
        assert answer["coverage"]["complete"] is True
        assert len({one["listing_id"] for one in answer["results"]}) == EVERYTHING


def test_a_window_with_a_newer_version_is_answered_by_its_new_server(
    start_api: StartApi, servers: Servers, shop: Shop
) -> None:
    old = servers.serve([MONTH], "old")
    new = servers.serve([MONTH], "new")
    api = start_api()
    assert search(api)["coverage"]["windows"][0]["served_by"] in (old, new)

    servers.retire(old)
    answer = eventually(
        lambda: search(api), lambda one: one["coverage"]["windows"][0]["served_by"] == new
    )

    assert windows_of(answer) == [MONTH.key]


def test_without_any_server_the_answer_is_503_and_tells_what_to_do(
    start_api: StartApi, servers: Servers
) -> None:
    api = start_api()

    response = api.post("/v1/search", json={"vector": [1.0] * DIMENSION})

    assert response.status_code == 503
    assert response.json()["type"] == "urn:photosearch:nothing-to-search"
    assert "photosearch materialize" in response.json()["remedy"]
    assert response.json()["coverage"]["complete"] is False


def test_broken_endpoint_files_hide_no_other_server(start_api: StartApi, servers: Servers) -> None:
    servers.serve([MONTH])
    (known,) = servers.endpoints.iterdir()
    written = known.read_text()
    (servers.endpoints / "broken.json").write_text("{")
    (servers.endpoints / "binary.json").write_bytes(b"\xff\x00")
    (servers.endpoints / "folder.json").mkdir()
    (servers.endpoints / "link.json").symlink_to("nowhere")
    without_zone = re.sub(r'("ready_at": "[^"]*)(Z|\+00:00)"', r'\1"', written)
    assert without_zone != written
    (servers.endpoints / "no-zone.json").write_text(without_zone)
    odd = written.replace(MONTH.key, "weekly/2026-W44")
    assert odd != written
    (servers.endpoints / "odd.json").write_text(odd)
    api = start_api()

    first = search(api)
    servers.serve(DAYS)
    servers.serve(TODAY)
    later = eventually(lambda: search(api), lambda one: one["coverage"]["complete"])

    assert windows_of(first) == [MONTH.key]
    assert len(later["results"]) == EVERYTHING


def test_a_server_of_another_embedder_is_never_asked(start_api: StartApi, servers: Servers) -> None:
    servers.serve_all()
    EndpointFolder(servers.endpoints).announce(
        Endpoint(
            serving="foreign",
            address="127.0.0.1:1",
            fingerprint="f" * 64,
            quantiser=None,
            windows=(EndpointWindow(window=MONTH, version="1", rows=1),),
            process="1",
            ready_at=datetime.now(UTC),
        ),
    )

    answer = search(start_api())

    assert answer["coverage"]["complete"] is True
    assert answer["coverage"]["failed"] == []


def test_a_server_that_hangs_costs_its_windows_and_not_the_answer(
    start_api: StartApi, servers: Servers
) -> None:
    servers.serve([MONTH])
    servers.serve([*DAYS[0].children(), *DAYS[1].children(), *TODAY])
    with_silence = servers.announce_silence(DAYS)
    api = start_api(deadline_s=1.5)

    answer = search(api)

    assert answer["coverage"]["complete"] is True
    assert len(answer["results"]) == EVERYTHING
    assert {one["served_by"] for one in answer["coverage"]["failed"]} == {with_silence}
    again = search(api)  # does not ask it
    assert again["coverage"]["failed"] == []


def test_more_queries_than_allowed_are_turned_away_at_once(
    start_api: StartApi, servers: Servers
) -> None:
    servers.announce_silence([MONTH])
    api = start_api(deadline_s=1.5, max_concurrent_queries=2)
    statuses: list[httpx.Response] = []

    def ask() -> None:
        statuses.append(api.post("/v1/search", json={"vector": [1.0] * DIMENSION}))

    asking = [threading.Thread(target=ask) for _ in range(5)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()

    refused = [one for one in statuses if one.status_code == 429]
    assert len(refused) == 3
    assert refused[0].headers["Retry-After"] == "1"
    assert refused[0].json()["limit"] == "2 (max_concurrent_queries)"
    assert api.post("/v1/search", json={"vector": [1.0] * DIMENSION}).status_code == 503


def eventually(make: Any, wanted: Any, within_s: float = 10) -> Any:
    ends = time.monotonic() + within_s
    while not wanted(made := make()):
        if time.monotonic() > ends:
            pytest.fail(f"still {made}")
        time.sleep(0.02)
    return made
