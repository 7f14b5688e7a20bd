"""The shared quantiser: one partitioner and codebook for all windows of a fingerprint.

Trained once on a sample of the catalogue. Under it a row's code depends on that row alone,
which is what lets hours be encoded apart and glued for ever. The folder carries the digests
of its files, because ScaNN loads a flipped bit without a word, and copies of the centres as
plain arrays, so that recall can be measured without ScaNN.
"""

import json
import math
import shutil
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from index_grpc.errors import DamagedIndex, DamagedQuantiser, UnfitTraining
from index_grpc.index.npy_files import open_npy, write_npy
from index_grpc.index.scann_files import CODEBOOK, CONFIG, PARTITIONER
from index_grpc.index.scann_process import ScannProcess
from photosearch.files.digest import sha256_of

CARD = "quantiser.json"
CENTROIDS = "centroids.npy"
CENTRES = "codebook.npy"
FILES = (CODEBOOK, PARTITIONER, CONFIG, CENTROIDS, CENTRES)

ROWS_A_LEAF = 180
"""Fewer sample rows for a leaf cost recall (measured: 90 cost .015)."""

MIN_TRAINING_ROWS = 100
_REMEDY = "train the quantiser anew"


class QuantiserCard(BaseModel):
    """What a quantiser is; lies beside its files as ``quantiser.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dimension: int
    leaves: int
    sample_rows: int
    sha256: dict[str, str]


@dataclass(frozen=True)
class Quantiser:
    """A checked quantiser's folder."""

    folder: Path
    card: QuantiserCard

    @property
    def dimension(self) -> int:
        return self.card.dimension

    @property
    def leaves(self) -> int:
        return self.card.leaves

    @cached_property
    def centroids(self) -> NDArray[np.float32]:
        """The centre of each leaf, float32 [leaves, dim]."""
        return open_npy(self.folder / CENTROIDS, np.float32, 2).read()

    @cached_property
    def codebook(self) -> NDArray[np.float32]:
        """The centres of each block of two dimensions, float32 [dim / 2, 16, 2]."""
        return open_npy(self.folder / CENTRES, np.float32, 3).read()


def leaves_for(sample_rows: int, largest_pack_rows: int) -> int:
    """About 2 × √rows of the largest pack, with at least 180 sample rows for each leaf."""
    wanted = round(2 * math.sqrt(largest_pack_rows))
    return max(1, min(wanted, sample_rows // ROWS_A_LEAF))


def train_quantiser(
    vectors: NDArray[np.float32],
    folder: Path,
    *,
    leaves: int | None = None,
    largest_pack_rows: int | None = None,
    sample_rows: int = 100_000,
    seed: int = 0,
) -> Quantiser:
    """Train on ``vectors`` (float32 [rows, dim]) in a process of its own; fill ``folder``.

    More than ``sample_rows`` vectors are sampled with ``seed``. Without ``leaves``, their
    number follows ``largest_pack_rows``, which is the number of vectors by default.
    Two trainings on the same rows differ a little (ScaNN seeds itself). Peaks at about 3.5 ×
    the sample's bytes.

    Raises:
        UnfitTraining: if there are too few vectors, their dimension is odd, or one is not
            finite.
        WorkerDied: if ScaNN fails.
    """
    rows, dimension = _require_fit(vectors)
    if rows > sample_rows:
        chosen = np.sort(np.random.default_rng(seed).choice(rows, sample_rows, replace=False))
        sample = np.ascontiguousarray(vectors[chosen], np.float32)
    else:
        sample = np.ascontiguousarray(vectors, np.float32)
    if not np.isfinite(sample).all():
        raise UnfitTraining(
            "vectors to train a quantiser on must be finite",
            found=f"{np.count_nonzero(~np.isfinite(sample).all(axis=1))} rows with NaN or infinity",
            remedy="embed their windows again",
        )
    if leaves is None:
        leaves = leaves_for(len(sample), largest_pack_rows or rows)
    elif not 1 <= leaves <= len(sample):
        raise UnfitTraining(
            "a quantiser needs at least one leaf and a sample row for each",
            found=f"{leaves} leaves",
            limit=f"{len(sample)} rows",
        )
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary, ScannProcess() as process:
        work = Path(temporary)
        write_npy(work / "sample.npy", sample)
        answer = process.ask(
            f"{len(sample)} vectors for a quantiser",
            do="train",
            vectors=str(work / "sample.npy"),
            leaves=leaves,
            out=temporary,
        )
        for name in FILES:
            shutil.copyfile(work / name, folder / name)
    card = QuantiserCard(
        dimension=dimension,
        leaves=int(answer["leaves"]),
        sample_rows=len(sample),
        sha256={name: sha256_of(folder / name) for name in FILES},
    )
    (folder / CARD).write_text(json.dumps(card.model_dump(), indent=1, sort_keys=True) + "\n")
    return check_quantiser(folder)


def check_quantiser(folder: Path) -> Quantiser:
    """Open a quantiser's folder after checking its digests and shapes.

    Raises:
        DamagedQuantiser: naming the file that is missing, altered or contradicts the card.
    """
    try:
        card = QuantiserCard.model_validate_json((folder / CARD).read_bytes())
    except OSError as error:
        raise DamagedQuantiser(
            f"{folder / CARD} can't be read: {error.strerror}", remedy=_REMEDY
        ) from error
    except ValidationError as error:
        raise DamagedQuantiser(
            f"{folder / CARD} does not describe a quantiser", found=str(error), remedy=_REMEDY
        ) from error
    for name in FILES:
        path = folder / name
        found = sha256_of(path) if path.exists() else "no file"
        if found != card.sha256.get(name):
            raise DamagedQuantiser(
                f"{path} should have the SHA-256 {card.sha256.get(name)}",
                found=found,
                remedy=_REMEDY,
            )
    try:
        centroids = open_npy(folder / CENTROIDS, np.float32, 2).shape
        codebook = open_npy(folder / CENTRES, np.float32, 3).shape
    except DamagedIndex as error:
        raise DamagedQuantiser(error.what, found=error.found, remedy=_REMEDY) from error
    if centroids != (card.leaves, card.dimension) or codebook != (card.dimension // 2, 16, 2):
        raise DamagedQuantiser(
            f"the centres in {folder} should be for {card.leaves} leaves "
            f"of {card.dimension} dimensions",
            found=f"{list(centroids)} and {list(codebook)}",
            remedy=_REMEDY,
        )
    return Quantiser(folder, card)


def require_dimension(quantiser: Quantiser, dimension: int, what: object) -> None:
    """Refuse rows of another dimension than the quantiser's.

    Raises:
        DamagedQuantiser: naming both.
    """
    if dimension != quantiser.dimension:
        raise DamagedQuantiser(
            f"{what} has {dimension} dimensions, the quantiser {quantiser.folder} is for "
            f"{quantiser.dimension}",
            remedy="use the quantiser of the same fingerprint",
        )


def _require_fit(vectors: NDArray[np.float32]) -> tuple[int, int]:
    if vectors.ndim != 2 or len(vectors) < MIN_TRAINING_ROWS:
        raise UnfitTraining(
            "a quantiser is trained on vectors [rows, dim]",
            found=f"shape {list(vectors.shape)}",
            limit=f"at least {MIN_TRAINING_ROWS} rows",
            remedy="stay with exact search until there are more (quantiser_min_photos)",
        )
    rows, dimension = vectors.shape
    if dimension < 2 or dimension % 2:
        raise UnfitTraining(
            "a quantiser takes two dimensions a block, so their number must be even",
            found=f"{dimension} dimensions",
            remedy="change projection_dimensions",
        )
    return rows, dimension
