"""Images in our registry that are not as ours are, and other tools that write there."""

import json
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from index_grpc.shipping.contents import serving_images
from index_grpc.shipping.image import build_serving_image
from photosearch.oci.building.put_layers import NAMES
from photosearch.oci.documents import CONFIG, Descriptor, to_bytes, write_manifest
from photosearch.oci.errors import DamagedImage, RegistryRefused
from photosearch.oci.layout.garbage import collect_garbage
from photosearch.oci.layout.layout import LayoutRegistry
from photosearch.oci.opening import open_builder, open_registry
from photosearch.oci.registry import Bytes
from tests.controller.made_repository import MadeRepository, made_settings
from tests.oci.test_bad_input import serving_of


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


def skopeo_copy(source: str, target: str) -> None:
    skopeo = shutil.which("skopeo")
    if skopeo is None:
        pytest.skip("skopeo is not installed: apt-get install skopeo")
    command = [skopeo, "--insecure-policy", "copy", source, target]
    subprocess.run(command, check=True, capture_output=True)


@pytest.mark.parametrize("tag", ["", ":theirs"])
def test_an_image_that_another_tool_keeps_in_our_folder_stays(tmp_path: Path, tag: str) -> None:
    settings = made_settings(tmp_path)
    made, builder = MadeRepository(settings), open_builder(settings)
    registry = builder.registry
    assert isinstance(registry, LayoutRegistry)
    one, two = (serving_of(made.hour(f"hourly/2026-11-22T0{n}")) for n in range(2))
    build_serving_image(one, made.repository, builder)
    skopeo_copy(f"oci:{registry.folder}:{one.name}", f"oci:{tmp_path}/elsewhere:x")
    registry.delete(one.name)
    skopeo_copy(f"oci:{tmp_path}/elsewhere:x", f"oci:{registry.folder}{tag}")

    build_serving_image(two, made.repository, builder)
    collect_garbage(registry, grace=timedelta(0))

    assert registry.tags() == sorted([two.name, *([tag[1:]] if tag else [])])
    skopeo_copy(f"oci:{registry.folder}{tag}" if tag else by_digest(registry), f"dir:{tmp_path}/b")


def by_digest(registry: LayoutRegistry) -> str:
    """The folder's image without a tag, given one: skopeo finds no other."""
    index = json.loads((registry.folder / "index.json").read_text())
    (entry,) = (each for each in index["manifests"] if not each.get("annotations"))
    found = registry.document(entry["digest"])
    assert found is not None
    registry.put_document(found[0], tag="now-named")
    return f"oci:{registry.folder}:now-named"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schemaVersion": 2, "manifests": 7}'])
def test_an_index_of_a_folder_that_is_damaged_is_told(tmp_path: Path, content: str) -> None:
    settings = made_settings(tmp_path)
    made, builder = MadeRepository(settings), open_builder(settings)
    registry = builder.registry
    assert isinstance(registry, LayoutRegistry)
    serving = serving_of(made.hour("hourly/2026-11-22T00"))
    built = build_serving_image(serving, made.repository, builder)
    index = registry.folder / "index.json"

    index.write_text(content)

    with pytest.raises(RegistryRefused, match=r"index\.json is not an OCI document.*delete that"):
        build_serving_image(serving, made.repository, builder)
    index.unlink()
    again = build_serving_image(serving, made.repository, builder)
    assert (again.digest, again.pushed_layers) == (built.digest, 0)
