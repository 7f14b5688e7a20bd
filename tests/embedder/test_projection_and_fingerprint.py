import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from photosearch.embedder.build import build_embedder
from photosearch.embedder.embedder import open_embedder
from photosearch.embedder.embedder_file import EmbedderFile
from photosearch.embedder.errors import DamagedEmbedder, EmbedderError
from photosearch.embedder.onnx_session import OnnxSession
from photosearch.embedder.projection import Projection, fit_projection
from photosearch.embedder.registry import SHIPPED
from photosearch.repository.addresses import Address
from photosearch.repository.repository import Repository
from photosearch.repository.verify_notes import wrong_embedders
from photosearch.settings.settings import Settings
from tests.embedder.pictures import whole_number_picture

SAMPLE = [whole_number_picture(n, 150 + 9 * n, 200 + 5 * (n % 4)) for n in range(24)]
SETTINGS = Settings(projection_dimensions=8, projection_min_photos=20)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_embedder(SETTINGS, SAMPLE, 24, tmp_path_factory.mktemp("projected")).folder


def _features(rows: int = 300, width: int = 20) -> NDArray[np.float32]:
    rng = np.random.default_rng(3)
    mixed = rng.normal(0, 1, (rows, width)) * np.linspace(3, 0.1, width) + rng.normal(0, 1, width)
    turned = mixed @ np.linalg.qr(rng.normal(0, 1, (width, width)))[0]
    return np.asarray(turned, np.float32)


@pytest.mark.parametrize("rows", [300, 15])  # more and fewer photos than features
def test_a_projection_keeps_the_directions_in_which_photos_differ_most(rows: int) -> None:
    features = _features(rows)
    centred = features.astype(np.float64) - features.mean(axis=0, dtype=np.float64)

    projection = fit_projection(features, 5)

    projected = np.stack([projection.apply(row) for row in features.astype(np.float64)])
    best = (np.linalg.svd(centred, compute_uv=False)[:5] ** 2).sum()
    assert (projected**2).sum() == pytest.approx(best, rel=1e-4)
    np.testing.assert_allclose(projected.mean(axis=0), 0, atol=1e-4)


def test_the_same_features_give_the_same_bytes_in_any_order_of_axes_signs() -> None:
    first, again = fit_projection(_features(), 5), fit_projection(_features(), 5)

    assert np.array_equal(first.matrix, again.matrix)
    largest = np.abs(first.matrix[1:]).argmax(axis=1)
    assert (first.matrix[1:][np.arange(5), largest] > 0).all()


def test_too_few_photos_for_a_projection_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(EmbedderError, match=r"found 5 photos of 20 features.*lower projection_dim"):
        fit_projection(_features(rows=5), 8)


def test_below_the_least_number_of_photos_there_is_no_projection(tmp_path: Path) -> None:
    built = build_embedder(SETTINGS, SAMPLE[:3], 19, tmp_path)

    assert built.dimension == 1280
    assert sorted(file.name for file in built.folder.iterdir()) == ["embedder.json", "model.onnx"]


def test_projected_vectors_have_unit_length(folder: Path) -> None:
    embedder = open_embedder(folder, threads=1)

    vectors = embedder.embed(SAMPLE[:3])

    assert vectors.shape == (3, 8)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_the_same_sample_gives_the_same_fingerprint(folder: Path, tmp_path: Path) -> None:
    told: list[int] = []

    again = build_embedder(SETTINGS, iter(SAMPLE), 24, tmp_path, told.append)

    assert again.fingerprint == open_embedder(folder).fingerprint
    assert told == list(range(1, 25))
    assert again.details["projection_photos"] == 24


def test_a_photo_of_the_sample_without_a_vector_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class BlindToWhite:
        batch = 1

        def __init__(self, *_: object, **__: object) -> None:
            self._session = OnnxSession(SHIPPED / "int8.onnx", threads=1)

        def run(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
            features = self._session.run(images)
            return features * np.float32(np.nan) if images.min() > 0.9 else features

    monkeypatch.setattr("photosearch.embedder.build.open_session", BlindToWhite)
    white = np.full((224, 224, 3), 255, np.uint8)

    built = build_embedder(SETTINGS, [*SAMPLE[:5], white, *SAMPLE[5:]], 25, tmp_path)

    assert built.details["projection_photos"] == 24


def test_another_sample_gives_another_fingerprint(folder: Path, tmp_path: Path) -> None:
    other = build_embedder(SETTINGS, SAMPLE[:23], 24, tmp_path)

    assert other.fingerprint != open_embedder(folder).fingerprint


def test_whatever_decides_a_vector_is_in_the_fingerprint(folder: Path) -> None:
    file = EmbedderFile.read(folder)
    framed = file.preprocessing.model_copy(update={"framing": "squash"})
    lighter = file.preprocessing.model_copy(update={"mean": (0.4, 0.5, 0.5)})

    changed = [
        file.model_copy(update=update).fingerprint
        for update in (
            {"model_sha256": "0" * 64},
            {"projection_sha256": "0" * 64},
            {"preprocessing": framed},
            {"preprocessing": lighter},
            {"output": "unit_length"},
        )
    ]

    assert len({file.fingerprint, *changed}) == 6
    renamed = file.model_copy(update={"network": "another name"})
    assert renamed.fingerprint == file.fingerprint


@pytest.mark.parametrize("name", ["model.onnx", "projection.npy"])
def test_a_flipped_bit_is_refused_at_load(folder: Path, tmp_path: Path, name: str) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    damaged = bytearray((folder / name).read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (tmp_path / name).write_bytes(damaged)

    with pytest.raises(DamagedEmbedder, match=f"{name} is not the file that embedder.json names"):
        open_embedder(tmp_path)


def test_another_embedder_under_a_fingerprint_is_refused_at_load(folder: Path) -> None:
    other = EmbedderFile.read(folder).model_copy(update={"model_sha256": "0" * 64}).fingerprint

    with pytest.raises(DamagedEmbedder, match="is another embedder's than its name says"):
        open_embedder(folder, other)


def test_verify_names_an_embedder_that_is_another_than_its_name_says(
    folder: Path, tmp_path: Path
) -> None:
    repository = Repository.open((tmp_path / "repository").as_uri())
    files = {file.name: file for file in folder.iterdir()}
    given: dict[str, Any] = {"rows": 0, "dimension": 8, "inputs": [], "recipe": {}}
    own = EmbedderFile.read(folder).fingerprint
    for version in (own, "f" * 64):
        repository.publish(Address.embedders(), files, version=version, **given)

    [told] = wrong_embedders(repository, list(repository.everything()))

    assert f"{'f' * 64} is another embedder's than its name says: found fingerprint {own}" in told


@pytest.mark.parametrize("content", [None, b"", b"{}", b"\xff\xfe", b'{"format": 2}'])
def test_a_folder_without_a_readable_description_is_refused(
    folder: Path, tmp_path: Path, content: bytes | None
) -> None:
    (tmp_path / "model.onnx").write_bytes((folder / "model.onnx").read_bytes())
    if content is not None:
        (tmp_path / "embedder.json").write_bytes(content)

    with pytest.raises(DamagedEmbedder, match="no embedder's description"):
        open_embedder(tmp_path)


def test_a_missing_model_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "embedder.json").write_bytes((folder / "embedder.json").read_bytes())

    with pytest.raises(DamagedEmbedder, match="found no file"):
        open_embedder(tmp_path)


def test_the_description_is_plain_json_that_a_person_can_read(folder: Path) -> None:
    described = json.loads((folder / "embedder.json").read_text())

    assert described["preprocessing"]["framing"] == "crop"
    assert described["dimension"] == 8


def test_a_projection_file_of_the_wrong_kind_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "wrong.npy", np.full((3, 4), np.nan, np.float32))

    with pytest.raises(DamagedEmbedder, match="is not a projection"):
        Projection.read(tmp_path / "wrong.npy")
