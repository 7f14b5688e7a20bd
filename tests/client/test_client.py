"""What a Python program gets of the API: answers as models, and errors that say what to do."""

import pickle
import re
import socket
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from photosearch.client.client import Client, SearchOptions
from photosearch.client.errors import ApiRefused, ApiUnreachable, NotTheApi
from photosearch.windows import Window
from tests.api.conftest import StartApi
from tests.api.shop import Servers, Shop
from tests.client.conftest import Stranger


def test_a_photo_finds_its_listing(client: Client, shop: Shop) -> None:
    photo = shop.photo_bytes("lamps/item 13.jpg")

    answer = client.search_photo(photo, options=SearchOptions(k=3)).answer

    assert [answer.results[0].listing_id, len(answer.results)] == ["lamps/item 13", 3]
    assert answer.results[0].listed_at == shop.photos["lamps/item 13.jpg"].listed_at
    assert answer.coverage.complete


def test_a_listing_finds_others_that_look_like_it(client: Client) -> None:
    answer = client.search_listing("lamps/item 13", SearchOptions(k=5)).answer

    found = [result.listing_id for result in answer.results]
    assert len(set(found)) == 5
    assert "lamps/item 13" not in found


def test_the_cursors_lead_through_all_listings_and_end(client: Client, shop: Shop) -> None:
    photo, options = shop.photo_bytes("lamps/item 13.jpg"), SearchOptions(k=25)

    pages = [client.search_photo(photo, options=options).answer]
    while pages[-1].cursor is not None:
        pages.append(client.search_further(pages[-1].cursor, options).answer)

    found = [result.listing_id for page in pages for result in page.results]
    assert [len(page.results) for page in pages] == [25, 25, 10]
    assert len(set(found)) == len(found) == 60


def test_the_example_of_the_documentation_runs(
    shop: Shop, whole: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photo.jpg").write_bytes(shop.photo_bytes("lamps/item 13.jpg"))
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[2] / "docs" / "rest-api.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert "http://127.0.0.1:8080" in code

    names: dict[str, Any] = {}
    exec(code.replace("http://127.0.0.1:8080", str(whole.base_url)), names)

    assert [len(names["similar"].results), len(names["page"].results)] == [10, 5]
    assert len(names["cover"]) == 5


def test_what_is_not_asked_for_is_left_to_the_api(client: Client) -> None:
    assert len(client.search_listing("lamps/item 13").answer.results) == 10


def test_a_lowest_score_leaves_out_what_is_below_it(client: Client) -> None:
    answer = client.search_listing("lamps/item 13", SearchOptions(k=60)).answer
    middle = answer.results[20].score

    better = client.search_listing("lamps/item 13", SearchOptions(60, min_score=middle)).answer

    assert min(result.score for result in better.results) >= middle
    assert len(better.results) < len(answer.results)


def test_the_timeline_tells_the_cover_by_its_windows(client: Client) -> None:
    timeline = client.windows().answer

    windows = [Window.parse(one.window) for one in timeline.cover]
    assert [one.start for one in timeline.cover] == [window.start for window in windows]
    assert (timeline.complete, len(timeline.servers)) == (True, 3)
    assert isinstance(timeline.now, datetime)


def test_the_answer_is_there_as_it_came_too(client: Client, whole: httpx.Client) -> None:
    timeline = client.windows().json

    assert timeline == {**whole.get("/v1/windows").json(), "now": timeline["now"]}


def test_a_refusal_has_the_problem_with_its_four_members(client: Client) -> None:
    with pytest.raises(ApiRefused) as refused:
        client.search_listing("lamps/item 13", SearchOptions(k=100_000))

    error = refused.value
    assert (error.problem.status, error.problem.type) == (422, "urn:photosearch:invalid-input")
    assert (error.what, error.found) == ("k is too large", "100000")
    assert "max_k" in str(error.limit)
    assert error.remedy == "ask for fewer and follow the cursor"
    assert error.retry_after_s is None


def test_a_photo_that_is_refused_is_called_by_its_name(client: Client) -> None:
    with pytest.raises(ApiRefused, match=r"letter\.jpg"):
        client.search_photo(b"Dear Sir or Madam", "letter.jpg")


def test_a_refusal_says_when_to_come_again_and_what_was_searched(
    start_api: StartApi, servers: Servers
) -> None:
    servers.serve([Window.parse("monthly/2026-10")])
    api = start_api()

    with Client(str(api.base_url)) as client, pytest.raises(ApiRefused) as refused:
        client.search_listing("lamps/item 13", SearchOptions(on_partial="fail"))

    assert refused.value.problem.status == 503
    assert refused.value.retry_after_s == 5
    assert (refused.value.problem.model_extra or {})["coverage"]["gaps"]


def test_a_refusal_passes_from_process_to_process(client: Client) -> None:
    with pytest.raises(ApiRefused) as refused:
        client.search_listing("none")

    again = pickle.loads(pickle.dumps(refused.value))
    assert (str(again), again.problem) == (str(refused.value), refused.value.problem)


def test_an_api_that_is_down_is_named_without_its_password() -> None:
    with (
        Client("http://shop:hunter2@127.0.0.1:9/") as client,
        pytest.raises(ApiUnreachable, match=r"127\.0\.0\.1:9: found") as failed,
    ):
        client.windows()

    assert "hunter2" not in str(failed.value)


@pytest.mark.parametrize("url", ["", "127.0.0.1:80", "http://", "ftp://127.0.0.1", "http://[::1"])
def test_what_is_no_address_is_an_error_like_an_api_that_is_down(url: str) -> None:
    with Client(url) as client, pytest.raises(ApiUnreachable):
        client.windows()


def test_one_that_is_silent_costs_no_more_than_the_time_that_was_given() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        with Client(url, timeout_s=0.3) as client, pytest.raises(ApiUnreachable, match="timed out"):
            client.windows()

    assert 0.2 < time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("body", "kind"), [(b"<html>Hello", "text/html"), (b"[1]", "application/json"), (b"", "")]
)
def test_a_stranger_is_told_from_the_api(stranger: Stranger, body: bytes, kind: str) -> None:
    with (
        Client(stranger(body, kind=kind)) as client,
        pytest.raises(NotTheApi, match="is not photosearch's API: found status 200"),
    ):
        client.windows()


def test_an_answer_that_lacks_what_every_api_sends_is_told_by_its_member(
    stranger: Stranger,
) -> None:
    with Client(stranger(b'{"results": []}')) as client:
        received = client.search_listing("a")

    assert received.json == {"results": []}
    with pytest.raises(NotTheApi, match="coverage: Field required"):
        _ = received.answer


def test_a_refusal_of_a_proxy_is_one_too(stranger: Stranger) -> None:
    with (
        Client(stranger(b'{"error": "no upstream"}', 502)) as client,
        pytest.raises(ApiRefused, match="the API answered with status 502") as refused,
    ):
        client.windows()

    assert refused.value.problem.status == 502


def test_a_refusal_in_a_form_of_its_own_is_a_strangers(stranger: Stranger) -> None:
    with (
        Client(stranger(b'{"what": {"a": 1}}', 400)) as client,
        pytest.raises(NotTheApi, match="status 400"),
    ):
        client.windows()
