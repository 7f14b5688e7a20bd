"""gc of serving images: what nobody asks for goes, with the layers that were only its own."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from index_grpc.gc_images import unneeded_images
from index_grpc.image_contents import serving_images
from index_grpc.place_servings import ServingPlacer, place_servings
from photosearch.cli import main
from photosearch.oci.image_registry import open_registry
from photosearch.oci.layout import LayoutRegistry
from photosearch.settings import Settings
from tests.controller.made_repository import MadeRepository, made_settings

HOUR = "hourly/2026-11-22T03"
AT_ONCE = timedelta(0)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An hour's first version was asked for, then its second."""
    settings = made_settings(tmp_path)
    made = MadeRepository(settings)
    for edition in range(2):
        made.hour(HOUR, edition=edition)
        assert place_servings(settings).failed == []
    return settings


def digests(settings: Settings) -> set[str]:
    return {image.digest for image in serving_images(open_registry(settings))}


def collected(settings: Settings, grace: timedelta, *, dry_run: bool = False) -> list[str]:
    return [what.split()[0] for what, _, _ in unneeded_images(settings, grace, dry_run=dry_run)]


def make_blobs_old(settings: Settings) -> None:
    registry = open_registry(settings)
    assert isinstance(registry, LayoutRegistry)
    for path in (registry.folder / "blobs" / "sha256").iterdir():
        os.utime(path, (1, 1))


def test_an_image_that_no_serving_asks_for_goes_with_its_layer(settings: Settings) -> None:
    make_blobs_old(settings)
    assert len(digests(settings)) == 2
    assert collected(settings, AT_ONCE, dry_run=True) == ["image"]
    assert len(digests(settings)) == 2

    gone = collected(settings, AT_ONCE)

    assert gone[0] == "image"
    assert set(gone[1:]) == {"layer"}
    [left] = digests(settings)
    assert open_registry(settings).has_image(left)
    assert ServingPlacer.open(settings).compare().is_settled
    assert collected(settings, AT_ONCE) == []


def test_a_young_image_stays_for_a_rollback(settings: Settings) -> None:
    assert collected(settings, timedelta(days=1)) == []
    assert len(digests(settings)) == 2


def test_the_command_tells_of_images_as_of_versions(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(settings.base_dir)
    with pytest.raises(SystemExit) as ended:
        main(["gc", "--keep", "1", "--grace-hours", "0", "--dry-run"])

    out = capsys.readouterr().out
    assert not ended.value.code
    assert "no Serving asks for it" in out
    assert "2 would be deleted" in out  # the first version, and its image
