"""Recall against exact search: the number a gate relies on."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from index_grpc.errors import IndexMismatch
from index_grpc.index.encode import encode_index
from index_grpc.index.exact import exact_neighbours
from index_grpc.index.index_files import CODES, TOKENS, IndexFolder
from index_grpc.index.npy_files import write_npy
from index_grpc.index.quantiser import Quantiser
from index_grpc.index.recall import (
    choose_parameters,
    leaf_widths,
    measure_recall,
    recall_of,
    sample_queries,
)
from index_grpc.index.search import load_tree
from index_grpc.index.simulate import replay
from photosearch.windows import Window
from tests.index.conftest import DrawVectors, MakeEmbeddings


@pytest.fixture(scope="module")
def folder(
    quantiser: Quantiser,
    draw_vectors: DrawVectors,
    make_embeddings: MakeEmbeddings,
    hours: Sequence[Window],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    base = tmp_path_factory.mktemp("recall")
    make_embeddings(base / "embeddings", draw_vectors(6000, seed=3), hours[0])
    return encode_index(base / "embeddings", quantiser.folder, base / "index").folder


def test_the_replayed_search_finds_what_scann_finds(folder: Path, quantiser: Quantiser) -> None:
    index = IndexFolder.open(folder)
    searcher = load_tree(index.arrays, quantiser)
    queries = sample_queries(index.vectors.map(), 100)
    truth, _ = exact_neighbours(index.vectors.map(), queries, 10)

    replayed = replay(index, quantiser, queries, 10)

    for leaves in (1, 3, 6, 24):
        for reorder in (10, 20, 60):
            found, _ = searcher.search_with(queries, 10, leaves=leaves, reorder=reorder)
            assert replayed.recall(leaves, reorder) == pytest.approx(
                recall_of(found, truth), abs=0.02
            )


def test_the_chosen_width_reaches_the_target_and_no_cheaper_one_of_its_depth_does(
    folder: Path, quantiser: Quantiser
) -> None:
    index = IndexFolder.open(folder)
    searcher = load_tree(index.arrays, quantiser)

    for target in (0.7, 0.9, 0.99):
        chosen = choose_parameters(searcher, index.vectors.map(), target)

        assert chosen.recall >= target
        queries = sample_queries(index.vectors.map())
        truth, _ = exact_neighbours(index.vectors.map(), queries, 10)
        found, _ = searcher.search_with(
            queries, 10, leaves=chosen.leaves_to_search, reorder=chosen.reorder
        )
        assert recall_of(found, truth) == chosen.recall
        if chosen.leaves_to_search > 1:
            found, _ = searcher.search_with(
                queries, 10, leaves=chosen.leaves_to_search - 1, reorder=chosen.reorder
            )
            assert recall_of(found, truth) < target


def test_a_windows_recall_is_the_same_each_time_and_near_what_a_pack_measures(
    folder: Path, quantiser: Quantiser
) -> None:
    index = IndexFolder.open(folder)
    searcher = load_tree(index.arrays, quantiser)

    measured = measure_recall(folder, quantiser, 0.9)

    assert measured == measure_recall(folder, quantiser.folder, 0.9)
    assert measured.recall >= 0.9
    pack = choose_parameters(searcher, index.vectors.map(), 0.9)
    assert abs(pack.leaves_to_search - measured.leaves_to_search) <= 2


@pytest.mark.parametrize("name", [TOKENS, CODES])
def test_codes_that_do_not_belong_to_the_vectors_lose_recall(
    folder: Path, quantiser: Quantiser, name: str, tmp_path: Path
) -> None:
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    for file in folder.iterdir():
        (mixed / file.name).write_bytes(file.read_bytes())
    array = np.load(folder / name)
    write_npy(mixed / name, np.random.default_rng(0).permutation(array))

    measured = measure_recall(mixed, quantiser, 0.9)

    assert measured.recall < 0.9


def test_exact_empty_and_tiny_windows_lose_nothing(
    quantiser: Quantiser,
    draw_vectors: DrawVectors,
    make_embeddings: MakeEmbeddings,
    hours: Sequence[Window],
    tmp_path: Path,
) -> None:
    for rows in (0, 1, 7, 50):
        embeddings = make_embeddings(tmp_path / f"e{rows}", draw_vectors(rows), hours[0])
        encode_index(embeddings, quantiser.folder, tmp_path / f"i{rows}")
        encode_index(embeddings, None, tmp_path / f"x{rows}")

        assert measure_recall(tmp_path / f"i{rows}", quantiser, 0.9).recall == 1
        assert measure_recall(tmp_path / f"x{rows}", None, 0.9).recall == 1
        with pytest.raises(IndexMismatch, match="no codes"):
            measure_recall(tmp_path / f"x{rows}", quantiser, 0.9)


def test_a_small_windows_recall_says_how_well_its_codes_keep_the_order(
    quantiser: Quantiser,
    draw_vectors: DrawVectors,
    make_embeddings: MakeEmbeddings,
    hours: Sequence[Window],
    tmp_path: Path,
) -> None:
    embeddings = make_embeddings(tmp_path / "e", draw_vectors(900, seed=8), hours[0])
    encode_index(embeddings, quantiser.folder, tmp_path / "i")

    measured = measure_recall(tmp_path / "i", quantiser, 0.9)

    assert measured.leaves_to_search == quantiser.leaves
    assert 0.9 <= measured.recall <= 1


def test_widths_rise_from_one_leaf_to_all() -> None:
    for leaves in (1, 2, 24, 555):
        widths = leaf_widths(leaves)
        assert widths[0] == 1
        assert widths[-1] == leaves
        assert widths == sorted(set(widths))


def test_queries_are_unit_vectors_near_rows_and_the_same_each_time(folder: Path) -> None:
    bits = IndexFolder.open(folder).vectors.map()

    queries = sample_queries(bits, 50)

    np.testing.assert_allclose(np.linalg.norm(queries, axis=1), 1, rtol=1e-5)
    assert np.array_equal(queries, sample_queries(bits, 50))
    assert not np.array_equal(queries, sample_queries(bits, 50, seed=1))
    _, scores = exact_neighbours(bits, queries, 1)
    assert 0.8 < scores.mean() < 0.97
