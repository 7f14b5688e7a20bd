"""Static int8: one vector on every machine, at the speed of each.

ONNX Runtime's static quantisation (QDQ, one scale an output channel, uint8 activations) does
most of it. Three things are mended in its graph:

* Weights get scales at which no kernel saturates, see :mod:`photosearch.embedder.saturation`.
* Biases take up the mean error that rounding the weights makes, from the mean input of each
  channel; this gains more cosine to float than the saturation-free scales cost (measured).
* The last average is taken over integers and scaled afterwards. Sums of integers are exact in
  float32, so the result does not depend on the order in which a machine adds.

Needs ``onnx`` (the extra ``torch``); the shipped network was quantised ahead and needs nothing.
"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from photosearch.embedder.errors import EmbedderError
from photosearch.embedder.saturation import quantised, safe_scales, saturating_channels

if TYPE_CHECKING:
    import onnx

# Sums, activations and what lies between convolutions; not normalisation, softmax or averages.
_QUANTISED_OPERATORS = ["Conv", "Gemm", "MatMul", "Add", "Mul", "Relu", "Clip", "MaxPool", "Concat"]
_AVERAGES = ("ReduceMean", "GlobalAveragePool")
_LARGEST_BIAS = 2**30
_PICTURES_FOR_MEANS = 48


def quantise_network(source: Path, target: Path, prepared: Sequence[NDArray[np.float32]]) -> None:
    """Write the int8 version of the float network ``source`` to ``target``.

    ``prepared``: photos as the network reads them, float32 [3, side, side] each.

    Raises:
        EmbedderError: if ``onnx`` is missing, or the network is quantised already.
    """
    try:
        import onnx
        from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
        from onnxruntime.quantization.shape_inference import quant_pre_process
    except ImportError as error:
        raise EmbedderError(
            "making an int8 network needs a package that is not installed",
            found="no onnx",
            remedy="pip install 'photosearch[torch]', or set embedder_precision to float32",
        ) from error
    if any(node.op_type == "QuantizeLinear" for node in onnx.load(source).graph.node):
        raise EmbedderError(
            f"{source.name} is quantised already",
            remedy="set embedder_precision to float32 to run it as it is",
        )
    with tempfile.TemporaryDirectory() as scratch:
        plain, rough = Path(scratch) / "plain.onnx", Path(scratch) / "rough.onnx"
        quant_pre_process(source, plain, skip_symbolic_shape=True)
        quantize_static(
            plain,
            rough,
            _Reader(plain, prepared),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=_QUANTISED_OPERATORS,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        network, quantised_network = onnx.load(plain), onnx.load(rough)
    _mend_weights(quantised_network, network, _mean_inputs(network, prepared[:_PICTURES_FOR_MEANS]))
    _average_integers(quantised_network)
    onnx.checker.check_model(quantised_network)
    target.write_bytes(quantised_network.SerializeToString(deterministic=True))


def count_saturating_channels(model: "onnx.ModelProto") -> int:
    """Output channels of an int8 model whose products can saturate without VNNI."""
    return sum(
        saturating_channels(layer.as_rows(layer.weight))
        for layer in _layers(model)
        if not _is_depthwise(layer)
    )


@dataclass
class _Layer:
    """A node of int8 weights that a saturating kernel may run."""

    node: "onnx.NodeProto"
    weight: NDArray[Any]
    transposed: bool  # the weight is [inputs, outputs]

    def as_rows(self, weight: NDArray[Any]) -> NDArray[Any]:
        """``weight`` with its output channels first."""
        return weight.T if self.transposed else weight


def _layers(model: "onnx.ModelProto") -> Iterator[_Layer]:
    from onnx import helper, numpy_helper

    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    makers = {name: node for node in model.graph.node for name in node.output}
    for node in model.graph.node:
        if node.op_type not in ("Conv", "Gemm", "MatMul"):
            continue
        maker = makers.get(node.input[1])
        if maker is None or maker.input[0] not in tensors:
            continue  # a product of two activations: uint8 by uint8, exact everywhere
        weight = numpy_helper.to_array(tensors[maker.input[0]])
        options = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        yield _Layer(
            node,
            weight,
            transposed=node.op_type == "MatMul"
            or (node.op_type == "Gemm" and not options.get("transB", 0)),
        )


def _is_depthwise(layer: _Layer) -> bool:
    """Depthwise convolutions have kernels of their own, which are exact (measured)."""
    groups = [a.i for a in layer.node.attribute if a.name == "group"]
    return bool(groups) and groups[0] == len(layer.weight) and layer.weight.shape[1] == 1


def _mend_weights(
    model: "onnx.ModelProto",
    network: "onnx.ModelProto",
    mean_inputs: dict[str, NDArray[np.float64]],
) -> None:
    """Give weights safe scales and let biases take up the mean error of rounding."""
    from onnx import numpy_helper

    exact = {t.name: numpy_helper.to_array(t) for t in network.graph.initializer}
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    makers = {name: node for node in model.graph.node for name in node.output}

    def put(name: str, values: NDArray[Any]) -> None:
        tensors[name].CopyFrom(numpy_helper.from_array(values, name))

    for layer in _layers(model):
        weight_maker = makers[layer.node.input[1]]
        name = weight_maker.input[0].removesuffix("_quantized")
        rows = layer.as_rows(exact[name]).astype(np.float64)
        if _is_depthwise(layer):
            scales = np.abs(rows).reshape(len(rows), -1).max(axis=1) / 127
            scales = np.where(scales > 0, scales, 1.0)
        else:
            scales = safe_scales(rows)
        bias_maker = makers.get(layer.node.input[2]) if len(layer.node.input) > 2 else None
        if bias_maker is not None:
            step = float(numpy_helper.to_array(tensors[makers[layer.node.input[0]].input[1]]))
            bias = exact[bias_maker.input[0].removesuffix("_quantized")].astype(np.float64)
            scales = np.maximum(scales, np.abs(bias) / (step * _LARGEST_BIAS))
        scales = scales.astype(np.float32).astype(np.float64)
        whole = quantised(rows, scales)
        put(weight_maker.input[0], layer.as_rows(whole))
        put(weight_maker.input[1], scales.astype(np.float32))
        if bias_maker is not None:
            lost = rows - whole * scales.reshape(-1, *[1] * (rows.ndim - 1))
            bias = bias + _mean_error(lost, mean_inputs.get(name), layer)
            steps = (step * scales).astype(np.float32)
            put(bias_maker.input[0], np.rint(bias / steps).astype(np.int32))
            put(bias_maker.input[1], steps)


def _mean_error(
    lost: NDArray[np.float64], mean_input: NDArray[np.float64] | None, layer: _Layer
) -> NDArray[np.float64] | float:
    """What an output channel lacks on the average when its weights lack ``lost``."""
    if mean_input is None:
        return 0.0
    taps = lost.reshape(*lost.shape[:2], -1).sum(axis=2)
    if _is_depthwise(layer):
        return np.asarray(taps[:, 0] * mean_input, np.float64)
    if taps.shape[1] != len(mean_input):  # groups: each sees its own inputs
        groups = len(mean_input) // taps.shape[1]
        seen = mean_input.reshape(groups, -1).repeat(len(taps) // groups, axis=0)
        return np.asarray((taps * seen).sum(axis=1), np.float64)
    return np.asarray(taps @ mean_input, np.float64)


def _mean_inputs(
    network: "onnx.ModelProto", prepared: Sequence[NDArray[np.float32]]
) -> dict[str, NDArray[np.float64]]:
    """The mean of each input channel of each convolution, by the name of its weights."""
    import onnx
    import onnxruntime as ort

    of_weight = {n.input[1]: n.input[0] for n in network.graph.node if n.op_type == "Conv"}
    image = network.graph.input[0].name
    names = [name for name in dict.fromkeys(of_weight.values()) if name != image]
    open_network = onnx.ModelProto()
    open_network.CopyFrom(network)
    open_network.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names
    )
    session = ort.InferenceSession(
        open_network.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    sums: dict[str, NDArray[np.float64]] = {}
    for planes in prepared:
        inner = session.run(names, {image: planes[None]}) if names else []  # none would mean all
        seen = [planes[None], *inner]
        for name, values in zip([image, *names], seen, strict=True):
            mean = values.mean(axis=(0, 2, 3), dtype=np.float64)
            sums[name] = sums[name] + mean if name in sums else mean
    return {weight: sums[name] / len(prepared) for weight, name in of_weight.items()}


def _average_integers(model: "onnx.ModelProto") -> None:
    """Move the scale of what is averaged behind the average."""
    from onnx import helper, numpy_helper

    graph = model.graph
    makers = {name: node for node in graph.node for name in node.output}
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    for place, node in reversed(list(enumerate(graph.node))):
        maker = makers.get(node.input[0]) if node.op_type in _AVERAGES else None
        if maker is None or maker.op_type != "DequantizeLinear":
            continue
        if sum(maker.output[0] in other.input for other in graph.node) > 1:
            continue
        scale = numpy_helper.to_array(tensors[maker.input[1]])
        one, average = f"{node.output[0]}_one", f"{node.output[0]}_in_steps"
        graph.initializer.append(numpy_helper.from_array(np.ones_like(scale), one))
        multiply = helper.make_node(
            "Mul", [average, maker.input[1]], [node.output[0]], f"{node.name}_scale"
        )
        maker.input[1], node.output[0] = one, average
        graph.node.insert(place + 1, multiply)


class _Reader:
    """Hands prepared photos to ONNX Runtime's calibration."""

    def __init__(self, model: Path, prepared: Sequence[NDArray[np.float32]]) -> None:
        import onnx

        self._input = onnx.load(model).graph.input[0].name
        self._left = iter(prepared)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        planes = next(self._left, None)
        return None if planes is None else {self._input: planes[None]}
