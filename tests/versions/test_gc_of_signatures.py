"""Signatures stay with their image, and go with it."""

from datetime import timedelta
from pathlib import Path

import pytest

from index_grpc.serving.opening import open_desk
from index_grpc.shipping.reconcile import reconcile_servings
from photosearch.cli import main
from photosearch.oci.documents import MANIFEST, REF_NAME, Descriptor
from photosearch.oci.layout.layout import LayoutRegistry
from photosearch.oci.opening import open_registry
from photosearch.oci.registry import Bytes
from photosearch.oci.signing.signatures import signature_tag, signed_digest
from photosearch.settings.settings import Settings
from photosearch_operations.gc_images import unneeded_images
from tests.controller.made_repository import MadeRepository
from tests.oci.conftest import docker_registry, settings
from tests.oci.keys import make_key
from tests.versions.test_gc_of_images import make_blobs_old, run

__all__ = ["docker_registry", "settings"]
HOUR = "hourly/2026-11-22T03"
STRANGE = signature_tag("sha256:" + "5" * 64)


@pytest.fixture
def signing(settings: Settings, tmp_path: Path) -> Settings:
    """An hour's first version was asked for, then its second; both are signed."""
    private, public = make_key(tmp_path / "keys")
    update = {"signing_key": private, "trusted_keys": (public,)}
    signing = settings.model_copy(update=update)
    made = MadeRepository(signing)
    for edition in range(2):
        made.hour(HOUR, edition=edition)
        assert reconcile_servings(signing).failed == []
    return signing


def signatures(settings: Settings) -> set[str]:
    return {tag for tag in open_registry(settings).tags() if signed_digest(tag) is not None}


def collected(settings: Settings, *, dry_run: bool = False) -> list[str]:
    found = unneeded_images(settings, timedelta(0), dry_run=dry_run, tell=pytest.fail)
    return [what for what, _, _ in found]


def test_the_signatures_of_an_image_go_with_it_and_others_stay(signing: Settings) -> None:
    if isinstance(open_registry(signing), LayoutRegistry):
        make_blobs_old(signing)
    [asked] = open_desk(signing).asked().values()
    assert asked.image is not None
    kept = signature_tag(asked.image)
    [old] = signatures(signing) - {kept}
    planned = collected(signing, dry_run=True)
    assert signatures(signing) == {old, kept}

    gone = collected(signing)

    assert gone == planned
    assert f"signatures {old}" in gone
    assert signatures(signing) == {kept}
    assert collected(signing) == []
    assert list(reconcile_servings(signing).failed) == []
    assert signatures(signing) == {kept}


def test_signatures_that_were_left_without_an_image_go(signing: Settings) -> None:
    registry = open_registry(signing)
    [asked] = open_desk(signing).asked().values()
    assert asked.image is not None
    found = registry.document(signature_tag(asked.image))
    assert found is not None
    registry.put_document(found[0] + b" ", tag=STRANGE)

    assert f"signatures {STRANGE}" in collected(signing)

    assert signatures(signing) == {signature_tag(asked.image)}


def test_a_signature_tag_that_is_not_understood_is_no_image_that_is_not(
    signing: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    registry = open_registry(signing)
    if not isinstance(registry, LayoutRegistry):
        pytest.skip("a registry takes no such document")
    monkeypatch.chdir(signing.base_dir)
    blob = registry.put_blob(Bytes(b'{"notes": "of another"}'))
    with registry.changing_tags():
        named = Descriptor(MANIFEST, blob.digest, blob.size, {REF_NAME: STRANGE})
        registry._write_index([*registry.entries(), named.to_json()])

    code, out, _ = run(capsys, "verify")
    with pytest.raises(SystemExit):
        main(["gc", "--dry-run", "--grace-hours", "0"])
    told = capsys.readouterr()

    assert (code, "is no image" in out) == (0, False)
    assert "stays" not in told.err
    assert f"signatures {STRANGE}" in told.out
