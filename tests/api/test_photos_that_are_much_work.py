"""A stranger's photo that keeps its decoder busy keeps nobody else waiting."""

import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from tests.api.conftest import StartApi
from tests.api.shop import Servers, Shop
from tests.api.test_bad_input import require_problem
from tests.images.hostile import bmp_of_runs, jpeg_of_scans, noise, saved
from tests.processes import stopped

PATIENCE_S = 90.0
SLOW = bmp_of_runs(3600, 3400)
"""Some 6 s of CPU where nobody ends it, and large enough to leave a place to others."""
ENDLESS = bmp_of_runs(4000, 3990)


@pytest.fixture
def api(start_api: StartApi, servers: Servers) -> httpx.Client:
    servers.serve_all()
    return start_api(decode_cpu_s=600.0, deadline_s=60.0)


def decoders() -> set[int]:
    """The processes that decode, by their ids."""
    found = set()
    for process in psutil.Process().children():
        with suppress(psutil.Error):  # it has ended meanwhile
            if any("decode_worker" in word for word in process.cmdline()):
                found.add(process.pid)
    return found


def search(client: httpx.Client, photo: bytes, timeout_s: float = 120.0) -> httpx.Response:
    return client.post("/v1/search", files={"photo": ("a", photo)}, timeout=timeout_s)


def test_a_photo_of_20000_scans_is_refused_at_once(api: httpx.Client) -> None:
    problem = require_problem(search(api, jpeg_of_scans(7000, 20_000)), 422, "unusable-photo")

    assert problem["what"] == "a takes too much work to decode"
    assert problem["limit"] == "500 scans"


def test_others_find_while_strangers_photos_are_decoded(api: httpx.Client) -> None:
    with ThreadPoolExecutor(2) as threads:
        slow = [threads.submit(search, api, SLOW) for _ in range(2)]
        with stopped(busy_process()):
            jpeg = search(api, saved(noise(300, 200), "JPEG"))
            small = search(api, saved(noise(300, 200), "GIF"))

            assert jpeg.status_code == small.status_code == 200
            assert not any(one.done() for one in slow)


def test_a_query_whose_time_is_up_is_not_decoded_on(start_api: StartApi, servers: Servers) -> None:
    servers.serve_all()
    api = start_api(decode_cpu_s=600.0, deadline_s=20.0)
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(search, api, ENDLESS)
        pid = busy_process()
        with stopped(pid):
            require_problem(slow.result(), 504, "deadline")

            wait_until(lambda: not psutil.pid_exists(pid))


def test_a_client_that_leaves_ends_its_photos_decoding(api: httpx.Client) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\n\r\n'
    body += ENDLESS + b"\r\n--b--\r\n"
    head = f"POST /v1/search HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n"
    head += "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    with socket.create_connection((api.base_url.host, api.base_url.port or 80)) as client:
        client.sendall(head.encode() + body)
        pid = busy_process()

    wait_until(lambda: not psutil.pid_exists(pid))
    assert search(api, saved(noise(300, 200), "GIF")).status_code == 200


def test_a_photo_that_ends_its_decoder_is_unusable(start_api: StartApi, servers: Servers) -> None:
    servers.serve_all()
    api = start_api(decode_cpu_s=1.0, deadline_s=60.0)

    problem = require_problem(search(api, SLOW), 422, "unusable-photo")

    assert problem["what"] == "a takes too much work to decode"
    assert problem["limit"].endswith("(decode_cpu_s)")


def test_thumbnails_of_others_come_while_one_is_much_work(
    start_api: StartApi, shop: Shop, hostile: str
) -> None:
    api = start_api(decode_cpu_s=600.0)
    others = [photo for photo in shop.photos if photo != hostile][:6]
    with ThreadPoolExecutor(2) as threads:
        slow = [
            threads.submit(api.get, f"/v1/photos/{hostile}?size={size}", timeout=120)
            for size in (64, 65)
        ]
        with stopped(busy_process()):
            for photo in others:
                assert api.get(f"/v1/photos/{photo}?size=96", timeout=60).status_code == 200

            assert not any(one.done() for one in slow)


def test_a_thumbnail_that_can_not_be_made_is_tried_once(start_api: StartApi, hostile: str) -> None:
    api = start_api(decode_cpu_s=1.0)

    first = api.get(f"/v1/photos/{hostile}?size=64", timeout=60)
    before = decoders()
    second = api.get(f"/v1/photos/{hostile}?size=96", timeout=60)

    assert require_problem(first, 422, "unusable-photo") == require_problem(
        second, 422, "unusable-photo"
    )
    assert decoders() == before


@pytest.fixture
def hostile(shop: Shop) -> Iterator[str]:
    """The id of a photo of the shop whose file is much work while the test runs."""
    photo = next(iter(shop.photos.values()))
    file = Path(str(shop.settings.photos_url)) / photo.path
    content = file.read_bytes()
    file.write_bytes(SLOW)
    try:
        yield photo.photo_id
    finally:
        file.write_bytes(content)


def busy_process() -> int:
    """Waits for a process that decodes: its start alone takes less than it has spent."""
    wait_until(lambda: bool(busy_processes()))
    return busy_processes().pop()


def busy_processes() -> set[int]:
    found = set()
    for pid in decoders():
        with suppress(psutil.Error):
            if sum(psutil.Process(pid).cpu_times()[:2]) > 1.0:
                found.add(pid)
    return found


def wait_until(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.02)
