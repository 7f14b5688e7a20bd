"""Small networks of one's own, as ONNX files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

Size = int | str


def write_means(
    path: Path,
    *,
    images: Sequence[Size] = ("n", 3, 64, 64),
    features: Sequence[Size] = ("n", 3),
    kind: int = onnx.TensorProto.FLOAT,
    inputs: int = 1,
    outputs: int = 1,
) -> Path:
    """A network that averages each channel."""
    axes = numpy_helper.from_array(np.array([2, 3]), "axes")
    nodes = [
        helper.make_node(
            "ReduceMean", ["images", "axes"], [f"features{n}"], keepdims=int(len(features) == 4)
        )
        for n in range(outputs)
    ]
    names = ["images", *(f"more{n}" for n in range(inputs - 1))]
    graph = helper.make_graph(
        nodes,
        "means",
        [helper.make_tensor_value_info(name, kind, images) for name in names],
        [helper.make_tensor_value_info(f"features{n}", kind, features) for n in range(outputs)],
        [axes],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    path.write_bytes(model.SerializeToString())
    return path


def write_convolutions(path: Path) -> Path:
    """A network of two convolutions for pictures of 64 x 64, with 40 features."""
    rng = np.random.default_rng(2)
    tensors = {
        "w1": rng.normal(0, 0.3, (16, 3, 3, 3)),
        "b1": rng.normal(0, 0.1, 16),
        "w2": rng.normal(0, 0.2, (40, 16, 1, 1)),
        "b2": rng.normal(0, 0.1, 40),
    }
    initial = [numpy_helper.from_array(v.astype(np.float32), k) for k, v in tensors.items()]
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["images", "w1", "b1"], ["maps"], strides=[2, 2]),
            helper.make_node("Relu", ["maps"], ["seen"]),
            helper.make_node("Conv", ["seen", "w2", "b2"], ["more"]),
            helper.make_node("Relu", ["more"], ["kept"]),
            helper.make_node("ReduceMean", ["kept", "axes"], ["features"], keepdims=0),
        ],
        "convolutions",
        [helper.make_tensor_value_info("images", onnx.TensorProto.FLOAT, ["n", 3, 64, 64])],
        [helper.make_tensor_value_info("features", onnx.TensorProto.FLOAT, ["n", 40])],
        [*initial, numpy_helper.from_array(np.array([2, 3]), "axes")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    path.write_bytes(model.SerializeToString())
    return path
