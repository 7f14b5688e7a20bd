"""What is taken for a document of an image, and what is said of one that is none."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from photosearch.oci.documents import (
    CONFIG,
    INDEX,
    LAYER,
    MANIFEST,
    Descriptor,
    ImageIndex,
    ImageManifest,
    parse_config,
    parse_document,
)
from photosearch.oci.errors import NoImage

DIGEST = "sha256:" + "0" * 64
DESCRIBED = {
    "mediaType": LAYER,
    "digest": DIGEST,
    "size": 3,
    "annotations": {"a": "b"},
    "urls": ["https://registry.example/a"],
    "data": "e30=",
    "artifactType": "a/b",
}
IMAGE = {
    "schemaVersion": 2,
    "mediaType": MANIFEST,
    "artifactType": "a/b",
    "config": {"mediaType": CONFIG, "digest": DIGEST, "size": 2},
    "layers": [DESCRIBED],
    "subject": DESCRIBED,
    "annotations": {"a": "b"},
    "of somebody's own": [1],
}
PLATFORM = {"os": "linux", "architecture": "arm64", "os.version": "1", "variant": "v8"}
IMAGES = {
    "schemaVersion": 2,
    "mediaType": INDEX,
    "manifests": [{**DESCRIBED, "mediaType": MANIFEST, "platform": PLATFORM}],
}
SETTINGS = {
    "created": "2026-11-22T00:00:00Z",
    "architecture": "amd64",
    "os": "linux",
    "config": {"User": "1", "Env": ["A=b"], "ExposedPorts": {"80/tcp": {}}, "Labels": {"a": "b"}},
    "rootfs": {"type": "layers", "diff_ids": [DIGEST]},
    "history": [{"created_by": "somebody", "empty_layer": True}],
    "of somebody's own": [1],
}


def test_a_document_is_read_with_all_that_the_format_has() -> None:
    layer = Descriptor(LAYER, DIGEST, 3, {"a": "b"})
    listed = Descriptor(MANIFEST, DIGEST, 3, {"a": "b"}, platform="linux/arm64")

    assert parse_document(json.dumps(IMAGE).encode(), "it") == ImageManifest(
        Descriptor(CONFIG, DIGEST, 2), (layer,), {"a": "b"}
    )
    assert parse_document(json.dumps(IMAGES).encode(), "it") == ImageIndex((listed,), {})
    assert parse_config(json.dumps(SETTINGS).encode(), "it") == SETTINGS


def test_of_dockers_own_kinds_the_formats_are_made() -> None:
    docker = "application/vnd.docker"
    image = {
        "schemaVersion": 2,
        "mediaType": f"{docker}.distribution.manifest.v2+json",
        "config": {**DESCRIBED, "mediaType": f"{docker}.container.image.v1+json"},
        "layers": [{**DESCRIBED, "mediaType": f"{docker}.image.rootfs.diff.tar.gzip"}],
    }

    read = parse_document(json.dumps(image).encode(), "it")

    assert isinstance(read, ImageManifest)
    assert [read.config.media_type, read.layers[0].media_type] == [CONFIG, f"{LAYER}+gzip"]


def changed(document: Mapping[str, Any], place: str, value: object) -> bytes:
    """The document with another value there; None takes it out."""
    copy = json.loads(json.dumps(document))
    part: Any = copy
    *way, last = (int(step) if step.isdecimal() else step for step in place.split("."))
    for step in way:
        part = part[step]
    if value is None:
        del part[last]
    else:
        part[last] = value
    return json.dumps(copy).encode()


Odd = Mapping[str, Sequence[object]]
#: By place, values that the format does not allow there; None: nothing is there.
ODD_IMAGES: Odd = {
    "schemaVersion": (None, 1, 3, "2", 2.0),
    "layers": (None, [], {}, [None], "layers"),
    "layers.0.size": (None, -1, "3", 3.0, True, 1 << 63),
    "layers.0.mediaType": (None, "", "tar", "a b/c", 5),
    "layers.0.urls": ("https://a", ["no address"]),
    "layers.0.annotations": ([], {"a": 1}, "a"),
    "config": (None, DIGEST, []),
    "config.digest": (None, 7),
    "subject": (DIGEST, {}),
    "annotations": ({"": "a"}, {"a": None}, []),
}
ODD_INDEXES: Odd = {
    "schemaVersion": (None, 1),
    "manifests": (DIGEST, {}, [DIGEST]),
    "manifests.0.size": (None, -1, "3"),
    "manifests.0.digest": (None, "", "sha256", "sha256:../../etc"),
    "manifests.0.platform": ("linux/arm64", {"os": "linux"}),
    "manifests.0.annotations": ({"": "a"}, {"a": 1}),
}
ODD_SETTINGS: Odd = {
    "architecture": (None, 64),
    "os": (None, []),
    "created": ("yesterday", {}),
    "rootfs": (None, [], {}),
    "rootfs.type": (None, "folders"),
    "rootfs.diff_ids": (None, DIGEST, [1]),
    "config": ([], "a"),
    "config.Env": ("A=b", [1]),
    "config.Labels": ({"a": 1}, {"": "a"}, []),
    "config.ExposedPorts": (["80/tcp"], {"": {}}),
    "history": ({}, ["a"]),
}


def each(odd: Odd) -> list[tuple[str, object]]:
    return [(place, value) for place, values in odd.items() for value in values]


@pytest.mark.parametrize(("place", "value"), each(ODD_IMAGES))
def test_what_the_format_does_not_allow_is_no_image(place: str, value: object) -> None:
    with pytest.raises(NoImage, match=rf"^it is not an OCI document: found {place}"):
        parse_document(changed(IMAGE, place, value), "it")


@pytest.mark.parametrize(("place", "value"), each(ODD_INDEXES))
def test_what_the_format_does_not_allow_is_no_list_of_images(place: str, value: object) -> None:
    with pytest.raises(NoImage, match=rf"^it is not an OCI document: found {place}"):
        parse_document(changed(IMAGES, place, value), "it")


@pytest.mark.parametrize(("place", "value"), each(ODD_SETTINGS))
def test_what_the_format_does_not_allow_is_no_configuration(place: str, value: object) -> None:
    with pytest.raises(NoImage, match=rf"^it is not an OCI document: found {place}"):
        parse_config(changed(SETTINGS, place, value), "it")
