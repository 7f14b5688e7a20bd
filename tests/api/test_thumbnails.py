"""Thumbnails are kept within a bound, however they are asked for."""

import asyncio
import threading

import pytest

from api.pages import photos
from api.pages.photos import PhotoBytes, PhotoStore
from tests.api.shop import Shop

SIDES = range(64, 84)


def test_many_who_ask_for_one_thumbnail_at_once_cost_its_bytes_once(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = shop.photos["chairs/item 24.jpg"]
    both_draw = threading.Barrier(2)
    shrink = PhotoStore._made
    store = PhotoStore(shop.settings)

    async def at_once(self: PhotoStore, content: bytes, side: int, name: str) -> PhotoBytes:
        await asyncio.to_thread(both_draw.wait, 10)
        return await shrink(self, content, side, name)

    async def ask() -> None:
        monkeypatch.setattr(PhotoStore, "_made", at_once)
        for side in SIDES:
            await asyncio.gather(*(store.thumbnail(photo, side) for _ in range(2)))
        monkeypatch.setattr(PhotoStore, "_made", shrink)
        # Room for one: all others go, and the last stays.
        monkeypatch.setattr(photos, "KEPT_THUMBNAIL_BYTES", 5000)
        made = await store.thumbnail(photo, 96)
        assert await store.thumbnail(photo, 96) is made

    try:
        asyncio.run(ask())
    finally:
        store.close()
