"""One quantiser for all windows: trained apart, refused when altered."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from index_grpc.errors import DamagedQuantiser, UnfitTraining
from index_grpc.index.quantiser import (
    FILES,
    Quantiser,
    check_quantiser,
    leaves_for,
    train_quantiser,
)
from tests.index.conftest import DrawVectors


@pytest.fixture
def copy(quantiser: Quantiser, tmp_path: Path) -> Path:
    return Path(shutil.copytree(quantiser.folder, tmp_path / "quantiser"))


def test_a_trained_quantiser_has_its_leaves_and_dimensions(quantiser: Quantiser) -> None:
    assert quantiser.leaves == 24
    assert quantiser.dimension == 32
    assert quantiser.centroids.shape == (24, 32)
    assert quantiser.codebook.shape == (16, 16, 2)


def test_leaves_follow_the_largest_pack_until_the_sample_is_too_small() -> None:
    assert leaves_for(sample_rows=1_000_000, largest_pack_rows=10_000) == 200
    assert leaves_for(sample_rows=100_000, largest_pack_rows=300_000) == 555
    assert leaves_for(sample_rows=100, largest_pack_rows=10_000) == 1


def test_a_sample_too_small_for_leaves_trains_one(
    draw_vectors: DrawVectors, tmp_path: Path
) -> None:
    quantiser = train_quantiser(draw_vectors(120, 4), tmp_path / "q")

    assert quantiser.leaves == 1


def test_training_takes_a_sample_of_many_vectors(draw_vectors: DrawVectors, tmp_path: Path) -> None:
    quantiser = train_quantiser(draw_vectors(2000, 4), tmp_path / "q", sample_rows=400)

    assert quantiser.card.sample_rows == 400
    assert quantiser.leaves == 2


def test_an_odd_number_of_dimensions_is_refused(draw_vectors: DrawVectors, tmp_path: Path) -> None:
    with pytest.raises(UnfitTraining, match="found 33 dimensions"):
        train_quantiser(draw_vectors(500, 33), tmp_path / "q")


def test_too_few_rows_are_refused(draw_vectors: DrawVectors, tmp_path: Path) -> None:
    with pytest.raises(UnfitTraining, match="quantiser_min_photos"):
        train_quantiser(draw_vectors(99, 8), tmp_path / "q")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_vectors_that_are_not_finite_are_refused_before_scann_sees_them(
    draw_vectors: DrawVectors, tmp_path: Path, value: float
) -> None:
    vectors = draw_vectors(500, 8)
    vectors[17, 3] = value

    with pytest.raises(UnfitTraining, match="1 rows with NaN"):
        train_quantiser(vectors, tmp_path / "q")

    assert not (tmp_path / "q").exists()


@pytest.mark.parametrize("leaves", [0, 501])
def test_leaves_need_a_row_each(draw_vectors: DrawVectors, tmp_path: Path, leaves: int) -> None:
    with pytest.raises(UnfitTraining, match=f"found {leaves} leaves"):
        train_quantiser(draw_vectors(500, 8), tmp_path / "q", leaves=leaves)


@pytest.mark.parametrize("name", FILES)
def test_one_flipped_bit_in_a_quantiser_is_refused(copy: Path, name: str) -> None:
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)

    with pytest.raises(DamagedQuantiser, match=name):
        check_quantiser(copy)


@pytest.mark.parametrize("name", [*FILES, "quantiser.json"])
def test_a_missing_file_of_a_quantiser_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()

    with pytest.raises(DamagedQuantiser, match=name):
        check_quantiser(copy)


@pytest.mark.parametrize(
    "change", [{"leaves": 25}, {"dimension": 30}, {"leaves": "many"}, {"surprise": 1}]
)
def test_a_card_that_contradicts_the_files_is_refused(
    copy: Path, change: dict[str, object]
) -> None:
    card = json.loads((copy / "quantiser.json").read_text())
    (copy / "quantiser.json").write_text(json.dumps(card | change))

    with pytest.raises(DamagedQuantiser):
        check_quantiser(copy)
