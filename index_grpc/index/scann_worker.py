"""The process in which ScaNN trains and encodes: ``python -m index_grpc.index.scann_worker``.

ScaNN can end its process without a word, and frees a training's memory late. Here that
costs one request, not the run. A request is a line of JSON that names folders, an answer is
another; vectors go through files. The process ends when its standard input does, so it
never outlives the step that started it.
"""

import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from index_grpc.index.npy_files import open_npy, write_npy
from index_grpc.index.scann_files import DATASET_TYPE, lay_out_tree, read_centroids, read_codebook

TRAINING_ITERATIONS = 12
NOISE_SHAPING_THRESHOLD = 0.2
"""Quantisation error along a vector counts more than across it; right for dot products."""


def encode(request: dict[str, Any]) -> dict[str, Any]:
    """Encode ``dataset`` (.npy, float32 [n, dim]) with ``quantiser``; write into ``out``."""
    from scann import scann_ops_pybind

    out = Path(request["out"])
    with tempfile.TemporaryDirectory(dir=out) as folder:
        lay_out_tree(
            Path(folder), Path(request["quantiser"]), {DATASET_TYPE: Path(request["dataset"])}
        )
        searcher = scann_ops_pybind.load_searcher(folder)
        searcher.serialize(str(out), relative_path=True)
    return {}


def train(request: dict[str, Any]) -> dict[str, Any]:
    """Train on ``vectors`` (.npy, float32 [n, dim]) with ``leaves``; write into ``out``."""
    import scann
    from scann import scann_ops_pybind

    vectors = open_npy(Path(request["vectors"]), np.float32, 2).read()
    leaves = int(request["leaves"])
    out = Path(request["out"])
    searcher = (
        scann_ops_pybind.builder(vectors, 10, "dot_product")
        .tree(
            leaves,
            min(leaves, 40),
            training_sample_size=len(vectors),
            training_iterations=TRAINING_ITERATIONS,
            min_partition_size=1,
        )
        .score_ah(
            2,
            anisotropic_quantization_threshold=NOISE_SHAPING_THRESHOLD,
            training_sample_size=len(vectors),
        )
        .reorder(100, quantize=scann.ReorderType.BFLOAT16)
        .build()
    )
    searcher.serialize(str(out), relative_path=True)
    centroids = read_centroids(out)
    write_npy(out / "centroids.npy", centroids)
    write_npy(out / "codebook.npy", read_codebook(out))
    return {"leaves": len(centroids)}


_WORK: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {"encode": encode, "train": train}


def main() -> None:
    """Answer requests until standard input ends."""
    # Whatever the libraries print must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = _WORK[request["do"]](request)
        except ImportError as error:
            answer = {"error": str(error), "missing": error.name}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
