"""The demo's folder: what is there is used again, what is half there is made whole."""

import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from photosearch.catalogue.catalogue import Catalogue
from photosearch_demo.catalogue import draw_photos, write_catalogue
from photosearch_demo.folder import DemoError, DemoPlan, open_plan, write_settings
from photosearch_demo.shop import timeline_start

NOW = datetime(2026, 11, 23, 17, 42, tzinfo=UTC)
LATER = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def test_a_second_demo_is_of_the_same_shop(tmp_path: Path) -> None:
    first = open_plan(tmp_path / "demo", 60, NOW)

    assert open_plan(tmp_path / "demo", None, LATER) == first
    assert open_plan(tmp_path / "demo", 60, LATER).shop() == first.shop()


def test_another_number_of_listings_is_refused_with_the_way_out(tmp_path: Path) -> None:
    open_plan(tmp_path, 60, NOW)

    with pytest.raises(DemoError, match=r"60 listings.*70 were asked for.*--dir"):
        open_plan(tmp_path, 70, NOW)


def test_a_folder_with_settings_of_a_person_is_left_alone(tmp_path: Path) -> None:
    settings = tmp_path / "photosearch.toml"
    settings.write_text('photos_url = "/srv/photos"\n')

    with pytest.raises(DemoError, match=r"photosearch\.toml without demo\.json.*--dir"):
        open_plan(tmp_path, None, NOW)

    assert settings.read_text() == 'photos_url = "/srv/photos"\n'
    assert not (tmp_path / "demo.json").exists()


def test_photos_are_drawn_once_and_only_what_is_missing_again(tmp_path: Path) -> None:
    shop = DemoPlan(60, NOW).shop()[:20]
    photos = sum(entry.shots for entry in shop)
    seen: list[int] = []

    assert draw_photos(shop, tmp_path, processes=1, on_progress=seen.append) == photos
    assert seen[-1] == photos

    lost = tmp_path / shop[0].photo_path(0)
    content = lost.read_bytes()
    lost.unlink()
    lost.with_suffix(".part").write_bytes(content[:100])  # what a kill leaves behind
    assert draw_photos(shop, tmp_path, processes=1) == 1
    assert lost.read_bytes() == content
    for entry in shop:
        with Image.open(tmp_path / entry.photo_path(0)) as photo:
            photo.load()


def test_the_catalogue_holds_the_shop(tmp_path: Path) -> None:
    plan = DemoPlan(60, NOW)
    settings, shop = write_settings(tmp_path, plan), plan.shop()

    write_catalogue(shop, settings)
    write_catalogue(shop, settings)

    with Catalogue.open(settings) as catalogue:
        assert catalogue.photo_count() == sum(entry.shots for entry in shop)
        listing = catalogue.listings([shop[0].listing_id])[shop[0].listing_id]
        assert listing == shop[0].listing
        assert not catalogue.outside(settings.timeline_start, NOW)


def test_the_settings_fit_the_shop_and_take_free_ports(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (tmp_path / "photosearch.toml").write_text(f"api_port = {port}\n")

        settings = write_settings(tmp_path, DemoPlan(2000, NOW))

    assert settings.api_port not in (port, settings.dagster_port)
    assert settings.timeline_start == timeline_start(NOW)
    assert settings.quantiser_min_photos < 2000
    assert settings.image_store_url == (tmp_path / "photos").as_uri()


def test_free_ports_stay_the_same_from_demo_to_demo(tmp_path: Path) -> None:
    first = write_settings(tmp_path, DemoPlan(60, NOW))

    assert write_settings(tmp_path, DemoPlan(60, NOW)).api_port == first.api_port
