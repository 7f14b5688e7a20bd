"""A network run by torch: what embeds batches on a GPU.

torch runs the very file whose digest is in the fingerprint, node by node, not a second copy of
the network in torch's own format, so the two can't come apart. The operators are those that
exported image networks consist of; a file with others is refused with their names. Products are
taken in full float32, and a batch is always filled up to the same size, because a GPU chooses its
algorithm by the shape and a photo's vector must not depend on how many came with it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from photosearch.embedder.errors import EmbedderError, torch_is_missing

if TYPE_CHECKING:
    from torch import Tensor

_Operator = Callable[[list[Any], dict[str, Any]], Any]


class TorchSession:
    """Runs a float32 model file on ``device``."""

    def __init__(self, model: Path, *, device: str = "cuda", batch: int = 32) -> None:
        """Load ``model``.

        Raises:
            EmbedderError: if torch is missing or the file has operators unknown here.
        """
        try:
            import onnx
            import torch
            from onnx import helper, numpy_helper
        except ImportError as error:
            raise torch_is_missing("embedding on a GPU") from error
        graph = onnx.load(model).graph
        self.batch = batch
        self._device = torch.device(device)
        self._operators = _operators()
        self._input = graph.input[0].name
        self._output = graph.output[0].name
        self._constants = {
            tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy()).to(self._device)
            for tensor in graph.initializer
        }
        self._nodes = [
            (
                n.op_type,
                n.input,
                n.output[0],
                {a.name: helper.get_attribute_value(a) for a in n.attribute},
            )
            for n in graph.node
        ]
        unknown = sorted({kind for kind, *_ in self._nodes} - set(self._operators))
        if unknown:
            raise EmbedderError(
                f"{model.name} can't run in torch",
                found=f"the operators {', '.join(unknown)}",
                limit=", ".join(sorted(self._operators)),
                remedy="set embed_device to cpu; ONNX Runtime runs every operator",
            )
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False

    def run(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features float32 [n, d] of at most ``batch`` photos float32 [n, 3, side, side]."""
        import torch

        filled = np.zeros((self.batch, *images.shape[1:]), np.float32)
        filled[: len(images)] = images
        values: dict[str, Tensor] = dict(self._constants)
        values[self._input] = torch.from_numpy(filled).to(self._device)
        with torch.inference_mode():
            for kind, inputs, output, options in self._nodes:
                arguments = [values[name] if name else None for name in inputs]
                values[output] = self._operators[kind](arguments, options)
        features: NDArray[np.float32] = values[self._output][: len(images)].cpu().numpy()
        return features


def _operators() -> dict[str, _Operator]:
    """What each ONNX operator is in torch: (inputs, attributes) to the first output."""
    import torch
    from torch.nn import functional

    def clip(x: list[Any], _: dict[str, Any]) -> "Tensor":
        low, high = (*x[1:], None, None)[:2]
        return torch.clamp(x[0], low, high)

    def gemm(x: list[Any], a: dict[str, Any]) -> "Tensor":
        left = x[0].T if a.get("transA") else x[0]
        right = x[1].T if a.get("transB") else x[1]
        product = a.get("alpha", 1.0) * (left @ right)
        return product + a.get("beta", 1.0) * x[2] if len(x) > 2 else product

    def reduce_mean(x: list[Any], a: dict[str, Any]) -> "Tensor":
        return torch.mean(x[0], dim=x[1].tolist(), keepdim=bool(a.get("keepdims", 1)))

    def max_pool(x: list[Any], a: dict[str, Any]) -> "Tensor":
        return functional.max_pool2d(
            _padded(x[0], a, float("-inf")),
            a["kernel_shape"],
            a.get("strides", [1, 1]),
            dilation=a.get("dilations", [1, 1]),
            ceil_mode=bool(a.get("ceil_mode", 0)),
        )

    return {
        "Conv": _convolve,
        "Gemm": gemm,
        "MatMul": lambda x, _: x[0] @ x[1],
        "Add": lambda x, _: x[0] + x[1],
        "Sub": lambda x, _: x[0] - x[1],
        "Mul": lambda x, _: x[0] * x[1],
        "Div": lambda x, _: x[0] / x[1],
        "Clip": clip,
        "Relu": lambda x, _: functional.relu(x[0]),
        "Sigmoid": lambda x, _: torch.sigmoid(x[0]),
        "HardSigmoid": lambda x, a: torch.clamp(
            a.get("alpha", 0.2) * x[0] + a.get("beta", 0.5), 0, 1
        ),
        "HardSwish": lambda x, _: functional.hardswish(x[0]),
        "Gelu": lambda x, a: functional.gelu(
            x[0], approximate=a.get("approximate", b"none").decode()
        ),
        "Softmax": lambda x, a: torch.softmax(x[0], dim=a.get("axis", -1)),
        "LayerNormalization": lambda x, a: functional.layer_norm(
            x[0], x[1].shape, x[1], x[2], a.get("epsilon", 1e-5)
        ),
        "MaxPool": max_pool,
        "GlobalAveragePool": lambda x, _: torch.mean(x[0], dim=(2, 3), keepdim=True),
        "ReduceMean": reduce_mean,
        "Concat": lambda x, a: torch.cat(x, dim=a["axis"]),
        "Flatten": lambda x, a: torch.flatten(x[0], a.get("axis", 1)),
        "Identity": lambda x, _: x[0],
        "Reshape": _reshape,
        "Transpose": lambda x, a: x[0].permute(a["perm"]),
    }


def _convolve(x: list[Any], a: dict[str, Any]) -> Any:
    from torch.nn import functional

    return functional.conv2d(
        _padded(x[0], a, 0.0),
        x[1],
        x[2] if len(x) > 2 else None,
        stride=a.get("strides", [1, 1]),
        dilation=a.get("dilations", [1, 1]),
        groups=a.get("group", 1),
    )


def _padded(image: Any, a: dict[str, Any], filling: float) -> Any:
    from torch.nn import functional

    top, left, bottom, right = a.get("pads", [0, 0, 0, 0])
    if not any((top, left, bottom, right)):
        return image
    return functional.pad(image, (left, right, top, bottom), value=filling)


def _reshape(x: list[Any], _: dict[str, Any]) -> Any:
    wanted = x[1].tolist()
    return x[0].reshape([size or x[0].shape[place] for place, size in enumerate(wanted)])
