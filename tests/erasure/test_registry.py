"""Erasing where images lie in a registry: nothing that it still gives holds the listing."""

import json
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from datetime import timedelta
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from index_grpc.index.index_files import CODES, VECTORS
from index_grpc.serving.opening import open_desk
from index_grpc.shipping.contents import serving_images
from index_grpc.shipping.reconcile import reconcile_servings
from photosearch.oci.documents import MANIFEST, ImageManifest, images_in, parse_document
from photosearch.oci.errors import ImageMissing, RegistryDown, RegistryRefused
from photosearch.oci.opening import open_registry
from photosearch.oci.registry import Bytes, ImageRegistry
from photosearch.oci.remote.remote import RemoteRegistry
from photosearch.repository.erasures import Receipt, receipts
from photosearch_operations.erasure.check import still_there
from photosearch_operations.erasure.waiting import ErasureError
from photosearch_operations.gc_images import unneeded_images
from photosearch_operations.verify.images import damaged_images
from tests.assets.by_hand import due
from tests.assets.conftest import START, Shop, hours
from tests.erasure.conftest import DAY, make_all
from tests.erasure.test_erase import GONE, erase, files_with, index, vectors
from tests.oci.docker_registry import DockerRegistry, running_registry
from tests.stores.front import Fault, Front, Request, Script, front_of

[HOUR] = hours(1, 1)


@pytest.fixture
def docker_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    with running_registry(tmp_path_factory.mktemp("docker-registry")) as registry:
        yield registry


@pytest.fixture
def shipped(made: Shop, docker_registry: DockerRegistry) -> Shop:
    """The day is in the registry and asked for, and an image of before a listing came late."""
    use(made, docker_registry.address)
    assert reconcile_servings(made.settings).failed == []
    made.list_photo("p98.png", HOUR.start.replace(minute=50))
    make_all(made)
    assert reconcile_servings(made.settings).failed == []
    assert len(open_registry(made.settings).tags()) == 2
    return made


def use(shop: Shop, address: str, **values: object) -> None:
    shop.configure(registry_url=f"oci://{address}/shop/indexes", registry_insecure=True, **values)


def given(registry: ImageRegistry, without: Collection[str] = ()) -> dict[str, bytes]:
    """All that the registry gives, beginning with its tags: documents and blobs by digest."""
    found: dict[str, bytes] = {}
    to_read = [tag for tag in registry.tags() if tag not in without]
    while to_read:
        document = registry.document(to_read.pop())
        if document is None:
            continue
        content, digest = document
        found[digest] = content
        to_read += images_in(content)
        parsed = parse_document(content, digest)
        if isinstance(parsed, ImageManifest):
            for blob in (parsed.config, *parsed.layers):
                with registry.open_blob(blob.digest) as chunks:
                    found[blob.digest] = b"".join(chunks)
    return found


def still_given(registry: ImageRegistry, before: dict[str, bytes], *needles: bytes) -> list[str]:
    """What of before the registry still gives to those who know its digest."""
    left = []
    for digest, content in before.items():
        if any(needle in content for needle in needles):
            with suppress(ImageMissing), registry.open_blob(digest) as chunks:
                left += [digest] if b"".join(chunks) else []
    return left


def images_left(registry: ImageRegistry, before: set[str]) -> set[str]:
    return {digest for digest in before if registry.has_image(digest)}


def receipt_of(shop: Shop) -> Receipt:
    [receipt] = receipts(index(shop, DAY)[0].storage)
    return receipt


def row_codes(shop: Shop) -> list[bytes]:
    """The photo's vector and codes as the hour's index has them."""
    repository, address, manifest = index(shop, HOUR)
    folder: Path = repository.local_files(address, manifest.version)
    rows = (folder / "rows.jsonl").read_text().splitlines()
    [row] = [number for number, line in enumerate(rows) if f'"photo_id":"{GONE}"' in line]
    return [np.load(folder / name)[row].tobytes() for name in (VECTORS, CODES)]


def test_nothing_that_the_registry_gives_holds_it_and_the_receipt_says_so(shipped: Shop) -> None:
    registry = open_registry(shipped.settings)
    needles = [GONE.encode(), *vectors(shipped)]
    before = given(registry)
    images = {image.digest for image in serving_images(registry)}
    assert any(needle in content for content in before.values() for needle in needles)

    receipt = erase(shipped)

    after = given(registry)
    assert not any(needle in content for content in after.values() for needle in needles)
    assert still_given(registry, before, *needles) == []
    assert set(receipt.images) == images
    assert images_left(registry, images) == set()
    assert receipt.layers
    assert all(registry.blob_size(layer) is None for layer in receipt.layers)
    assert any("collects its garbage" in note for note in receipt.notes)
    [asked] = open_desk(shipped.settings).asked().values()
    assert registry.has_image(asked.image or "")
    assert files_with(shipped, *needles) == []
    assert list(still_there(shipped.settings)) == []
    assert list(damaged_images(shipped.settings)) == []
    assert due(shipped).is_empty


def test_no_code_of_it_is_left_in_the_registry(made: Shop, docker_registry: DockerRegistry) -> None:
    use(made, docker_registry.address, quantiser_min_photos=100)
    for number in range(100, 200):
        made.list_photo(f"p{number}.png", START + timedelta(hours=2, minutes=number % 60))
    make_all(made)
    needles = row_codes(made)
    assert reconcile_servings(made.settings).failed == []
    registry = open_registry(made.settings)
    for needle in needles:
        assert any(needle in content for content in given(registry).values())

    erase(made)

    assert reconcile_servings(made.settings).failed == []
    assert not any(needle in one for one in given(registry).values() for needle in needles)


def test_layers_of_images_that_gc_deleted_are_found_by_what_is_noted_of_them(
    shipped: Shop,
) -> None:
    registry = open_registry(shipped.settings)
    needles = [GONE.encode(), *vectors(shipped)]
    before = given(registry)
    gone = unneeded_images(shipped.settings, timedelta(0), dry_run=False, tell=pytest.fail)
    assert len(list(gone)) == 1
    assert len(still_given(registry, before, *needles)) == 2  # of both images

    receipt = erase(shipped)

    assert still_given(registry, before, *needles) == []
    assert len(receipt.layers) == 2
    assert list(still_there(shipped.settings)) == []


def test_a_registry_that_deletes_nothing_is_told_and_the_receipt_stays_open(
    shipped: Shop, docker_registry: DockerRegistry
) -> None:
    registry = open_registry(shipped.settings)
    before = given(registry)
    docker_registry.stop()
    docker_registry.start(deletes=False)

    with pytest.raises(RegistryRefused, match="can't be deleted") as error:
        erase(shipped)
    assert "let the registry delete" in str(error.value.remedy)
    assert receipt_of(shipped).finished_at is None
    assert any("not finished" in one for one in still_there(shipped.settings))

    docker_registry.stop()
    docker_registry.start()
    receipt = erase(shipped)

    assert receipt.finished_at is not None
    assert still_given(registry, before, GONE.encode()) == []
    assert list(still_there(shipped.settings)) == []


def test_a_registry_that_goes_away_at_any_deletion_is_cleaned_by_running_it_again(
    shipped: Shop, docker_registry: DockerRegistry
) -> None:
    registry = open_registry(shipped.settings)
    needles = [GONE.encode(), *vectors(shipped)]
    before = given(registry)
    images = {image.digest for image in serving_images(registry)}
    with front_of(docker_registry.port) as front:
        use(shipped, front.url.removeprefix("http://"))
        reconcile_servings(shipped.settings)

        for number in count(1):
            front.script = going_away(front, after=number)
            try:
                erase(shipped)
            except RegistryDown:
                assert receipt_of(shipped).finished_at is None
            else:
                break

    assert number > 2  # it broke off within an image, and between two
    receipt = receipt_of(shipped)
    assert receipt.finished_at is not None
    assert set(receipt.images) >= images
    assert images_left(registry, images) == set()
    assert still_given(registry, before, *needles) == []


def going_away(front: Front, after: int) -> Script:
    front.requests.clear()

    def script(request: Request) -> Fault | None:
        gone = front.count("DELETE") > after or (
            front.count("DELETE") == after and request.method != "DELETE"
        )
        return Fault.UNAVAILABLE if gone else None

    return script


def test_a_registry_that_takes_nothing_is_told_at_once(
    shipped: Shop, docker_registry: DockerRegistry
) -> None:
    docker_registry.stop()
    docker_registry.start(readonly=True)
    started, wait_s = time.monotonic(), 90

    with pytest.raises(ErasureError, match="without the listing can't be built") as error:
        erase(shipped, wait_s=wait_s)

    assert "read-only" in str(error.value) or "405" in str(error.value.found)
    assert time.monotonic() - started < wait_s
    docker_registry.stop()
    docker_registry.start()
    assert erase(shipped).finished_at is not None


def test_a_layer_that_somebody_put_back_is_found(shipped: Shop) -> None:
    registry = open_registry(shipped.settings)
    before = given(registry)
    [layer, *_] = erase(shipped).layers
    assert list(still_there(shipped.settings)) == []

    registry.put_blob(Bytes(before[layer]))

    [found] = still_there(shipped.settings)
    assert layer in found
    assert "rows of a listing that was erased" in found


def test_images_of_others_beside_ours_are_left_alone(shipped: Shop) -> None:
    registry = open_registry(shipped.settings)
    config = registry.put_blob(Bytes(b"{}"))
    chart = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.cncf.helm.config.v1+json",
            "digest": config.digest,
            "size": config.size,
        },
        "layers": [
            {
                "mediaType": "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
                "digest": config.digest,
                "size": config.size,
            }
        ],
    }
    registry.put_document(json.dumps(chart).encode(), tag="chart")

    erase(shipped)

    assert "chart" in registry.tags()
    assert list(still_there(shipped.settings)) == []


def test_a_tag_that_is_no_image_stops_no_erasure_and_the_receipt_tells_of_it(
    shipped: Shop,
) -> None:
    registry = open_registry(shipped.settings)
    assert isinstance(registry, RemoteRegistry)
    config = registry.put_blob(Bytes(b"{}"))
    described = {"mediaType": "text/plain", "digest": config.digest, "size": config.size}
    # Without layers, which registries take and OCI's schema does not.
    document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": []}
    url = registry.client.url("manifests/signature")
    headers = {"Content-Type": MANIFEST}
    registry.client.send(
        "PUT", url, what="a test", body=json.dumps(document).encode(), headers=headers
    ).close()
    before = given(registry, without={"signature"})

    receipt = erase(shipped)

    assert receipt.finished_at is not None
    assert any("tag signature is no image" in note for note in receipt.notes)
    assert still_given(registry, before, GONE.encode()) == []
    assert "signature" in registry.tags()
    assert list(still_there(shipped.settings)) == []
    [told] = damaged_images(shipped.settings)
    assert "tag signature is no image" in told
