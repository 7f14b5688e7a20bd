"""Encode once, glue for ever: the bytes are the same whichever way an index is made."""

import os
import signal
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from index_grpc.errors import (
    DamagedIndex,
    DamagedQuantiser,
    IndexMismatch,
    WorkerDied,
)
from index_grpc.index import index_files
from index_grpc.index.bfloat16 import from_bfloat16, to_bfloat16
from index_grpc.index.encode import Encoder, EncodeTask, encode_index, encode_many
from index_grpc.index.glue import glue_indexes
from index_grpc.index.index_files import CODES, ROWS, TOKENS, VECTORS, IndexFolder
from index_grpc.index.npy_files import open_npy, write_npy
from index_grpc.index.quantiser import Quantiser
from index_grpc.index.rows import write_rows
from index_grpc.index.scann_process import ScannProcess
from photosearch.windows import Window
from tests.index.conftest import DrawVectors, MakeEmbeddings, rows_of

COUNTS = (7, 0, 130, 1, 64, 0, 400, 33)


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture
def hour_tasks(
    hours: Sequence[Window],
    draw_vectors: DrawVectors,
    make_embeddings: MakeEmbeddings,
    tmp_path: Path,
) -> list[EncodeTask]:
    """Two days whose hours have from 0 to 400 rows."""
    return [
        EncodeTask(
            make_embeddings(
                tmp_path / "embeddings" / hour.key,
                draw_vectors(COUNTS[at % len(COUNTS)], seed=at),
                hour,
            ),
            tmp_path / "index" / hour.key,
        )
        for at, hour in enumerate(hours)
    ]


def all_at_once(tasks: Sequence[EncodeTask], hours: Sequence[Window], folder: Path) -> Path:
    """The embeddings of all tasks as those of one window."""
    folder.mkdir()
    vectors = [open_npy(task.embeddings / VECTORS, np.float32, 2).read() for task in tasks]
    write_npy(folder / VECTORS, np.concatenate(vectors))
    rows = [
        row for hour, part in zip(hours, vectors, strict=True) for row in rows_of(hour, len(part))
    ]
    write_rows(folder / ROWS, rows)
    return folder


@pytest.mark.parametrize("exact", [False, True], ids=["quantised", "exact"])
def test_a_month_glued_from_days_glued_from_hours_equals_its_rows_encoded_at_once(
    exact: bool,
    quantiser: Quantiser,
    hour_tasks: list[EncodeTask],
    hours: Sequence[Window],
    tmp_path: Path,
) -> None:
    with_quantiser = None if exact else quantiser.folder
    at_once = all_at_once(hour_tasks, hours, tmp_path / "at_once")

    for outcome in encode_many(hour_tasks, with_quantiser):
        outcome.require()
    days = [tmp_path / "day0", tmp_path / "day1"]
    for day, tasks in zip(days, (hour_tasks[:24], hour_tasks[24:]), strict=True):
        glue_indexes([task.out for task in tasks], day)
    glued = glue_indexes(days, tmp_path / "month")
    encoded = encode_index(at_once, with_quantiser, tmp_path / "encoded")

    assert glued.rows == encoded.rows == 6 * sum(COUNTS)
    assert glued.size_bytes == encoded.size_bytes
    assert bytes_of(tmp_path / "month") == bytes_of(tmp_path / "encoded")
    assert set(bytes_of(tmp_path / "month")) == (
        {VECTORS, ROWS} if exact else {VECTORS, ROWS, TOKENS, CODES}
    )


def test_an_hour_encoded_alone_or_again_has_the_bytes_it_has_among_many(
    quantiser: Quantiser, hour_tasks: list[EncodeTask], tmp_path: Path
) -> None:
    encode_many(hour_tasks, quantiser.folder)

    for at in (0, 1, 2, 6):
        encode_index(hour_tasks[at].embeddings, quantiser.folder, tmp_path / "alone")
        assert bytes_of(tmp_path / "alone") == bytes_of(hour_tasks[at].out)


def test_batches_of_any_size_give_the_same_bytes(
    quantiser: Quantiser,
    hour_tasks: list[EncodeTask],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    encode_many(hour_tasks, quantiser.folder)
    small = [EncodeTask(task.embeddings, tmp_path / "small" / task.out.name) for task in hour_tasks]

    monkeypatch.setattr(
        "index_grpc.index.encode.BATCH_BYTES", 90 * 4 * 32
    )  # cuts hours in two as well
    encode_many(small, quantiser.folder)

    for one, other in zip(hour_tasks, small, strict=True):
        assert bytes_of(one.out) == bytes_of(other.out)


def test_our_bfloat16_is_scanns_to_the_bit(quantiser: Quantiser, tmp_path: Path) -> None:
    draw = np.random.default_rng(5)
    vectors = draw.standard_normal((4000, 32)).astype(np.float32)
    bits = vectors.view(np.uint32)
    bits[:2000] = (bits[:2000] & np.uint32(0xFFFF0000)) | np.uint32(0x8000)  # halfway cases
    write_npy(tmp_path / "dataset.npy", vectors)

    with ScannProcess() as process:
        process.ask(
            "a test",
            do="encode",
            dataset=str(tmp_path / "dataset.npy"),
            quantiser=str(quantiser.folder),
            out=str(tmp_path),
        )

    theirs = open_npy(tmp_path / "bfloat16_dataset.npy", np.int16, 2).read()
    assert np.array_equal(to_bfloat16(vectors), theirs)
    assert np.allclose(from_bfloat16(theirs), vectors, rtol=2**-8)


def test_an_empty_window_is_an_index_of_no_rows(
    quantiser: Quantiser, hour_tasks: list[EncodeTask]
) -> None:
    encoded = encode_index(hour_tasks[1].embeddings, quantiser.folder, hour_tasks[1].out)

    assert encoded.rows == 0
    index = IndexFolder.open(encoded.folder)
    assert index.has_codes
    assert index.codes is not None
    assert index.codes.shape == (0, 16)


def test_one_bad_window_among_many_is_named_and_spoils_no_other(
    quantiser: Quantiser, hour_tasks: list[EncodeTask]
) -> None:
    bad = hour_tasks[2]
    vectors = open_npy(bad.embeddings / VECTORS, np.float32, 2).read()
    vectors[3, 3] = np.nan
    write_npy(bad.embeddings / VECTORS, vectors)

    outcomes = encode_many(hour_tasks, quantiser.folder)

    failed = [outcome for outcome in outcomes if outcome.error is not None]
    assert [outcome.task for outcome in outcomes] == hour_tasks
    assert [outcome.task for outcome in failed] == [bad]
    assert str(bad.embeddings) in str(failed[0].error)
    assert "the first is row 3" in str(failed[0].error)
    assert not bad.out.exists()


def test_vectors_of_another_dimension_than_the_quantisers_are_refused(
    quantiser: Quantiser,
    draw_vectors: DrawVectors,
    make_embeddings: MakeEmbeddings,
    hours: Sequence[Window],
    tmp_path: Path,
) -> None:
    folder = make_embeddings(tmp_path / "embeddings", draw_vectors(10, 64), hours[0])

    with pytest.raises(DamagedQuantiser, match="64 dimensions"):
        encode_index(folder, quantiser.folder, tmp_path / "index")


def test_values_far_beyond_unit_length_are_refused(
    quantiser: Quantiser, hour_tasks: list[EncodeTask]
) -> None:
    task = hour_tasks[0]
    vectors = open_npy(task.embeddings / VECTORS, np.float32, 2).read()
    vectors[0, 0] = 3e38
    write_npy(task.embeddings / VECTORS, vectors)

    with pytest.raises(DamagedIndex, match="beyond"):
        encode_index(task.embeddings, quantiser.folder, task.out)


def test_a_window_that_kills_scann_is_named_and_the_others_are_encoded(
    quantiser: Quantiser, hour_tasks: list[EncodeTask], monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = hour_tasks[2]
    vectors = open_npy(bad.embeddings / VECTORS, np.float32, 2).read()
    vectors[:] = np.nan
    write_npy(bad.embeddings / VECTORS, vectors)
    # Let the NaN through, as a bug in our checks would: ScaNN then dies of it.
    monkeypatch.setattr(
        index_files.EmbeddingsFolder, "read_vectors", lambda folder: folder.vectors.read()
    )
    monkeypatch.setattr("index_grpc.index.encode.count_beyond", lambda bits: 0)

    outcomes = encode_many(hour_tasks[:5], quantiser.folder)

    assert [outcome.error is None for outcome in outcomes] == [True, True, False, True, True]
    assert isinstance(outcomes[2].error, WorkerDied)
    assert str(bad.embeddings) in str(outcomes[2].error)
    assert "SIG" in str(outcomes[2].error)


def test_a_worker_that_was_killed_between_two_windows_is_replaced(
    quantiser: Quantiser, hour_tasks: list[EncodeTask]
) -> None:
    with Encoder(quantiser.folder) as encoder:
        encoder.encode(hour_tasks[0].embeddings, hour_tasks[0].out)
        first = encoder.process.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)

        encoder.encode(hour_tasks[2].embeddings, hour_tasks[2].out)

        assert encoder.process.pid not in (None, first)


def test_an_exact_window_starts_no_process(hour_tasks: list[EncodeTask]) -> None:
    with Encoder(None) as encoder:
        encoder.encode(hour_tasks[0].embeddings, hour_tasks[0].out)

        assert encoder.process.pid is None


def test_indexes_with_and_without_codes_are_not_glued(
    quantiser: Quantiser, hour_tasks: list[EncodeTask], tmp_path: Path
) -> None:
    encode_index(hour_tasks[0].embeddings, quantiser.folder, tmp_path / "a")
    encode_index(hour_tasks[2].embeddings, None, tmp_path / "b")

    with pytest.raises(IndexMismatch, match="without codes"):
        glue_indexes([tmp_path / "a", tmp_path / "b"], tmp_path / "glued")
    with pytest.raises(IndexMismatch, match="at least one"):
        glue_indexes([], tmp_path / "glued")


def test_encoding_exactly_again_removes_the_codes_of_before(
    quantiser: Quantiser, hour_tasks: list[EncodeTask], tmp_path: Path
) -> None:
    encode_index(hour_tasks[0].embeddings, quantiser.folder, tmp_path / "a")

    encode_index(hour_tasks[0].embeddings, None, tmp_path / "a")

    assert not IndexFolder.open(tmp_path / "a").has_codes
