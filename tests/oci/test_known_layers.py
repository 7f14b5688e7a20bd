"""Notes of layers, bounded."""

import os
from pathlib import Path

import pytest

from photosearch.oci.building import known_layers
from photosearch.oci.building.known_layers import KnownLayers
from photosearch.oci.building.layers import Layer, LayerFile


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


def test_the_notes_used_longest_ago_go_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_layers, "MOST_NOTES", 3)
    noted = KnownLayers(tmp_path)
    layers = [Layer([LayerFile.of_bytes("index/a/file", bytes([n]))]) for n in range(4)]
    for n, layer in enumerate(layers[:3]):
        noted.note(layer, digest(n))
    for age, path in enumerate(sorted(tmp_path.iterdir())):
        os.utime(path, (1000 + age, 1000 + age))
    # The oldest is used, so the next oldest goes.
    oldest, next_oldest, _ = sorted(layers[:3], key=lambda layer: layer.key)

    assert noted.digest(oldest) is not None
    noted.note(layers[3], digest(3))

    assert noted.digest(oldest) is not None
    assert noted.digest(next_oldest) is None
    assert noted.digest(layers[3]) == digest(3)
    assert len(list(tmp_path.iterdir())) == 3
    assert (digest(3), ["index/a"]) in list(noted.noted())


@pytest.mark.parametrize("damaged", ["", "{", "[]", "7", "sha256:zz", "sha256:../../../etc/passwd"])
def test_a_damaged_note_is_none(tmp_path: Path, damaged: str) -> None:
    noted = KnownLayers(tmp_path)
    layer = Layer([LayerFile.of_bytes("index/a/file", b"rows")])
    noted.note(layer, digest(0))
    (file,) = tmp_path.iterdir()
    whole = file.read_text()

    file.write_text(whole.replace(digest(0), damaged) if "sha256" in damaged else damaged)

    assert noted.digest(layer) is None
    assert list(noted.noted()) == []
    noted.note(layer, digest(1))
    assert noted.digest(layer) == digest(1)
