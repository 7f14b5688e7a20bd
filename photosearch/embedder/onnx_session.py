"""A network run by ONNX Runtime, one photo at a time.

Batching does not help a convolutional network on a CPU (measured), and one photo a call means
that a photo's vector can't depend on its neighbours. The optimisation level is pinned because
it decides which kernels run and so the last bits of a vector.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photosearch.embedder.errors import EmbedderError


class OnnxSession:
    """Runs a model file; safe to call from several threads at once."""

    batch = 1

    def __init__(self, model: Path, *, threads: int = 0) -> None:
        """Load ``model``; ``threads`` compute one photo, 0 for one a core.

        Raises:
            EmbedderError: if ONNX Runtime can't read the file.
        """
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.intra_op_num_threads = threads or (os.cpu_count() or 1)
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session: Any = ort.InferenceSession(
                str(model), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime raises many types without a common base
            raise EmbedderError(
                f"{model} is not a network that ONNX Runtime can run",
                found=str(error).splitlines()[0][:300],
                limit="an ONNX file",
                remedy="export the network to ONNX, see 'python -m photosearch.embedder.export'",
            ) from error
        self._input = self._session.get_inputs()[0].name

    def run(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features float32 [n, d] of prepared photos float32 [n, 3, side, side]."""
        rows = [
            self._session.run(None, {self._input: images[i : i + 1]})[0] for i in range(len(images))
        ]
        return np.concatenate(rows) if rows else np.zeros((0, 0), np.float32)
