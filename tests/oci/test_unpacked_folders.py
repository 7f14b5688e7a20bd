"""What was unpacked is looked at again each time it is used, whoever changed it meanwhile."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from index_grpc.shipping.image import build_serving_image, pull_serving_image
from photosearch.oci.building.layers import Layer, LayerFile
from photosearch.oci.building.put_layers import is_ours
from photosearch.oci.documents import (
    CONFIG,
    LAYER,
    Descriptor,
    parse_document,
    to_bytes,
    write_manifest,
)
from photosearch.oci.errors import DamagedImage, NoImage
from photosearch.oci.opening import open_builder, open_registry
from photosearch.oci.pulling.pull import pull_image
from photosearch.oci.registry import Bytes
from tests.controller.made_repository import MadeRepository, made_settings
from tests.oci.test_serving_images import hour, serving_of


def _another_vector(folder: Path) -> None:
    (file,) = folder.rglob("vectors.npy")
    file.chmod(0o644)
    file.write_bytes(file.read_bytes()[:-1] + b"\x7f")


def _link_to_a_changed_copy(folder: Path) -> None:
    (file,) = folder.rglob("rows.jsonl")
    elsewhere = folder.parent.parent / "elsewhere"
    elsewhere.write_bytes(file.read_bytes().replace(b"listing", b"another"))
    file.unlink()
    file.symlink_to(elsewhere)


def _link_to_an_equal_copy(folder: Path) -> None:
    (file,) = folder.rglob("rows.jsonl")
    elsewhere = folder.parent.parent / "elsewhere"
    shutil.copyfile(file, elsewhere)
    file.unlink()
    file.symlink_to(elsewhere)


def _linked_folder(folder: Path) -> None:
    (file,) = folder.rglob("rows.jsonl")
    elsewhere = folder.parent.parent / "elsewhere"
    shutil.move(file.parent, elsewhere)
    file.parent.symlink_to(elsewhere)


def _another_file(folder: Path) -> None:
    (file,) = folder.rglob("rows.jsonl")
    shutil.copyfile(file, file.with_name("more.jsonl"))


def _a_pipe(folder: Path) -> None:
    os.mkfifo(folder / "pipe")


def _no_manifest(folder: Path) -> None:
    next(folder.rglob("manifest.json")).unlink()


def _nothing_but_a_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("no folder")


CHANGES = [
    _another_vector,
    _link_to_a_changed_copy,
    _link_to_an_equal_copy,
    _linked_folder,
    _another_file,
    _a_pipe,
    _no_manifest,
    _nothing_but_a_file,
]


@pytest.mark.parametrize("place", ["images", "layers"])
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__.strip("_"))
def test_what_somebody_changed_is_unpacked_again(
    change: Callable[[Path], None], place: str, tmp_path: Path
) -> None:
    settings = made_settings(tmp_path / "shop")
    made, builder = MadeRepository(settings), open_builder(settings)
    registry = builder.registry
    built = build_serving_image(serving_of(made.hour(hour(0))), made.repository, builder)
    pulled = tmp_path / "pulled"
    folder = pull_serving_image(registry, built.digest, pulled)
    before = _contents(folder)
    (changed,) = (pulled / place).iterdir()
    change(changed)

    again = pull_serving_image(registry, built.digest, pulled)

    assert again == folder
    assert _contents(folder) == before


def test_two_layers_with_one_file_are_a_damaged_image(tmp_path: Path) -> None:
    settings = made_settings(tmp_path / "shop")
    registry = open_registry(settings)
    layers = [
        registry.put_blob(Layer([LayerFile.of_bytes("index/serving.json", content)]))
        for content in (b"one", b"other")
    ]
    config = registry.put_blob(Bytes(to_bytes(_CONFIG)))
    told = [Descriptor(LAYER, la.digest, la.size, {"io.photosearch.layer": "x"}) for la in layers]
    digests = [
        registry.put_document(
            write_manifest(Descriptor(CONFIG, config.digest, config.size), some, {})
        )
        for some in (told, told[:1])
    ]
    small = {"index/serving.json": b"the Serving's"}

    with pytest.raises(DamagedImage, match="two files in one place"):
        pull_image(registry, digests[0], tmp_path / "pulled", layers=is_ours)
    with pytest.raises(DamagedImage, match="two files in one place"):
        pull_image(
            registry, digests[1], tmp_path / "pulled", layers=is_ours, beside=lambda _: small
        )

    pulled = pull_image(registry, digests[1], tmp_path / "pulled", layers=is_ours)
    assert (pulled / "index/serving.json").read_bytes() == b"one"


@pytest.mark.parametrize(
    "document",
    [
        b"[" * 100_000,
        b'{"schemaVersion":2,"config":' + b'{"a":' * 50_000,
    ],
    ids=["brackets in brackets", "objects in objects"],
)
def test_an_odd_document_is_no_image(document: bytes) -> None:
    with pytest.raises(NoImage):
        parse_document(document, "the document")


_CONFIG = {
    "architecture": "amd64",
    "os": "linux",
    "config": {},
    "rootfs": {"type": "layers", "diff_ids": []},
    "history": [],
}


def _contents(folder: Path) -> dict[str, bytes]:
    found = [path for path in folder.rglob("*") if not path.is_dir()]
    assert not any(path.is_symlink() for path in folder.rglob("*"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
