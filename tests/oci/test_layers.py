"""The same files are the same layer, byte for byte, on every machine."""

import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photosearch.oci.building.layers import CHUNK_BYTES, Layer, LayerFile
from photosearch.oci.errors import DamagedImage

NAMES = st.text("abcdefgh0123456789-.", min_size=1, max_size=70).filter(
    lambda name: name.strip(".") != ""
)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)


def file_at(path: Path, name: str, content: bytes | None = None) -> LayerFile:
    """A file on the disk as a layer's file; it is written when there is content."""
    if content is not None:
        path.write_bytes(content)
    content = path.read_bytes()
    return LayerFile(name, lambda: path, len(content), hashlib.sha256(content).hexdigest())


def test_two_machines_make_the_same_layer_of_the_same_files(tmp_path: Path) -> None:
    layers = []
    for machine, mask in (("one", 0o022), ("other", 0o077)):
        folder = tmp_path / machine
        before = os.umask(mask)
        try:
            folder.mkdir()
            files = [
                file_at(folder / name, f"index/{name}", name.encode() * 5000) for name in "bca"
            ]
        finally:
            os.umask(before)
        if machine == "other":
            files.reverse()
            for name in "abc":
                os.utime(folder / name, (1, 1))
                if os.geteuid() == 0:
                    os.chown(folder / name, 1234, 1234)
        layers.append(b"".join(Layer(files)))

    assert layers[0] == layers[1]


def test_a_layer_has_fixed_owners_times_and_modes_and_names_its_folders_first(
    tmp_path: Path,
) -> None:
    files = [
        file_at(tmp_path / "v", "index/windows/v.npy", b"vectors"),
        LayerFile.of_bytes("index/manifest.json", b"{}"),
    ]

    with tarfile.open(fileobj=io.BytesIO(b"".join(Layer(files)))) as archive:
        entries = archive.getmembers()

    assert [entry.name for entry in entries] == [
        *("index", "index/manifest.json", "index/windows", "index/windows/v.npy")
    ]
    assert {(entry.uid, entry.gid, entry.mtime, entry.uname) for entry in entries} == {
        (0, 0, 0, "")
    }
    assert {(entry.isdir(), entry.mode) for entry in entries} == {(True, 0o755), (False, 0o644)}


@given(st.dictionaries(PATHS, st.binary(max_size=3000), max_size=6))
def test_the_size_is_known_before_the_files_are_read(files: dict[str, bytes]) -> None:
    plain = {
        path: content
        for path, content in files.items()
        if not any(other.startswith(f"{path}/") for other in files)
    }
    layer = Layer([LayerFile.of_bytes(path, content) for path, content in plain.items()])

    content = b"".join(layer)

    assert layer.size == len(layer) == len(content)
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        found = {
            entry.name: extracted.read()
            for entry in archive
            if (extracted := archive.extractfile(entry)) is not None
        }
    assert found == plain


def test_the_key_follows_paths_and_contents(tmp_path: Path) -> None:
    def key(path: str, content: bytes) -> str:
        return Layer([LayerFile.of_bytes(path, content)]).key

    assert key("a", b"1") == key("a", b"1")
    assert len({key("a", b"1"), key("b", b"1"), key("a", b"2")}) == 3


@pytest.mark.parametrize("size", [3 * CHUNK_BYTES + 17, 40])
def test_a_file_with_a_flipped_bit_makes_no_layer(tmp_path: Path, size: int) -> None:
    path = tmp_path / "vectors.npy"
    file = file_at(path, "index/vectors.npy", bytes(size))
    content = bytearray(size)
    content[-3] ^= 4
    path.write_bytes(content)

    with pytest.raises(DamagedImage, match=r"vectors\.npy should have .* found sha256"):
        b"".join(Layer([file]))


@pytest.mark.parametrize(
    ("content", "found"), [(None, "no file"), (b"short", "5 bytes"), (bytes(300), "300 bytes")]
)
def test_a_file_of_another_size_or_none_makes_no_layer(
    tmp_path: Path, content: bytes | None, found: str
) -> None:
    path = tmp_path / "vectors.npy"
    file = file_at(path, "index/vectors.npy", bytes(200))
    path.unlink() if content is None else path.write_bytes(content)

    with pytest.raises(DamagedImage, match=f"found {found}"):
        b"".join(Layer([file]))
