"""Who takes a photo slowly, or waits for a thumbnail, holds a bounded share of the memory."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest

from api.pages import photos, pieces
from api.pages.photos import PhotoBytes, PhotoStore
from api.pages.pieces import BytesInFlight, InPieces
from photosearch.catalogue.listing import Photo
from tests.api.conftest import StartApi
from tests.waiting import until

SIZE = 8 << 20
PATH = f"/v1/photos/{quote('chairs/item 24.jpg')}"


@pytest.fixture
def api(start_api: StartApi, monkeypatch: pytest.MonkeyPatch) -> httpx.Client:
    """An API that holds two large photos at most."""

    def large(_: PhotoStore, photo: Photo) -> bytes:
        return photo.photo_id.encode().ljust(SIZE)

    monkeypatch.setattr(PhotoStore, "_read", large)
    monkeypatch.setattr(photos, "BytesInFlight", lambda: BytesInFlight(2 * SIZE))
    return start_api()


@contextlib.contextmanager
def slow_reader(api: httpx.Client) -> Iterator[None]:
    """Somebody who asks for a large photo and takes next to nothing of it."""
    with socket.socket() as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        opened.connect((api.base_url.host, api.base_url.port))
        opened.sendall(f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        opened.recv(100)
        yield


def test_slow_readers_hold_so_many_photos_and_no_more(api: httpx.Client) -> None:
    with slow_reader(api), slow_reader(api):
        answer = api.get(PATH)

    assert answer.status_code == 429
    assert answer.json()["what"] == "too many photos are being sent"
    assert answer.headers["Retry-After"] == "1"
    until(lambda: api.get(PATH).status_code == 200)  # they have left


def test_those_who_wait_for_thumbnails_hold_no_more_either(
    api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hanging(self: PhotoStore, *_: object) -> PhotoBytes:
        await asyncio.sleep(600)
        raise AssertionError

    monkeypatch.setattr(PhotoStore, "_made", hanging)
    with slow_reader(api):
        with pytest.raises(httpx.ReadTimeout):
            api.get(f"{PATH}?size=64", timeout=0.5)
        # That one has left, and what it waited for is given up.
        until(lambda: api.get(PATH).status_code == 200)

        with slow_reader(api):
            assert api.get(f"{PATH}?size=96").status_code == 429


def test_a_photo_is_to_be_taken_in_the_time_of_a_slow_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pieces, "LEAST_S", 0.01)
    held, sent = BytesInFlight(), []

    async def send(message: object) -> None:
        sent.append(message)
        if len(sent) == 2:
            await asyncio.sleep(600)

    async def receive() -> dict[str, str]:
        raise AssertionError

    response = InPieces(bytes(1000), held, media_type="image/jpeg", headers={})
    asyncio.run(response({"type": "http"}, receive, send))

    assert len(sent) == 2
    assert held.held_bytes == 0
