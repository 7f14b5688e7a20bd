"""Exact search and the tree behind one interface: they must agree where they should."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index_grpc.errors import DamagedQuantiser, IndexMismatch, InvalidQuery
from index_grpc.index.bfloat16 import from_bfloat16
from index_grpc.index.encode import Encoder
from index_grpc.index.exact import exact_neighbours
from index_grpc.index.index_files import IndexFolder
from index_grpc.index.npy_files import open_npy
from index_grpc.index.quantiser import Quantiser, train_quantiser
from index_grpc.index.search import (
    EmptySearcher,
    ExactSearcher,
    Searcher,
    SearchParameters,
    TreeSearcher,
    load_exact,
    load_tree,
    open_searcher,
)
from photosearch.windows import Window
from tests.index.conftest import DIMENSION, DrawVectors, MakeEmbeddings

Encode = Callable[[int, int], Path]
"""Rows and a seed to an index's folder."""


@pytest.fixture(scope="module")
def encode(
    quantiser: Quantiser,
    draw_vectors: DrawVectors,
    make_embeddings: MakeEmbeddings,
    hours: Sequence[Window],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Encode]:
    base = tmp_path_factory.mktemp("indexes")

    def encode(rows: int, seed: int) -> Path:
        folder = base / f"{rows}-{seed}"
        if not folder.exists():
            vectors = draw_vectors(rows, seed=seed)
            embeddings = make_embeddings(base / "embeddings" / folder.name, vectors, hours[0])
            encoder.encode(embeddings, folder)
        return folder

    with Encoder(quantiser.folder) as encoder:
        yield encode


def tree(folder: Path, quantiser: Quantiser, leaves: int = 2) -> TreeSearcher:
    arrays = IndexFolder.open(folder).arrays
    return load_tree(arrays, quantiser, SearchParameters(leaves, 50, 0.9))


def exact(folder: Path) -> Searcher:
    return load_exact(open_npy(folder / "vectors.npy", np.int16, 2))


@settings(max_examples=40, deadline=None)
@given(
    rows=st.sampled_from([1, 2, 3, 9, 17, 120, 700]),
    seed=st.integers(0, 2),
    k=st.integers(1, 900),
    queries=st.integers(0, 1000),
)
def test_the_tree_with_all_leaves_and_deep_reordering_is_exact(
    encode: Encode, quantiser: Quantiser, rows: int, seed: int, k: int, queries: int
) -> None:
    folder = encode(rows, seed)
    asked = np.random.default_rng(queries).standard_normal((3, DIMENSION)).astype(np.float32)
    bits = open_npy(folder / "vectors.npy", np.int16, 2).read()

    truth, scores = exact_neighbours(bits, asked, k)
    exact_rows, exact_scores = exact(folder).search(asked, k)
    tree_rows, tree_scores = tree(folder, quantiser).search_with(
        asked, k, leaves=quantiser.leaves, reorder=rows
    )

    assert truth.shape == exact_rows.shape == tree_rows.shape == (3, min(k, rows))
    for found_rows, found_scores in ((exact_rows, exact_scores), (tree_rows, tree_scores)):
        np.testing.assert_allclose(found_scores, scores, rtol=1e-4, atol=1e-4)
        own = np.take_along_axis(asked @ from_bfloat16(bits).T, found_rows, axis=1)
        np.testing.assert_allclose(found_scores, own, rtol=1e-4, atol=1e-4)
        assert all(len(set(row)) == len(row) for row in found_rows.tolist())


def test_scores_are_within_bfloat16_of_the_embeddings_own(
    encode: Encode, draw_vectors: DrawVectors
) -> None:
    query = draw_vectors(1, seed=77)

    rows, scores = exact(encode(700, 0)).search(query, 700)

    own = draw_vectors(700, seed=0)[rows[0]] @ query[0]
    np.testing.assert_allclose(scores[0], own, atol=2**-8)


def test_a_tree_that_meets_too_few_rows_in_its_leaves_searches_more(
    encode: Encode, quantiser: Quantiser, draw_vectors: DrawVectors
) -> None:
    for rows in (1, 2, 9, 120):
        searcher = tree(encode(rows, 0), quantiser, leaves=1)

        found, scores = searcher.search(draw_vectors(20, seed=5), 50)

        assert found.shape == (20, min(50, rows))
        assert (found >= 0).all()
        assert np.isfinite(scores).all()


def test_a_deeper_search_looks_wider(encode: Encode, quantiser: Quantiser) -> None:
    searcher = tree(encode(700, 0), quantiser, leaves=4)

    assert searcher.effort(10) == (4, 50)
    leaves, reorder = searcher.effort(100)
    assert leaves > 4
    assert reorder >= 150
    assert searcher.effort(10**6)[1] == 700
    assert searcher.effort(10**12)[0] == 24


@pytest.mark.parametrize("kind", ["exact", "tree", "empty"])
@pytest.mark.parametrize(
    ("query", "k", "says"),
    [
        (np.full((1, DIMENSION), np.nan, np.float32), 10, "position 0"),
        (np.where(np.arange(DIMENSION) == 7, np.inf, 0)[None], 10, "position 7"),
        (np.full((1, DIMENSION), 1e300), 10, "position 0"),
        (np.full((1, DIMENSION), 3e38, np.float32), 10, "too large"),
        (np.zeros((1, DIMENSION - 1), np.float32), 10, "32 numbers"),
        (np.zeros((1, DIMENSION + 1), np.float32), 10, "32 numbers"),
        (np.zeros((1, 0), np.float32), 10, "32 numbers"),
        (np.zeros(DIMENSION, np.float32), 10, "32 numbers"),
        (np.zeros((1, 1, DIMENSION), np.float32), 10, "32 numbers"),
        (np.full((1, DIMENSION), "1"), 10, "32 numbers"),
        (np.zeros((1, DIMENSION), complex), 10, "32 numbers"),
        (np.zeros((1, DIMENSION), np.float32), 0, "found 0"),
        (np.zeros((1, DIMENSION), np.float32), -5, "found -5"),
    ],
)
def test_a_query_that_cannot_be_searched_for_is_refused(
    encode: Encode, quantiser: Quantiser, kind: str, query: np.ndarray, k: int, says: str
) -> None:
    folder = encode(120, 0)
    searcher: Searcher = EmptySearcher(DIMENSION)
    if kind != "empty":
        searcher = exact(folder) if kind == "exact" else tree(folder, quantiser)

    with pytest.raises(InvalidQuery, match=says):
        searcher.search(query, k)


def test_a_query_of_zeros_or_integers_is_searched_for(encode: Encode, quantiser: Quantiser) -> None:
    for searcher in (exact(encode(120, 0)), tree(encode(120, 0), quantiser)):
        assert searcher.search(np.zeros((2, DIMENSION), np.float32), 5)[0].shape == (2, 5)
        assert searcher.search(np.ones((1, DIMENSION), np.int64), 5)[0].shape == (1, 5)
        assert searcher.search(np.zeros((0, DIMENSION), np.float32), 5)[0].shape == (0, 5)


def test_an_index_is_searched_as_its_size_wants(encode: Encode, quantiser: Quantiser) -> None:
    assert isinstance(open_searcher(encode(0, 0), quantiser.folder), EmptySearcher)
    assert isinstance(open_searcher(encode(120, 0), quantiser.folder), ExactSearcher)
    assert isinstance(open_searcher(encode(2100, 0), quantiser.folder), TreeSearcher)
    assert isinstance(open_searcher(encode(2100, 0), None), ExactSearcher)


def test_a_tree_needs_codes_and_a_quantiser_of_its_dimension(
    encode: Encode, quantiser: Quantiser, draw_vectors: DrawVectors, tmp_path: Path
) -> None:
    other = train_quantiser(draw_vectors(200, 8), tmp_path / "other")
    arrays = IndexFolder.open(encode(2100, 0)).arrays

    with pytest.raises(DamagedQuantiser, match="32 dimensions"):
        load_tree(arrays, other)
    with pytest.raises(IndexMismatch, match="no codes"):
        load_tree({"vectors.npy": arrays["vectors.npy"]}, quantiser)


def test_many_threads_get_the_answers_that_one_gets(
    encode: Encode, quantiser: Quantiser, draw_vectors: DrawVectors
) -> None:
    searcher = tree(encode(2100, 0), quantiser)
    queries = draw_vectors(400, seed=6)
    alone = [searcher.search(query[None], 10) for query in queries]

    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(lambda query: searcher.search(query[None], 10), queries))

    for (rows, scores), (other_rows, other_scores) in zip(alone, together, strict=True):
        assert np.array_equal(rows, other_rows)
        assert np.array_equal(scores, other_scores)


def test_scann_is_loaded_only_when_something_is_searched_and_tensorflow_never() -> None:
    code = (
        "import sys\n"
        "from index_grpc.index import pack, encode, glue, recall\n"
        "assert 'scann' not in sys.modules\n"
        "assert 'google.protobuf' not in sys.modules\n"
        "import numpy as np, tempfile, pathlib\n"
        "from index_grpc.index.npy_files import write_npy, open_npy\n"
        "from index_grpc.index.search import load_exact\n"
        "path = pathlib.Path(tempfile.mkdtemp()) / 'v.npy'\n"
        "write_npy(path, np.zeros((3, 4), np.int16))\n"
        "load_exact(open_npy(path, np.int16, 2)).search(np.ones((1, 4)), 2)\n"
        "assert 'scann' in sys.modules\n"
        "assert 'tensorflow' not in sys.modules\n"
    )

    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
