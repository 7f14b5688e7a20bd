"""A network run by ONNX Runtime, one photo at a time.

Batching does not help a convolutional network on a CPU (measured), and one photo a call means
that a photo's vector can't depend on its neighbours. The optimisation level is pinned because
it decides which kernels run and so the last bits of a vector; the number of threads does not,
since kernels share out results and never the terms of one sum (tested).
"""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photosearch.embedder.onnx_input import open_onnx


class OnnxSession:
    """Runs a model file; safe to call from several threads at once."""

    batch = 1

    def __init__(self, model: Path, *, threads: int = 0, alone: bool = True) -> None:
        """Load ``model``; ``threads`` compute one photo, 0 for one a core.

        Threads wait for the next photo by spinning, unless others need the cores (not
        ``alone``): then they stop when a photo is done.

        Raises:
            EmbedderError: if ONNX Runtime can't read the file.
        """
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.intra_op_num_threads = threads or len(os.sched_getaffinity(0))
        options.inter_op_num_threads = 1
        if not alone:
            options.add_session_config_entry("session.force_spinning_stop", "1")
        options.log_severity_level = 3
        self._session = open_onnx(model, options)
        self._input: str = self._session.get_inputs()[0].name

    def run(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features float32 [n, d] of prepared photos float32 [n, 3, side, side]."""
        rows = [self._session.run(None, {self._input: image[None]})[0] for image in images]
        return np.concatenate(rows)
