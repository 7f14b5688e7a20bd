"""Images in our registry that are not as ours are."""

from pathlib import Path

import pytest

from index_grpc.image_contents import serving_images
from index_grpc.serving_annotations import NAMES
from photosearch.oci.documents import CONFIG, Descriptor, to_bytes, write_manifest
from photosearch.oci.errors import DamagedImage
from photosearch.oci.image_registry import Bytes, open_registry
from tests.controller.made_repository import made_settings


@pytest.mark.parametrize("windows", ['{"v": 2}', "no JSON", '[["weekly/2026-01", "1"]]', "7"])
def test_an_image_whose_annotations_are_not_understood_is_told_by_name(
    tmp_path: Path, windows: str
) -> None:
    registry = open_registry(made_settings(tmp_path))
    config = registry.put_blob(Bytes(to_bytes({})))
    manifest = write_manifest(
        Descriptor(CONFIG, config.digest, config.size),
        [Descriptor(CONFIG, config.digest, config.size)],
        {f"{NAMES}.windows": windows, f"{NAMES}.fingerprint": "f"},
    )
    registry.put_document(manifest, tag="of-tomorrow")

    with pytest.raises(DamagedImage, match=r"image of-tomorrow .*newer release"):
        list(serving_images(registry))
