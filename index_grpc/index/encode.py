"""Embeddings of a window to its index.

With a quantiser ScaNN gives every row its leaf and its codes, in a process of its own;
without one the index holds bfloat16 vectors only and ScaNN is not needed. Because a row's
code depends on that row alone, many windows are encoded in one call and cut apart again: a
year of hours, mostly small, costs what its rows cost and not 8,760 starts.
"""

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from index_grpc.errors import DamagedIndex, IndexGrpcError, WorkerDied
from index_grpc.index.bfloat16 import count_beyond, to_bfloat16
from index_grpc.index.index_files import (
    CODES,
    ROWS,
    TOKENS,
    VECTORS,
    EmbeddingsFolder,
    IndexFolder,
)
from index_grpc.index.npy_files import open_npy, write_npy
from index_grpc.index.quantiser import Quantiser, check_quantiser, require_dimension
from index_grpc.index.scann_process import ScannProcess
from photosearch.closing import Closing

BATCH_BYTES = 64 << 20
"""float32 bytes handed to ScaNN at once: 65,536 rows of 256 dimensions."""


@dataclass(frozen=True)
class EncodeTask:
    """One window to encode: its embeddings' folder and the folder its index goes to."""

    embeddings: Path
    out: Path


@dataclass(frozen=True)
class EncodedIndex:
    """An index that was written; ``size_bytes`` is the sum of its files."""

    folder: Path
    rows: int
    dimension: int
    size_bytes: int


@dataclass(frozen=True)
class EncodeOutcome:
    """What became of a task: either its index or the error that names its input."""

    task: EncodeTask
    index: EncodedIndex | None = None
    error: IndexGrpcError | None = None

    def require(self) -> EncodedIndex:
        """The index.

        Raises:
            IndexGrpcError: the error, if there is no index.
        """
        if self.error is not None:
            raise self.error
        assert self.index is not None
        return self.index


def encode_index(embeddings: Path, quantiser: Path | None, out: Path) -> EncodedIndex:
    """Encode one window; for many, keep an :class:`Encoder`.

    The same embeddings and quantiser give the same bytes.

    Raises:
        DamagedIndex: if the embeddings contradict themselves or are not finite.
        DamagedQuantiser: if the quantiser is damaged or for another dimension.
        WorkerDied: if ScaNN failed; ``out`` then holds no index.
    """
    with Encoder(quantiser) as encoder:
        return encoder.encode(embeddings, out)


def encode_many(tasks: Sequence[EncodeTask], quantiser: Path | None) -> list[EncodeOutcome]:
    """Encode many windows, the small ones together; one bad window spoils no other."""
    with Encoder(quantiser) as encoder:
        return list(encoder.encode_many(tasks))


class Encoder(Closing):
    """Encodes windows with one quantiser, or exactly without one; keeps its ScaNN process.

    Not for use from several threads.

    Raises:
        DamagedQuantiser: if ``quantiser`` is damaged.
    """

    def __init__(self, quantiser: Path | None) -> None:
        self.quantiser: Quantiser | None = None if quantiser is None else check_quantiser(quantiser)
        self.process = ScannProcess()

    def encode(self, embeddings: Path, out: Path) -> EncodedIndex:
        """Encode one window; see :func:`encode_index`."""
        return next(self.encode_many([EncodeTask(embeddings, out)])).require()

    def encode_many(self, tasks: Iterable[EncodeTask]) -> Iterator[EncodeOutcome]:
        """Encode ``tasks`` and yield their outcomes in the same order, batch by batch."""
        batch: list[_Loaded | EncodeOutcome] = []
        batch_bytes = 0
        for task in tasks:
            loaded = self._load(task)
            batch.append(loaded)
            if isinstance(loaded, _Loaded):
                batch_bytes += loaded.vectors.nbytes
            if batch_bytes >= BATCH_BYTES:
                yield from self._finish(batch)
                batch, batch_bytes = [], 0
        yield from self._finish(batch)

    def close(self) -> None:
        self.process.close()

    def _load(self, task: EncodeTask) -> "_Loaded | EncodeOutcome":
        try:
            embeddings = EmbeddingsFolder.open(task.embeddings)
            if self.quantiser is not None:
                require_dimension(self.quantiser, embeddings.dimension, embeddings.vectors.path)
            vectors = embeddings.read_vectors()
            bits = to_bfloat16(vectors)
            if count_beyond(bits):
                raise DamagedIndex(
                    f"{embeddings.vectors.path} has values beyond ±256",
                    remedy="embed the window again; its vectors should have unit length",
                )
        except IndexGrpcError as error:
            return EncodeOutcome(task, error=error)
        return _Loaded(task, vectors, bits)

    def _finish(self, batch: Sequence["_Loaded | EncodeOutcome"]) -> Iterator[EncodeOutcome]:
        loaded = [entry for entry in batch if isinstance(entry, _Loaded)]
        try:
            written = iter(self._write_all(loaded))
        except WorkerDied:
            # Which window it was shows when each has a call of its own.
            written = (self._write_alone(entry) for entry in loaded)
        for entry in batch:
            yield next(written) if isinstance(entry, _Loaded) else entry

    def _write_alone(self, entry: "_Loaded") -> EncodeOutcome:
        try:
            return self._write_all([entry])[0]
        except WorkerDied as error:
            return EncodeOutcome(entry.task, error=error)

    def _write_all(self, loaded: Sequence["_Loaded"]) -> list[EncodeOutcome]:
        if self.quantiser is None:
            return [entry.write(None, None) for entry in loaded]
        tokens, codes = self._codes(loaded)
        outcomes = []
        start = 0
        for entry in loaded:
            end = start + len(entry.vectors)
            outcomes.append(entry.write(tokens[start:end], codes[start:end]))
            start = end
        return outcomes

    def _codes(self, loaded: Sequence["_Loaded"]) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        """Leaves int32 [n] and codes uint8 [n, dim / 2] of all rows, one after the other."""
        assert self.quantiser is not None
        dimension = self.quantiser.dimension
        vectors = np.concatenate(
            [np.empty((0, dimension), np.float32), *(entry.vectors for entry in loaded)]
        )
        tokens = np.empty(len(vectors), np.int32)
        codes = np.empty((len(vectors), dimension // 2), np.uint8)
        at_once = max(1, BATCH_BYTES // (4 * dimension))
        names = ", ".join(str(entry.task.embeddings) for entry in loaded[:3])
        more = f" and {len(loaded) - 3} more" if len(loaded) > 3 else ""
        for start in range(0, len(vectors), at_once):
            part = slice(start, min(start + at_once, len(vectors)))
            with tempfile.TemporaryDirectory() as temporary:
                folder = Path(temporary)
                write_npy(folder / "dataset.npy", vectors[part])
                self.process.ask(
                    names + more,
                    do="encode",
                    dataset=str(folder / "dataset.npy"),
                    quantiser=str(self.quantiser.folder.resolve()),
                    out=temporary,
                )
                tokens[part] = open_npy(folder / "datapoint_to_token.npy", np.int32, 1).read()
                codes[part] = open_npy(folder / "hashed_dataset.npy", np.uint8, 2).read()
        return tokens, codes


@dataclass(frozen=True)
class _Loaded:
    """A task whose embeddings are sound and in memory."""

    task: EncodeTask
    vectors: NDArray[np.float32]
    bits: NDArray[np.int16]

    def write(
        self, tokens: NDArray[np.int32] | None, codes: NDArray[np.uint8] | None
    ) -> EncodeOutcome:
        out = self.task.out
        out.mkdir(parents=True, exist_ok=True)
        write_npy(out / VECTORS, self.bits)
        shutil.copyfile(self.task.embeddings / ROWS, out / ROWS)
        for name, array in ((TOKENS, tokens), (CODES, codes)):
            if array is None:
                (out / name).unlink(missing_ok=True)
            else:
                write_npy(out / name, array)
        try:
            index = IndexFolder.open(out)
        except DamagedIndex as error:
            return EncodeOutcome(self.task, error=error)
        return EncodeOutcome(
            self.task, EncodedIndex(out, index.rows, index.dimension, index.size_bytes)
        )
