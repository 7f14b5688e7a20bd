"""gc of serving images: what nobody asks for goes, with the layers that were only its own."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from index_grpc.serving.opening import open_desk
from index_grpc.shipping.contents import serving_images
from index_grpc.shipping.reconcile import ServingReconciler, reconcile_servings
from photosearch.cli import main
from photosearch.oci.documents import MANIFEST, REF_NAME, Descriptor
from photosearch.oci.layout.layout import LayoutRegistry
from photosearch.oci.opening import open_registry
from photosearch.oci.registry import Bytes
from photosearch.settings.settings import Settings
from photosearch_operations.gc_images import unneeded_images
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
        assert reconcile_servings(settings).failed == []
    return settings


def digests(settings: Settings) -> set[str]:
    return {image.digest for image in serving_images(open_registry(settings))}


def collected(settings: Settings, grace: timedelta, *, dry_run: bool = False) -> list[str]:
    found = unneeded_images(settings, grace, dry_run=dry_run, tell=pytest.fail)
    return [what for what, _, _ in found]


def kinds(gone: list[str]) -> list[str]:
    return [what.split()[0] for what in gone]


def make_blobs_old(settings: Settings) -> None:
    registry = open_registry(settings)
    assert isinstance(registry, LayoutRegistry)
    for path in (registry.folder / "blobs" / "sha256").iterdir():
        os.utime(path, (1, 1))


def test_an_image_that_no_serving_asks_for_goes_with_its_layer(settings: Settings) -> None:
    make_blobs_old(settings)
    assert len(digests(settings)) == 2
    planned = collected(settings, AT_ONCE, dry_run=True)
    assert len(digests(settings)) == 2

    gone = collected(settings, AT_ONCE)

    assert gone == planned
    assert kinds(gone) == ["image", "blob", "blob"]  # its layer and its configuration
    [left] = digests(settings)
    assert open_registry(settings).has_image(left)
    assert ServingReconciler.open(settings).compare().is_settled
    assert collected(settings, AT_ONCE) == []


def test_a_young_image_stays_for_a_rollback(settings: Settings) -> None:
    assert collected(settings, timedelta(days=1)) == []
    assert len(digests(settings)) == 2


def test_a_serving_that_was_let_go_is_forgotten_after_the_grace_period_if_nobody_ran_it(
    settings: Settings,
) -> None:
    desk = open_desk(settings)
    [(name, let_go)] = desk.let_go_of().items()

    collected(settings, timedelta(days=1))
    collected(settings, AT_ONCE, dry_run=True)
    assert desk.let_go_of() == {name: let_go}
    collected(settings, AT_ONCE)

    assert desk.let_go_of() == {}


def test_the_command_tells_of_images_as_of_versions(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(settings.base_dir)
    make_blobs_old(settings)

    code, out, _ = gc(capsys, "--dry-run")

    assert not code
    assert "no Serving asks for it" in out
    assert "4 would be deleted" in out  # the first version, its image, layer and configuration


@pytest.mark.parametrize(("damage", "gone"), [("no image", 4), ("other bytes", 5)])
def test_a_tag_that_is_not_understood_is_told_and_the_others_are_collected(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    damage: str,
    gone: int,
) -> None:
    monkeypatch.chdir(settings.base_dir)
    registry = open_registry(settings)
    assert isinstance(registry, LayoutRegistry)
    content = b'{"notes": "of another"}'
    blob = registry.put_blob(Bytes(content))
    if damage == "other bytes":
        registry._path(blob.digest).write_bytes(content[::-1])
    with registry.changing_tags():
        named = Descriptor(MANIFEST, blob.digest, blob.size, {REF_NAME: "foreign"})
        registry._write_index([*registry.entries(), named.to_json()])

    code, out, _ = run(capsys, "verify")
    assert code == 1
    assert "tag foreign is no image: " in out
    problems = {"no image": "1 other problem", "other bytes": "2 other problems"}  # and its blob
    assert f"0 damaged, {problems[damage]}" in out
    make_blobs_old(settings)

    code, out, err = gc(capsys)

    assert not code
    assert "tag foreign stays: " in err
    assert f"{gone} deleted" in out  # of other bytes than its digest's nothing is needed
    assert "foreign" in registry.tags()


def test_what_went_of_the_repository_is_told_though_the_registry_does_not_answer(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(settings.base_dir)
    monkeypatch.setenv("PHOTOSEARCH_REGISTRY_URL", "oci://127.0.0.1:9/shop")

    code, out, err = gc(capsys)

    assert code == 1
    assert "nothing needs it" in out
    assert "1 deleted" in out
    assert "127.0.0.1:9" in err


def gc(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    return run(capsys, "gc", "--keep", "1", "--grace-hours", "0", *words)


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main([*words])
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err
