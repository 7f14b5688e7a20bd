"""More than the API can do, and nonsense among it: no failure of ours, and all well afterwards."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from random import Random

import httpx

from photosearch.terminal.terminal import say
from torture.history import shown
from torture.shop import Shop

CALLERS = 64


def torture(shop: Shop, minutes: float) -> Iterator[str]:
    """Call from many threads for so many minutes."""
    shop.add(30)
    shop.run("init", "--photos", "photos")
    shop.run("materialize")
    photos = list(shop.live.values())
    with shop.running() as api:
        answers: Counter[str] = Counter()
        ends = time.monotonic() + minutes * 60
        url = str(api.client.base_url)
        threads = [
            threading.Thread(target=_call, args=(url, photos, Random(number), ends, answers))
            for number in range(CALLERS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        say(f"{answers.total()} calls: {dict(answers.most_common())}")
        yield from (f"{count} x {one}" for one, count in answers.items() if one.startswith("ours"))
        yield from shown(shop, api)


def _call(
    url: str, photos: list[bytes], random: Random, ends: float, answers: Counter[str]
) -> None:
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        while time.monotonic() < ends:
            with suppress(httpx.HTTPError):
                response = client.send(_request(client, photos, random))
                answers[_kind(response)] += 1


def _request(client: httpx.Client, photos: list[bytes], random: Random) -> httpx.Request:
    photo = bytearray(random.choice(photos))
    choice = random.random()
    if choice < 0.5:
        return client.build_request("POST", "/v1/search", files={"photo": ("a", bytes(photo))})
    if choice < 0.7:
        for _ in range(random.randrange(1, 20)):
            photo[random.randrange(len(photo))] = random.randrange(256)
        return client.build_request("POST", "/v1/search", files={"photo": ("a", bytes(photo))})
    if choice < 0.8:
        body = {random.choice(["k", "url", "vector", "cursor", "listing_id", "photo"]): photo.hex()}
        return client.build_request("POST", "/v1/search", json=body)
    if choice < 0.9:
        text = json.dumps({"vector": [random.random() for _ in range(300)]})
        cut = text[: random.randrange(len(text))]
        headers = {"Content-Type": "application/json"}
        return client.build_request("POST", "/v1/search", content=cut, headers=headers)
    path = random.choice(["/v1/windows", "/v1/samples", "/readyz", "/v1/photos/%00", "/%ff"])
    return client.build_request("GET", path)


def _kind(response: httpx.Response) -> str:
    """The status; a failure of ours is a 5xx without a reason that the API knows."""
    status = response.status_code
    if status < 500 or (status in (503, 504) and "urn:photosearch:" in response.text):
        return str(status)
    return f"ours: {status} {response.text[:80]}"
