"""A pack answers for just the windows asked, with k results whenever there are k rows."""

import shutil
import tempfile
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index_grpc.errors import IndexMismatch, InvalidQuery, WindowNotHeld
from index_grpc.index.encode import EncodeTask, encode_many
from index_grpc.index.exact import exact_neighbours
from index_grpc.index.glue import glue_indexes
from index_grpc.index.npy_files import open_npy
from index_grpc.index.pack import Pack, PackHit, PackWindow
from index_grpc.index.quantiser import Quantiser
from index_grpc.index.recall import sample_queries
from index_grpc.index.search import ExactSearcher, TreeSearcher
from photosearch.windows import Window
from tests.index.conftest import DIMENSION, DrawVectors, MakeEmbeddings, Vectors

COUNTS = (0, 5, 1, 90, 0, 700, 33, 2600, 12, 3000, 0)


class Shelf:
    """Windows of uneven size, encoded with and without a quantiser, and their true order."""

    def __init__(
        self,
        base: Path,
        quantiser: Quantiser,
        windows: Sequence[Window],
        draw_vectors: DrawVectors,
        make_embeddings: MakeEmbeddings,
    ) -> None:
        self.quantiser = quantiser
        self.windows = list(windows)
        self.base = base
        embeddings = [
            make_embeddings(base / "embeddings" / window.key, draw_vectors(count, seed=at), window)
            for at, (window, count) in enumerate(zip(windows, COUNTS, strict=True))
        ]
        for name, folder in (("tree", quantiser.folder), ("exact", None)):
            outs = [base / name / window.key for window in windows]
            tasks = [EncodeTask(*paths) for paths in zip(embeddings, outs, strict=True)]
            for outcome in encode_many(tasks, folder):
                outcome.require()

    def pack(self, name: str, windows: Collection[Window] | None = None) -> Pack:
        asked = self.windows if windows is None else windows
        folders = [PackWindow(window, self.base / name / window.key, "v1") for window in asked]
        return Pack.open(folders, self.quantiser.folder if name == "tree" else None, "f", 0.9)

    def truth(self, query: Vectors, k: int, windows: Collection[Window]) -> list[float]:
        """The scores of the nearest photos of these windows."""
        parts = [
            open_npy(self.base / "exact" / window.key / "vectors.npy", np.int16, 2).read()
            for window in windows
        ]
        _, scores = exact_neighbours(np.concatenate(parts), query[None], k)
        return [float(score) for score in scores[0]]


@pytest.fixture(scope="module")
def shelf(
    quantiser: Quantiser,
    hours: Sequence[Window],
    draw_vectors: DrawVectors,
    make_embeddings: MakeEmbeddings,
    tmp_path_factory: pytest.TempPathFactory,
) -> Shelf:
    base = tmp_path_factory.mktemp("shelf")
    return Shelf(base, quantiser, hours[: len(COUNTS)], draw_vectors, make_embeddings)


@pytest.fixture(scope="module")
def packs(shelf: Shelf) -> dict[str, Pack]:
    return {name: shelf.pack(name) for name in ("tree", "exact")}


def rows_in(windows: Collection[Window], shelf: Shelf) -> int:
    return sum(COUNTS[shelf.windows.index(window)] for window in windows)


def check_hits(hits: Sequence[PackHit], windows: Collection[Window]) -> None:
    """What is true of any answer: its own windows, no photo twice, best first."""
    assert {hit.window for hit in hits} <= set(windows)
    assert len({hit.photo_id for hit in hits}) == len(hits)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    for hit in hits:
        assert hit.photo_id.startswith(f"{hit.window.start_text}/photo-")
        assert hit.window.start <= hit.listed_at < hit.window.end
        number = int(hit.photo_id.rpartition("-")[2])
        assert hit.listing_id == f"{hit.window.start_text}/listing-{number // 2}"


@settings(max_examples=120, deadline=None)
@given(
    asked=st.sets(st.integers(0, len(COUNTS) - 1), min_size=1),
    k=st.one_of(st.integers(1, 60), st.integers(1, 10_000)),
    seed=st.integers(0, 10**6),
)
def test_an_exact_pack_finds_what_brute_force_over_the_windows_finds(
    packs: dict[str, Pack], shelf: Shelf, asked: set[int], k: int, seed: int
) -> None:
    windows = [shelf.windows[at] for at in sorted(asked)]
    query = np.random.default_rng(seed).standard_normal(DIMENSION).astype(np.float32)

    hits = packs["exact"].search(query, k, windows)

    check_hits(hits, windows)
    truth = shelf.truth(query, k, windows)
    assert len(hits) == len(truth) == min(k, rows_in(windows, shelf))
    np.testing.assert_allclose([hit.score for hit in hits], truth, rtol=1e-3, atol=1e-3)


@settings(max_examples=120, deadline=None)
@given(
    asked=st.sets(st.integers(0, len(COUNTS) - 1), min_size=1),
    k=st.one_of(st.integers(1, 60), st.integers(1, 10_000)),
    seed=st.integers(0, 10**6),
)
def test_a_tree_pack_gives_k_hits_of_the_windows_asked_and_no_other(
    packs: dict[str, Pack], shelf: Shelf, asked: set[int], k: int, seed: int
) -> None:
    windows = [shelf.windows[at] for at in sorted(asked)]
    query = np.random.default_rng(seed).standard_normal(DIMENSION).astype(np.float32)

    hits = packs["tree"].search(query, k, windows)

    check_hits(hits, windows)
    assert len(hits) == min(k, rows_in(windows, shelf))


@pytest.mark.parametrize(
    "asked", [range(11), (5, 7), (7,), (9,), (3, 5, 6), (1, 2), (7, 8, 9), (0, 4, 9)]
)
def test_a_tree_pack_keeps_its_recall_when_windows_are_left_out(
    packs: dict[str, Pack], shelf: Shelf, asked: Sequence[int]
) -> None:
    windows = [shelf.windows[at] for at in asked]
    glued = shelf.base / "all"
    glue_indexes([shelf.base / "tree" / window.key for window in shelf.windows], glued)
    bits = open_npy(glued / "vectors.npy", np.int16, 2).map()

    found = wanted = 0
    for query in sample_queries(bits, 60, seed=4):
        truth = shelf.truth(query, 10, windows)
        scores = [hit.score for hit in packs["tree"].search(query, 10, windows)]
        found += sum(score >= truth[-1] - 1e-3 for score in scores)
        wanted += len(truth)

    assert found / wanted >= 0.88


def test_the_searchers_are_those_that_their_sizes_want(packs: dict[str, Pack]) -> None:
    assert isinstance(packs["tree"].searcher, TreeSearcher)
    assert isinstance(packs["exact"].searcher, ExactSearcher)
    assert packs["exact"].parameters is None
    assert packs["tree"].parameters is not None
    assert packs["tree"].parameters.recall >= 0.9


def test_a_pack_says_what_it_holds(packs: dict[str, Pack], shelf: Shelf) -> None:
    pack = packs["tree"]

    assert pack.rows == sum(COUNTS)
    assert list(pack.loaded) == shelf.windows
    assert [one.rows for one in pack.loaded.values()] == list(COUNTS)
    assert {one.version for one in pack.loaded.values()} == {"v1"}
    files = [
        path for window in shelf.windows for path in (shelf.base / "tree" / window.key).iterdir()
    ]
    assert pack.size_bytes == sum(path.stat().st_size for path in files)


def test_no_windows_named_means_all(packs: dict[str, Pack], shelf: Shelf) -> None:
    query = np.ones(DIMENSION, np.float32)

    for pack in packs.values():
        everything = pack.search(query, 25, shelf.windows)
        assert pack.search(query, 25) == everything
        assert pack.search(query, 25, []) == everything
        assert pack.search(query, 25, shelf.windows[::-1] * 2) == everything


def test_a_window_that_is_not_held_is_named(
    packs: dict[str, Pack], hours: Sequence[Window]
) -> None:
    with pytest.raises(WindowNotHeld, match="hourly/2026-11-22T00 is not in this pack"):
        packs["tree"].search(np.ones(DIMENSION, np.float32), 5, [hours[3], hours[24]])


@pytest.mark.parametrize("name", ["tree", "exact"])
def test_bad_queries_are_refused(packs: dict[str, Pack], name: str) -> None:
    pack = packs[name]
    nan = np.ones(DIMENSION, np.float32)
    nan[3] = np.nan

    for query, k in (
        (nan, 5),
        (np.ones(DIMENSION - 1, np.float32), 5),
        (np.ones((1, DIMENSION), np.float32), 5),
        (np.float32(1), 5),
        (np.array([]), 5),
        (np.ones(DIMENSION, np.float32), 0),
    ):
        with pytest.raises(InvalidQuery):
            pack.search(query, k)


def test_a_list_of_numbers_is_a_query_too(packs: dict[str, Pack]) -> None:
    assert len(packs["tree"].search([0.5] * DIMENSION, 3)) == 3


def test_windows_without_rows_are_held_and_answer_nothing(
    packs: dict[str, Pack], shelf: Shelf
) -> None:
    empty = [shelf.windows[0], shelf.windows[4]]

    with shelf.pack("tree", empty) as pack:
        assert pack.rows == 0
        assert pack.search(np.ones(DIMENSION, np.float32), 5) == []
        assert pack.search(np.ones(DIMENSION, np.float32), 5, empty[:1]) == []
    assert packs["tree"].search(np.ones(DIMENSION, np.float32), 5, empty) == []


def test_packs_that_make_no_sense_are_refused(
    shelf: Shelf, hours: Sequence[Window], tmp_path: Path
) -> None:
    day = hours[0].parent()
    assert day is not None
    one, other = shelf.windows[3], shelf.windows[5]

    with pytest.raises(IndexMismatch, match="at least one"):
        shelf.pack("tree", [])
    with pytest.raises(IndexMismatch, match="overlap"):
        shelf.pack("tree", [one, one])
    both = [PackWindow(w, shelf.base / "tree" / one.key, "v") for w in (day, other)]
    with pytest.raises(IndexMismatch, match=r"daily/2026-11-21 and hourly/2026-11-21T05 overlap"):
        Pack.open(both, shelf.quantiser.folder, "f", 0.9)
    mixed = [
        PackWindow(one, shelf.base / "tree" / one.key, "v"),
        PackWindow(other, shelf.base / "exact" / other.key, "v"),
    ]
    with pytest.raises(IndexMismatch, match="without codes"):
        Pack.open(mixed, shelf.quantiser.folder, "f", 0.9)


def test_a_pack_of_codes_is_searched_exactly_without_a_quantiser(shelf: Shelf) -> None:
    folders = [PackWindow(w, shelf.base / "tree" / w.key, "v1") for w in shelf.windows]

    with Pack.open(folders, None, "f", 0.9) as pack:
        assert isinstance(pack.searcher, ExactSearcher)


def test_a_pack_answers_on_when_the_names_of_its_files_are_gone(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(shelf.base / "tree", copy)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    folders = [PackWindow(w, copy / w.key, "v1") for w in shelf.windows]
    with Pack.open(folders, shelf.quantiser.folder, "f", 0.9) as pack:
        before = [pack.search(np.ones(DIMENSION), 20, w) for w in (None, shelf.windows[2:6])]

        shutil.rmtree(copy)

        assert list(temporary.iterdir()) == []  # the glued files were only for loading
        after = [pack.search(np.ones(DIMENSION), 20, w) for w in (None, shelf.windows[2:6])]
    assert before == after


def test_the_order_in_which_windows_are_named_does_not_matter(
    shelf: Shelf, packs: dict[str, Pack]
) -> None:
    with shelf.pack("tree", shelf.windows[::-1]) as pack:
        assert list(pack.loaded) == shelf.windows
        query = np.linspace(-1, 1, DIMENSION)
        assert pack.search(query, 30) == packs["tree"].search(query, 30)


def test_many_threads_ask_one_pack_at_once(
    packs: dict[str, Pack], shelf: Shelf, draw_vectors: DrawVectors
) -> None:
    queries = draw_vectors(200, seed=12)
    spans = [None, shelf.windows[5:6], shelf.windows[3:8], shelf.windows[9:]]
    asks = [(query, spans[at % 4]) for at, query in enumerate(queries)]
    alone = [packs["tree"].search(query, 10, windows) for query, windows in asks]

    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(lambda ask: packs["tree"].search(ask[0], 10, ask[1]), asks))

    assert together == alone
