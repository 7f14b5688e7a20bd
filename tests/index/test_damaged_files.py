"""Damaged files give an error that names them, never a dead process."""

import gc
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from index_grpc.errors import DamagedIndex
from index_grpc.index.encode import encode_index
from index_grpc.index.glue import glue_indexes
from index_grpc.index.index_files import CODES, ROWS, TOKENS, VECTORS, EmbeddingsFolder
from index_grpc.index.npy_files import open_npy, write_npy
from index_grpc.index.pack import Pack, PackWindow
from index_grpc.index.quantiser import Quantiser
from index_grpc.index.search import open_searcher
from photosearch.windows import Window
from tests.index.conftest import DrawVectors, MakeEmbeddings

ROW_COUNT = 2500  # enough to be searched as a tree


@pytest.fixture(scope="module")
def sound(
    quantiser: Quantiser,
    draw_vectors: DrawVectors,
    make_embeddings: MakeEmbeddings,
    hours: Sequence[Window],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Embeddings and their index."""
    base = tmp_path_factory.mktemp("sound")
    make_embeddings(base / "embeddings", draw_vectors(ROW_COUNT), hours[0])
    encode_index(base / "embeddings", quantiser.folder, base / "index")
    return base


@pytest.fixture
def index(sound: Path, tmp_path: Path) -> Path:
    """A copy to damage; its embeddings lie beside it."""
    shutil.copytree(sound, tmp_path, dirs_exist_ok=True)
    return tmp_path / "index"


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0" * 64)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def remove(path: Path) -> None:
    path.unlink()


def scribble(path: Path) -> None:
    path.write_bytes(b"\x93NUMPY\x01\x00\x76\x00{'descr': __import__('os')" + b"x" * 200)


def claim_more_rows(path: Path) -> None:
    """A header that names ten times the rows that follow."""
    content = path.read_bytes()
    start = content.index(b"(") + 1
    end = content.index(b",", start)
    number = str(int(content[start:end]) * 10).encode()
    padding = len(number) - (end - start)
    line = content.index(b"\n")
    path.write_bytes(content[:start] + number + content[end : line - padding] + content[line:])


def claim_negative_rows(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content.replace(b"(2500", b"(-250", 1))


def as_float64(path: Path) -> None:
    write_npy(path, np.load(path).astype(np.float64))


def as_pickles(path: Path) -> None:
    np.save(path, np.array([{"a": 1}] * ROW_COUNT, dtype=object), allow_pickle=True)


def in_fortran_order(path: Path) -> None:
    np.save(path, np.asfortranarray(np.load(path)))


def without_last_row(path: Path) -> None:
    write_npy(path, np.load(path)[:-1])


def set_to(value: int) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        array = np.load(path)
        array.reshape(-1)[123] = value
        write_npy(path, array)

    change.__name__ = f"set_to_{value}"
    return change


def without_last_line(path: Path) -> None:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


def with_one_line_more(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines, lines[-1]]))


DAMAGE = [
    *(
        (name, damage)
        for name in (VECTORS, TOKENS, CODES)
        for damage in (
            truncate,
            lengthen,
            empty,
            remove,
            scribble,
            claim_more_rows,
            claim_negative_rows,
            as_float64,
            as_pickles,
            without_last_row,
        )
    ),
    (VECTORS, in_fortran_order),
    (CODES, in_fortran_order),
    (VECTORS, set_to(0x7FC0)),  # NaN
    (VECTORS, set_to(-128)),  # minus infinity: 0xFF80
    (VECTORS, set_to(0x7F00)),  # 1.7e38: a flipped bit in an exponent
    (TOKENS, set_to(-1)),
    (TOKENS, set_to(24)),
    (TOKENS, set_to(2**31 - 1)),
    (CODES, set_to(16)),
    (CODES, set_to(255)),
    (ROWS, truncate),
    (ROWS, remove),
    (ROWS, empty),
    (ROWS, without_last_line),
    (ROWS, with_one_line_more),
]


@pytest.mark.parametrize(
    ("name", "damage"), DAMAGE, ids=[f"{name}-{damage.__name__}" for name, damage in DAMAGE]
)
def test_damage_is_named_when_an_index_is_opened_glued_or_packed(
    index: Path,
    quantiser: Quantiser,
    hours: Sequence[Window],
    name: str,
    damage: Callable[[Path], None],
    tmp_path: Path,
) -> None:
    damage(index / name)

    with pytest.raises(DamagedIndex) as opened:
        open_searcher(index, quantiser.folder)
    with pytest.raises(DamagedIndex):
        Pack.open([PackWindow(hours[0], index, "1")], quantiser.folder, "f", 0.9)
    if (name, damage.__name__) != (TOKENS, "set_to_24"):  # gluing does not know the leaves
        with pytest.raises((DamagedIndex,)):
            glue_indexes([index, index], tmp_path / "glued")
    assert str(index) in str(opened.value)
    assert opened.value.remedy


@pytest.mark.parametrize("damage", [truncate, empty, remove, as_float64, as_pickles])
def test_damaged_embeddings_are_named(
    index: Path, quantiser: Quantiser, damage: Callable[[Path], None], tmp_path: Path
) -> None:
    damage(tmp_path / "embeddings" / VECTORS)

    with pytest.raises(DamagedIndex, match=VECTORS):
        encode_index(tmp_path / "embeddings", quantiser.folder, tmp_path / "other")


def test_embeddings_need_a_row_for_each_vector(index: Path, tmp_path: Path) -> None:
    without_last_line(tmp_path / "embeddings" / ROWS)

    with pytest.raises(DamagedIndex, match=r"2500 vectors: found 2499 rows"):
        EmbeddingsFolder.open(tmp_path / "embeddings")


def test_a_vectors_file_cut_short_while_it_is_served_gives_an_error(
    index: Path, quantiser: Quantiser, hours: Sequence[Window]
) -> None:
    with Pack.open([PackWindow(hours[0], index, "1")], quantiser.folder, "f", 0.9) as pack:
        with (index / VECTORS).open("r+b") as file:
            file.truncate(5000)

        with pytest.raises(DamagedIndex, match="became shorter"):
            pack.loaded[hours[0]].scores(np.zeros(32, np.float32))


FUZZ = """
import sys
from pathlib import Path
import numpy as np
from index_grpc.errors import IndexGrpcError
from index_grpc.index.search import open_searcher

index, quantiser = Path(sys.argv[1]), Path(sys.argv[2])
draw = np.random.default_rng(0)
refused = 0
for name in ("vectors.npy", "tokens.npy", "codes.npy", "rows.jsonl"):
    path = index / name
    sound = path.read_bytes()
    for turn in range(25):
        content = bytearray(sound)
        where = draw.integers(128 if turn % 2 else len(content), size=3)
        for at in where:
            content[at] ^= 1 << int(draw.integers(8))
        path.write_bytes(content)
        try:
            searcher = open_searcher(index, quantiser)
            searcher.search(draw.standard_normal((2, 32)).astype(np.float32), 10)
        except IndexGrpcError:
            refused += 1
    path.write_bytes(sound)
print(refused)
"""


def test_flipped_bits_never_kill_the_process(index: Path, quantiser: Quantiser) -> None:
    # Bits in values are the manifest's to find; here headers and values only must not crash.
    run = subprocess.run(
        [sys.executable, "-c", FUZZ, str(index), str(quantiser.folder)],
        capture_output=True,
        text=True,
        timeout=100,
    )

    assert run.returncode == 0, run.stderr[-2000:]
    assert int(run.stdout) >= 30


def test_reading_an_npy_file_gives_what_was_written(tmp_path: Path) -> None:
    array = np.arange(12, dtype=np.int32).reshape(3, 4)
    write_npy(tmp_path / "a.npy", array)

    file = open_npy(tmp_path / "a.npy", np.int32, 2)

    assert np.array_equal(file.read(), array)
    assert np.array_equal(file.map(), array)
    assert np.array_equal(np.load(tmp_path / "a.npy", allow_pickle=False), array)
    assert file.size_bytes == (tmp_path / "a.npy").stat().st_size


def test_files_are_sound_for_many_threads_at_once(tmp_path: Path) -> None:
    write_npy(tmp_path / "a.npy", np.zeros((1, 1280), np.int16))

    def let_others_run(_phase: str, _info: object) -> None:
        time.sleep(1e-5)  # as a destructor does that closes a file, in the midst of a parse

    before = gc.get_threshold()
    gc.callbacks.append(let_others_run)
    gc.set_threshold(10, 1, 1)
    try:
        with ThreadPoolExecutor(4) as threads:
            files = threads.map(lambda _: open_npy(tmp_path / "a.npy", np.int16, 2), range(1000))
            assert {file.shape for file in files} == {(1, 1280)}
    finally:
        gc.set_threshold(*before)
        gc.callbacks.remove(let_others_run)
