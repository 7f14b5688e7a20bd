"""``photosearch verify`` finds whatever of an erased listing is still somewhere."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from index_grpc.serving.opening import open_desk
from index_grpc.shipping.contents import serving_images
from index_grpc.shipping.reconcile import reconcile_servings
from photosearch.cli import main
from photosearch.images.cache import ImageCache
from photosearch.images.reports import PhotoReports
from photosearch.oci.layout.layout import LayoutRegistry
from photosearch.oci.opening import open_registry
from photosearch.repository.addresses import Kind
from photosearch.repository.erasures import receipt_path, receipts
from photosearch.repository.errors import NewerFormat
from photosearch.repository.repository import Repository
from photosearch_assets.steps.context import StepContext
from photosearch_operations.erasure.check import still_there
from photosearch_operations.erasure.erase import STAGES, Erasure, ErasureOptions
from photosearch_operations.verify.images import damaged_images
from tests.assets.conftest import Shop, hours
from tests.erasure.conftest import make_all
from tests.erasure.test_erase import GONE, erase, index

[HOUR] = hours(1, 1)


def kept_before(shop: Shop, kind: Kind = Kind.INDEX) -> dict[str, bytes]:
    """The files of the hour before the erasure, as somebody may put them back."""
    with StepContext(shop.settings) as context:
        manifest = context.shelf(kind).require(HOUR, "")
        folder = context.shelf(kind).folder(manifest)
        return {path.name: path.read_bytes() for path in folder.iterdir()}


def problems(shop: Shop) -> list[str]:
    return list(still_there(shop.settings))


def test_after_an_erasure_verify_finds_nothing(
    made: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    reconcile_servings(made.settings)
    erase(made)

    with pytest.raises(SystemExit) as ended:
        main(["verify"])

    out = capsys.readouterr().out
    assert "other problem" not in out
    assert "0 damaged" in out
    assert not ended.value.code


@pytest.mark.parametrize("kind", [Kind.INDEX, Kind.EMBEDDINGS])
def test_rows_and_vectors_that_came_back_are_found(made: Shop, kind: Kind) -> None:
    files = kept_before(made, kind)
    erase(made)
    _, address, _ = index(made, HOUR)
    folder = made.settings.state / "repository" / address.folder("0" * 16)
    folder.mkdir()

    (folder / "vectors.npy").write_bytes(files["vectors.npy"])
    [found] = problems(made)
    assert "row 1 is the vector of a photo that was erased" in found

    (folder / "rows.jsonl").write_bytes(files["rows.jsonl"])
    assert any("1 rows of a listing that was erased" in one for one in problems(made))


def test_a_version_that_is_there_again_is_found(made: Shop) -> None:
    files = kept_before(made)
    receipt = erase(made)
    removed = next(r for r in receipt.removed if r.address.endswith("T01/index"))
    folder = made.settings.state / "repository" / removed.address / removed.version
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)

    found = problems(made)

    assert any(f"{removed.address}/{removed.version} is there again" in one for one in found)


def test_copies_reports_and_leftovers_are_found(made: Shop) -> None:
    files = kept_before(made)
    cache = ImageCache(made.settings.cache_dir)
    reports = PhotoReports(Repository.of(made.settings))
    report = reports.read(HOUR)
    assert report is not None
    erase(made)
    work = made.settings.state / "work" / "left"
    unpacked = made.settings.unpacked_images_dir / "images" / "x"
    cases: dict[str, Callable[[], object]] = {
        "a copy of a photo": lambda: cache.put("x.png", (made.root / "photos" / GONE).read_bytes()),
        "photos.jsonl: 1 rows": lambda: reports.put(report, reports.seen(HOUR), made.root, None),
        "work/left": lambda: _write(work / "rows.jsonl", files["rows.jsonl"]),
        "images/unpacked": lambda: _write(unpacked / "rows.jsonl", files["rows.jsonl"]),
    }
    assert problems(made) == []
    for number, (told, put_back) in enumerate(cases.items(), 1):
        put_back()
        found = problems(made)
        assert len(found) >= number
        assert any(told in one for one in found), found


def test_layers_that_hold_it_are_found_named_or_not(made: Shop) -> None:
    reconcile_servings(made.settings)
    registry = open_registry(made.settings)
    assert isinstance(registry, LayoutRegistry)
    kept = {digest: registry._path(digest).read_bytes() for digest in registry.blobs()}
    erase(made)
    assert problems(made) == []

    for digest, content in kept.items():
        registry._path(digest).write_bytes(content)

    [found] = problems(made)
    assert "rows of a listing that was erased" in found


def test_the_same_photo_in_another_listing_is_that_listings_own(made: Shop) -> None:
    content = (made.root / "photos" / GONE).read_bytes()
    made.list_photo("twin.png", HOUR.start.replace(minute=40), content)
    make_all(made)
    rows = index(made, HOUR)[2].rows

    receipt = erase(made)

    assert index(made, HOUR)[2].rows == rows - 1
    assert problems(made) == []
    assert any("also in another listing" in note for note in receipt.notes)


def test_an_erasure_that_was_not_finished_is_told(made: Shop) -> None:
    STAGES[0](Erasure(made.settings, GONE, ErasureOptions()))

    [found] = problems(made)

    assert "is not finished; run 'photosearch erase' for it again" in found


def test_a_damaged_receipt_is_told(made: Shop) -> None:
    receipt = erase(made)
    path = made.settings.state / "repository" / receipt_path(receipt.listing)
    path.write_text("{")

    [found] = problems(made)

    assert "is not a receipt" in found
    path.write_text(json.dumps(receipt.model_dump(mode="json")))
    assert receipts(index(made, HOUR)[0].storage) == [receipt]


@pytest.mark.parametrize("change", [{}, {"vectors": {"of": "another shape"}}])
def test_a_receipt_of_a_later_release_is_refused_and_left_as_it_is(
    made: Shop, change: dict[str, object]
) -> None:
    receipt = erase(made)
    path = made.settings.state / "repository" / receipt_path(receipt.listing)
    later = json.dumps(receipt.model_dump(mode="json") | {"format": 2} | change)
    path.write_text(later)

    [found] = problems(made)
    assert "was written by a later release" in found
    assert "receipt format 2" in found
    with pytest.raises(NewerFormat):
        erase(made)

    assert path.read_text() == later


def test_a_damaged_layer_and_a_missing_image_are_told(made: Shop) -> None:
    reconcile_servings(made.settings)
    registry = open_registry(made.settings)
    assert isinstance(registry, LayoutRegistry)
    [image] = serving_images(registry)
    assert list(damaged_images(made.settings)) == []
    blob = registry._path(image.layers[0].digest)
    content = bytearray(blob.read_bytes())
    content[600] ^= 1
    blob.write_bytes(content)

    [found] = damaged_images(made.settings)
    assert f"blob {image.layers[0].digest}" in found
    blob.unlink()
    assert "found no blob" in next(damaged_images(made.settings))
    registry.delete(image.tag)
    [asked] = open_desk(made.settings).asked().values()
    [found] = damaged_images(made.settings)
    assert f"Serving {asked.name} asks for an image that the registry does not have" in found


def test_a_damaged_blob_of_an_image_is_discarded_and_made_again(made: Shop) -> None:
    """Of the right size, it would be taken for whole by whoever builds the image again."""
    reconcile_servings(made.settings)
    registry = open_registry(made.settings)
    assert isinstance(registry, LayoutRegistry)
    [image] = serving_images(registry)
    for blob in image.blobs:
        path = registry._path(blob.digest)
        path.write_bytes(path.read_bytes()[:-1] + b"#")
    assert len(image.blobs) == len(list(damaged_images(made.settings))) >= 2

    found = list(damaged_images(made.settings, discard=True))
    reconcile_servings(made.settings)

    assert all("discarded" in line for line in found)
    assert list(damaged_images(made.settings)) == []
    assert [one.digest for one in serving_images(registry)] == [image.digest]


def test_a_registry_that_is_down_is_told_and_the_rest_is_verified(
    made: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    made.configure(registry_url="oci://127.0.0.1:9/shop")

    with pytest.raises(SystemExit) as ended:
        main(["verify"])

    out = capsys.readouterr().out
    assert ended.value.code == 1
    assert "the registry can't be verified" in out
    assert "0 damaged, 1 other problem" in out


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
