"""int8 must not depend on the processor, the threads, or the neighbours in a batch."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from photosearch.embedder.embedder import Embedder, open_session
from photosearch.embedder.quantise import count_saturating_channels
from photosearch.embedder.registry import SHIPPED, shipped_network
from photosearch.embedder.saturation import quantised, safe_scales, saturating_channels
from tests.embedder.pictures import whole_number_picture

STORED = Path(__file__).parent / "stored_vectors.npy"
_HAS_VNNI = "vnni" in Path("/proc/cpuinfo").read_text()


def _prepared(count: int) -> NDArray[np.float32]:
    prepare = shipped_network("int8").preprocessing.prepare
    return np.stack([prepare(whole_number_picture(n)) for n in range(count)])


def test_the_shipped_files_are_those_of_the_list() -> None:
    for line in (SHIPPED / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split()
        assert hashlib.sha256((SHIPPED / name).read_bytes()).hexdigest() == digest


def test_stored_vectors_come_out_again(embedder: Embedder) -> None:
    vectors = embedder.embed([whole_number_picture(n) for n in range(4)])

    np.testing.assert_allclose(vectors, np.load(STORED), rtol=0, atol=1e-6)


def test_int8_is_near_float() -> None:
    prepared = _prepared(6)

    exact = open_session(shipped_network("float32").model).run(prepared)
    rounded = open_session(shipped_network("int8").model).run(prepared)

    cosines = (exact * rounded).sum(1) / (
        np.linalg.norm(exact, axis=1) * np.linalg.norm(rounded, axis=1)
    )
    assert cosines.mean() >= 0.99


@pytest.mark.parametrize("precision", ["int8", "float32"])
def test_neither_threads_nor_batches_change_a_vector(precision: Any) -> None:
    model, prepared = shipped_network(precision).model, _prepared(8)

    alone = open_session(model, threads=1).run(prepared)

    assert np.array_equal(open_session(model, threads=2).run(prepared), alone)
    together = ort.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    assert np.array_equal(together.run(None, {"images": prepared})[0], alone)


def test_exact_kernels_find_the_same_vectors() -> None:
    prepared = _prepared(8)
    fast = open_session(shipped_network("int8").model, threads=1).run(prepared)
    model = onnx.load(shipped_network("int8").model)
    _with_uint8_weights(model)

    exact = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(
        None, {"images": prepared}
    )[0]

    assert np.array_equal(fast, exact)


def test_no_weights_of_the_shipped_network_can_saturate() -> None:
    assert count_saturating_channels(onnx.load(shipped_network("int8").model)) == 0


@pytest.mark.parametrize("shape", [(32, 64), (24, 7), (16, 32, 1, 1), (16, 3, 3, 3), (8, 12, 3, 3)])
def test_safe_scales_leave_no_pair_that_saturates(shape: tuple[int, ...]) -> None:
    weight = np.random.default_rng(5).normal(0, 1, shape)
    coarse = np.abs(weight).reshape(len(weight), -1).max(axis=1) / 127

    assert saturating_channels(quantised(weight, coarse)) > 0
    assert saturating_channels(quantised(weight, safe_scales(weight))) == 0
    assert (safe_scales(weight) <= 2.04 * coarse).all()


def test_the_worst_inputs_of_every_layer_are_added_exactly() -> None:
    model = onnx.load(shipped_network("int8").model)
    layers = list(_integer_layers(model))

    assert len(layers) == 49
    for weight, options in layers:
        _assert_exact(weight, options)


@pytest.mark.skipif(_HAS_VNNI, reason="this processor can't saturate")
def test_weights_at_full_range_would_saturate_on_this_machine() -> None:
    weight = np.zeros((8, 32, 1, 1), np.int8)
    weight[3, 4:6] = 65  # 2 x 65 x 255 is just too much for 16 bits

    with pytest.raises(AssertionError):
        _assert_exact(weight, {"kernel_shape": [1, 1]})


def _assert_exact(weight: NDArray[np.int8], options: dict[str, Any]) -> None:
    """Run a layer as ONNX Runtime does on the inputs that are worst for it, and compare.

    The worst are 255 wherever a channel's weights have one sign, 255 everywhere, and 255 at the
    one pair of neighbours that sums highest, where nothing else hides a loss.
    """
    kernel, groups = tuple(options["kernel_shape"]), options.get("group", 1)
    images = _worst_inputs(weight, kernel, groups)
    inputs = images.reshape(len(images), groups, weight.shape[1], *kernel).astype(np.int64)
    filters = weight.reshape(groups, -1, *weight.shape[1:]).astype(np.int64)
    sums = np.einsum("ngchw,gochw->ngo", inputs, filters).reshape(len(images), len(weight))

    # Powers of two scale exactly; the finer step sees a pair's loss, the coarser one every sum.
    for step in (256.0, 2 ** np.ceil(np.log2(max(1, np.abs(sums).max()) / 127))):
        for zero in (0, 128, 255):
            found = _run(images, weight, kernel, groups, step, zero)
            assert np.array_equal(found, np.clip(np.rint(sums / step) + zero, 0, 255))


def _worst_inputs(
    weight: NDArray[np.int8], kernel: tuple[int, ...], groups: int
) -> NDArray[np.uint8]:
    per_group = weight.shape[1]
    flat = weight.reshape(len(weight), -1).astype(np.int64)
    probes = [np.full((per_group * groups, *kernel), 255, np.uint8)]
    for sign in (1, -1):
        signed = np.maximum(sign * flat, 0)
        even = np.pad(signed, ((0, 0), (0, signed.shape[1] % 2)))
        pairs = even[:, 0::2] + even[:, 1::2]
        for output in np.argsort(pairs.max(axis=1))[-4:]:
            worst = np.zeros(even.shape[1], np.uint8)
            worst[2 * pairs[output].argmax() :][:2] = 255
            start = int(output) * groups // len(weight) * per_group
            for of_group in (worst[: flat.shape[1]], np.uint8(255) * (signed[output] > 0)):
                probe = np.zeros((per_group * groups, *kernel), np.uint8)
                probe[start : start + per_group] = of_group.reshape(per_group, *kernel)
                probes.append(probe)
    return np.stack(probes)


def _run(
    images: NDArray[np.uint8],
    weight: NDArray[np.int8],
    kernel: tuple[int, ...],
    groups: int,
    step: float,
    zero: int,
) -> NDArray[np.int64]:
    """One integer convolution in ONNX Runtime, its sums in steps around ``zero``."""
    constants = {
        "one": np.float32(1),
        "none": np.uint8(0),
        "weight": weight,
        "ones": np.ones(len(weight), np.float32),
        "zeros": np.zeros(len(weight), np.int8),
        "step": np.float32(step),
        "zero": np.uint8(zero),
    }
    node = helper.make_node(
        "QLinearConv",
        ["images", "one", "none", "weight", "ones", "zeros", "step", "zero"],
        ["sums"],
        kernel_shape=kernel,
        group=groups,
    )
    graph = helper.make_graph(
        [node],
        "layer",
        [helper.make_tensor_value_info("images", onnx.TensorProto.UINT8, images.shape)],
        [helper.make_tensor_value_info("sums", onnx.TensorProto.UINT8, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    sums = session.run(None, {"images": images})[0].astype(np.int64)
    return np.asarray(sums.reshape(len(images), -1))


def _integer_layers(model: onnx.ModelProto) -> Any:
    tensors = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    makers = {name: node for node in model.graph.node for name in node.output}
    for node in model.graph.node:
        if node.op_type == "Conv":
            options = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            yield tensors[makers[node.input[1]].input[0]], options


def _with_uint8_weights(model: onnx.ModelProto) -> None:
    """Shift all weights by 128: the same network for kernels that never saturate."""
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type != "DequantizeLinear" or node.input[0] not in tensors:
            continue
        weight = numpy_helper.to_array(tensors[node.input[0]])
        if weight.dtype == np.int8:
            shifted = (weight.astype(np.int16) + 128).astype(np.uint8)
            zeros = np.full(numpy_helper.to_array(tensors[node.input[2]]).shape, 128, np.uint8)
            tensors[node.input[0]].CopyFrom(numpy_helper.from_array(shifted, node.input[0]))
            tensors[node.input[2]].CopyFrom(numpy_helper.from_array(zeros, node.input[2]))
