"""The same erasure with the model repository in a bucket, and its copies on this machine."""

import shutil

import obstore
import pytest

from photosearch.object_store import open_object_store
from photosearch.repository.erasures import receipts
from photosearch.repository.repository import Repository
from photosearch_operations.erasure.check import still_there
from photosearch_operations.explain.explain import explain
from tests.assets.by_hand import due
from tests.assets.conftest import Shop
from tests.erasure.conftest import DAY, make_all
from tests.erasure.servers import announce
from tests.erasure.test_erase import GONE, erase, files_with, heads, index, vectors
from tests.stores.buckets import Bucket
from tests.stores.fixtures import bucket, gcs, s3

__all__ = ["bucket", "gcs", "s3"]


@pytest.fixture
def made_in_bucket(shop: Shop, bucket: Bucket) -> Shop:
    shop.configure(models_url=f"{bucket.url}/models", **bucket.options())
    shop.list_hours(3)
    make_all(shop)
    return shop


def objects_with(shop: Shop, *needles: bytes) -> list[str]:
    store = open_object_store(shop.settings.repository_url, shop.settings)
    found = []
    for page in obstore.list(store):
        for meta in page:
            content = bytes(obstore.get(store, meta["path"]).bytes())
            if any(needle in content for needle in needles):
                found.append(meta["path"])
    return found


def test_nothing_of_it_is_left_in_the_bucket_nor_in_its_copies(made_in_bucket: Shop) -> None:
    shop = made_in_bucket
    needles = [GONE.encode(), *vectors(shop)]
    before = heads(shop)
    rows = index(shop, DAY)[2].rows
    assert len(objects_with(shop, *needles)) >= 5
    announce(shop, DAY)
    [trail] = explain(shop.settings, GONE).photos
    assert trail.served
    assert trail.agrees
    (shop.settings.endpoints_dir / "pack.json").unlink()

    receipt = erase(shop)

    assert objects_with(shop, *needles) == []
    assert files_with(shop, *needles) == []
    assert len(receipt.removed) == 4
    assert heads(shop).keys() == before.keys()
    assert index(shop, DAY)[2].rows == rows - 1
    assert due(shop).is_empty
    repository = Repository.of(shop.settings)
    assert list(repository.verify()) == []
    assert list(still_there(shop.settings)) == []
    assert receipts(repository.storage) == [receipt]


def test_copies_of_versions_that_another_machine_deleted_go_too(made_in_bucket: Shop) -> None:
    shop = made_in_bucket
    needles = [GONE.encode(), *vectors(shop)]
    copies = {
        rows.parent
        for rows in shop.settings.artifacts_dir.rglob("rows.jsonl")
        if GONE.encode() in rows.read_bytes()
    }
    assert copies
    stray, half = ({copy.with_name(name) for copy in copies} for name in ("0" * 16, "1" * 16))
    for copy in copies:
        shutil.copytree(copy, copy.with_name("0" * 16))
        shutil.copytree(copy, copy.with_name("1" * 16), ignore=lambda *_: ["rows.jsonl"])

    erase(shop)

    assert not any(folder.exists() for folder in copies | stray | half)
    assert files_with(shop, *needles) == []
    assert list(still_there(shop.settings)) == []
    back = min(stray) / "rows.jsonl"
    back.parent.mkdir(parents=True)
    back.write_text(f'{{"listing_id":"{GONE}","photo_id":"{GONE}"}}')
    [found] = still_there(shop.settings)
    assert str(back) in found


def test_photos_in_a_bucket_are_explained_and_the_source_goes_when_asked(
    shop: Shop, bucket: Bucket
) -> None:
    shop.list_hours(3)
    shop.configure(photos_url=f"{bucket.url}/photos", **bucket.options())
    store = open_object_store(shop.settings.image_store_url, shop.settings)
    for file in (shop.root / "photos").iterdir():
        obstore.put(store, file.name, file)
    make_all(shop)
    announce(shop, DAY)
    [trail] = explain(shop.settings, GONE).photos
    assert trail.agrees
    (shop.settings.endpoints_dir / "pack.json").unlink()

    receipt = erase(shop, photo_too=True)

    assert receipt.source_photos.startswith("1 deleted")
    left = {meta["path"] for page in obstore.list(store) for meta in page}
    assert left == {file.name for file in (shop.root / "photos").iterdir()} - {GONE}
