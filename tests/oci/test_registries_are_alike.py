"""A folder and a registry keep images alike: the same tests on both."""

import hashlib
from collections.abc import Iterator

import pytest

from photosearch.oci.documents import (
    CONFIG,
    LAYER,
    MANIFEST,
    Descriptor,
    digest_of,
    to_bytes,
    write_index,
    write_manifest,
)
from photosearch.oci.errors import DamagedImage, ImageError, ImageMissing
from photosearch.oci.registry import Bytes, ImageRegistry

CONTENT = b"layer " * 50_000
ABSENT = "sha256:" + "0" * 64


class Changing:
    """Content that is other than was said, as from a disk that fails."""

    def __len__(self) -> int:
        return len(CONTENT)

    def __iter__(self) -> Iterator[bytes]:
        yield CONTENT[:-1] + b"?"


def put_image(registry: ImageRegistry, content: bytes = CONTENT) -> tuple[bytes, str]:
    """An image of one layer; its manifest and digest."""
    blob = registry.put_blob(Bytes(content))
    config = to_bytes(
        {
            "os": "linux",
            "architecture": "amd64",
            "rootfs": {"type": "layers", "diff_ids": [blob.digest]},
        }
    )
    put = registry.put_blob(Bytes(config), digest=digest_of(config))
    manifest = write_manifest(
        Descriptor(CONFIG, put.digest, put.size), [Descriptor(LAYER, blob.digest, blob.size)], {}
    )
    return manifest, registry.put_document(manifest)


def test_a_blob_is_kept_by_its_digest_and_sent_once(registry: ImageRegistry) -> None:
    digest = "sha256:" + hashlib.sha256(CONTENT).hexdigest()
    assert registry.blob_size(digest) is None

    first = registry.put_blob(Bytes(CONTENT))
    second = registry.put_blob(Bytes(CONTENT), digest=digest)

    assert (first.digest, first.size, first.sent) == (digest, len(CONTENT), True)
    assert (second.digest, second.sent) == (digest, False)
    assert registry.blob_size(digest) == len(CONTENT)
    with registry.open_blob(digest) as chunks:
        assert b"".join(chunks) == CONTENT


def test_content_of_another_digest_is_not_kept(registry: ImageRegistry) -> None:
    with pytest.raises(DamagedImage, match="found sha256:"):
        registry.put_blob(Changing(), digest=digest_of(CONTENT))

    assert registry.blob_size(digest_of(CONTENT)) is None
    assert registry.blob_size(digest_of(CONTENT[:-1] + b"?")) is None


def test_a_blob_that_is_not_there_is_missing(registry: ImageRegistry) -> None:
    with pytest.raises(ImageMissing, match="has no blob"), registry.open_blob(ABSENT) as chunks:
        next(chunks)


def test_an_image_is_found_by_digest_and_by_tag(registry: ImageRegistry) -> None:
    manifest, digest = put_image(registry)
    index = write_index([Descriptor(MANIFEST, digest, len(manifest))], {"made": "here"})

    assert registry.tags() == []
    assert registry.document("monday") is None
    named = registry.put_document(index, tag="monday")

    assert registry.document(digest) == (manifest, digest)
    assert registry.document("monday") == (index, named)
    assert registry.has_image(digest)
    assert registry.tags() == ["monday"]


def test_a_tag_moves_to_another_image(registry: ImageRegistry) -> None:
    first, _ = put_image(registry)
    second, digest = put_image(registry, CONTENT + b"more")
    registry.put_document(first, tag="today")

    registry.put_document(second, tag="today")

    assert registry.document("today") == (second, digest)
    assert registry.tags() == ["today"]


def test_an_image_whose_layer_is_not_there_is_refused(registry: ImageRegistry) -> None:
    config = registry.put_blob(Bytes(b"{}"))
    manifest = write_manifest(
        Descriptor(CONFIG, config.digest, 2), [Descriptor(LAYER, ABSENT, 3)], {}
    )

    with pytest.raises(ImageError):
        registry.put_document(manifest, tag="today")

    assert registry.document("today") is None


def test_a_deleted_tag_takes_its_image_along_and_leaves_others(registry: ImageRegistry) -> None:
    images = {}
    for tag in ("monday", "tuesday"):
        manifest, digest = put_image(registry, CONTENT + tag.encode())
        registry.put_document(
            write_index([Descriptor(MANIFEST, digest, len(manifest))], {}), tag=tag
        )
        images[tag] = digest

    registry.delete("monday")
    registry.delete("never there")

    assert registry.document("monday") is None
    assert registry.tags() == ["tuesday"]
    assert not registry.has_image(images["monday"])
    assert registry.has_image(images["tuesday"])


def test_what_is_no_document_is_refused(registry: ImageRegistry) -> None:
    for content in (b"not JSON", b"[]", b'{"schemaVersion": 2}'):
        with pytest.raises(DamagedImage, match="is not an OCI document"):
            registry.put_document(content)
