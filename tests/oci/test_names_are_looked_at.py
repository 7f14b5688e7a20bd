"""verify tells when a name in the registry is not what it was, and mends what it says it mends."""

import json
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from index_grpc.serving.opening import open_desk
from index_grpc.shipping.reconcile import reconcile_servings
from photosearch.oci.documents import REF_NAME
from photosearch.oci.layout.layout import LayoutRegistry
from photosearch.oci.opening import open_registry
from photosearch.oci.signing.signatures import signature_tag
from photosearch.settings.settings import Settings
from photosearch_operations.verify.images import damaged_images
from tests.controller.made_repository import MadeRepository, made_settings
from tests.oci.keys import make_key

HOURS = ("hourly/2026-11-22T00", "hourly/2026-11-22T01")


def placed(settings: Settings, keys: Path) -> Settings:
    """Two hours, an image and a signature each."""
    private, public = make_key(keys)
    signing = settings.model_copy(
        update={"signing_key": private, "trusted_keys": (public,), "packing": "each"}
    )
    made = MadeRepository(signing)
    for hour in HOURS:
        made.hour(hour, rows=3)
    assert reconcile_servings(signing).failed == []
    return signing


def told(settings: Settings, *, discard: bool = False) -> list[str]:
    return list(damaged_images(settings, discard=discard))


def layout(settings: Settings) -> LayoutRegistry:
    registry = open_registry(settings)
    assert isinstance(registry, LayoutRegistry)
    return registry


@pytest.fixture
def folder(tmp_path: Path) -> Settings:
    return placed(made_settings(tmp_path / "shop"), tmp_path / "keys")


@pytest.fixture
def images(settings: Settings, tmp_path: Path) -> Settings:
    return placed(settings, tmp_path / "keys")


def names(settings: Settings) -> list[str]:
    return sorted(open_desk(settings).asked())


def test_every_byte_of_a_folders_own_documents_counts(folder: Settings) -> None:
    seeded = random.Random(5)
    for file in ("index.json", "oci-layout"):
        path = layout(folder).folder / file
        whole = path.read_bytes()
        for at in range(len(whole)):
            flipped = bytearray(whole)
            flipped[at] ^= 1 << seeded.randrange(8)
            path.write_bytes(flipped)
            assert told(folder), f"{file}, byte {at}: {bytes(flipped[at - 20 : at + 20])!r}"
        for cut in seeded.sample(range(len(whole)), 10):
            path.write_bytes(whole[:cut])
            assert told(folder), f"{file}, cut at {cut}"
        path.unlink()
        assert told(folder), f"{file} deleted"
        path.write_bytes(whole)
    assert told(folder) == []


@pytest.mark.parametrize(
    "change",
    [
        (b"hourly-2026-11-22t00", b"hourly-2026-11-22t02"),
        (b"hourly-2026-11-22t00", b"iourly-2026-11-22t00"),
        (b".sig", b".sih"),
        (b'"size":', b'"size":1'),
        (b"image.index.v1", b"image.indey.v1"),
        (b'"annotations"', b'"annotationr"'),
        (REF_NAME.encode(), b"org.opencontainers.image.ref.nbme"),
        (b'"digest":"sha256:', b'"digest":"sha255:'),
        (b'{"manifests"', b'{"more":1,"manifests"'),
    ],
)
def test_what_verify_says_of_an_index_helps(folder: Settings, change: tuple[bytes, bytes]) -> None:
    before = json.loads(layout(folder).index_bytes() or b"")
    path = layout(folder).folder / "index.json"
    path.write_bytes(path.read_bytes().replace(*change, 1))

    first = told(folder)
    assert any("verify --discard" in one for one in first), first
    assert told(folder, discard=True)
    assert reconcile_servings(folder).failed == []

    assert told(folder) == []
    after = json.loads(layout(folder).index_bytes() or b"")
    assert [one["annotations"] for one in after["manifests"]] == [
        one["annotations"] for one in before["manifests"]
    ]
    assert layout(folder).has_image(open_desk(folder).asked()[names(folder)[0]].image or "")


def test_a_lost_index_and_a_changed_layout_are_written_again(folder: Settings) -> None:
    root = layout(folder).folder
    (root / "oci-layout").write_bytes(b'{"imageLayoutVersion":"1.0.1"}')
    [one] = told(folder)
    assert "oci-layout does not say which format this is" in one
    told(folder, discard=True)
    assert told(folder) == []

    (root / "index.json").unlink()
    assert any("no name of any image; run 'photosearch materialize'" in one for one in told(folder))
    assert reconcile_servings(folder).failed == []
    assert told(folder) == []


def test_a_tag_that_names_another_image_is_told(images: Settings) -> None:
    registry = open_registry(images)
    first, second = names(images)
    found = registry.document(second)
    assert found is not None

    registry.put_document(found[0], tag=first)

    problems = told(images)
    assert any(f"tag {first} is another's" in one and second in one for one in problems), problems
    assert reconcile_servings(images).failed == []
    assert told(images) == []


def test_a_signature_under_another_images_tag_is_told(images: Settings) -> None:
    registry = open_registry(images)
    first, second = (one.image or "" for one in open_desk(images).asked().values())
    found = registry.document(signature_tag(second))
    assert found is not None

    registry.put_document(found[0], tag=signature_tag(first))

    assert any(f"tag {signature_tag(first)} is another's" in one for one in told(images))
    assert reconcile_servings(images).failed == []
    assert told(images) == []


def test_a_name_that_a_person_gave_beside_is_none_of_our_business(images: Settings) -> None:
    registry = open_registry(images)
    found = registry.document(names(images)[0])
    assert found is not None

    registry.put_document(found[0], tag="the-one-of-today")

    assert told(images) == []


def test_an_image_lost_behind_its_tag_is_told(folder: Settings) -> None:
    registry = layout(folder)
    serving = open_desk(folder).asked()[names(folder)[0]]
    registry.delete_blob(serving.image or "")

    assert any(f"found no image {serving.image}" in one for one in told(folder))
    assert reconcile_servings(folder).failed == []
    assert told(folder) == []


def test_of_two_names_of_one_image_one_goes_and_the_other_stays_whole(images: Settings) -> None:
    registry = open_registry(images)
    if not isinstance(registry, LayoutRegistry):
        pytest.skip("a registry forgets an image with all its names")
    [name, _] = names(images)
    found = registry.document(name)
    assert found is not None
    registry.put_document(found[0] + b"\n", tag="another")

    registry.delete("another")

    assert told(images) == []


def skopeo(*words: str, folder: Path) -> None:
    if shutil.which("skopeo") is None:
        pytest.skip("skopeo is not installed")
    subprocess.run(
        ["skopeo", "--tmpdir", str(folder), "copy", "--insecure-policy", *words],
        check=True,
        capture_output=True,
    )


def test_other_tools_go_on_reading_and_writing_there(folder: Settings, tmp_path: Path) -> None:
    root = layout(folder).folder
    name = names(folder)[0]

    skopeo(f"oci:{root}:{name}", f"oci:{tmp_path / 'taken'}:copy", folder=tmp_path)
    skopeo(f"oci:{tmp_path / 'taken'}:copy", f"oci:{root}:brought", folder=tmp_path)

    assert {name, "brought"} <= set(layout(folder).tags())
    assert told(folder) == []
    lose = root / "oci-layout"
    lose.write_bytes(b"{")
    told(folder, discard=True)
    skopeo(f"oci:{root}:{name}", f"oci:{tmp_path / 'again'}:copy", folder=tmp_path)
    assert "brought" in layout(folder).tags()
