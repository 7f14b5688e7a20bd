"""EfficientNet-Lite0, written out, for exporting it from torch.

The weights' package brings no model code, and its companion package prints while it runs and
loads weights from the network. The architecture is small enough to state here: MBConv blocks
with ReLU6 and without squeeze-and-excitation, stem and head of fixed width. The weights come
from TensorFlow, so padding is TensorFlow's SAME: an even input with stride 2 is padded at the
bottom and right only. Symmetric padding shifts every map by half a step and costs accuracy
without any error.

Batch normalisation is folded into the convolutions in float64 before export, so that the graph
is convolutions, clips and additions, which is what static quantisation wants.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn

INPUT_SIDE = 224
FEATURES = 1280
MEAN = 0.498
STD = 0.502

_BATCH_NORM_EPSILON = 1e-3
# kernel, stride, expansion, output channels; in the order of the weights' ``_blocks``.
_BLOCKS = (
    (3, 1, 1, 16),
    (3, 2, 6, 24), (3, 1, 6, 24),
    (5, 2, 6, 40), (5, 1, 6, 40),
    (3, 2, 6, 80), (3, 1, 6, 80), (3, 1, 6, 80),
    (5, 1, 6, 112), (5, 1, 6, 112), (5, 1, 6, 112),
    (5, 2, 6, 192), (5, 1, 6, 192), (5, 1, 6, 192), (5, 1, 6, 192),
    (3, 1, 6, 320),
)  # fmt: skip
_STEM_CHANNELS = 32


def build_network(weights: Mapping[str, "Tensor"], *, classifier: bool = False) -> "nn.Module":
    """The network with ``weights`` (the package's state dict), in evaluation mode.

    Maps float32 [n, 3, 224, 224] to the pooled features float32 [n, 1280], or with
    ``classifier`` to the 1000 ImageNet logits.

    Raises:
        KeyError: if ``weights`` lack a tensor.
        RuntimeError: if a tensor has another shape than the network's.
    """
    from torch import nn

    layers: list[nn.Module] = [
        *_convolution(weights, "_conv_stem", "_bn0", 3, _STEM_CHANNELS, 3, stride=2),
        nn.ReLU6(),
    ]
    channels = _STEM_CHANNELS
    for number, (kernel, stride, expansion, out_channels) in enumerate(_BLOCKS):
        layers.append(
            _mbconv(weights, f"_blocks.{number}", channels, out_channels, kernel, stride, expansion)
        )
        channels = out_channels
    layers += [*_convolution(weights, "_conv_head", "_bn1", channels, FEATURES, 1), nn.ReLU6()]
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    if classifier:
        head = nn.Linear(FEATURES, 1000)
        head.load_state_dict({"weight": weights["_fc.weight"], "bias": weights["_fc.bias"]})
        layers.append(head)
    return nn.Sequential(*layers).eval()


def _mbconv(
    weights: Mapping[str, "Tensor"],
    name: str,
    in_channels: int,
    out_channels: int,
    kernel: int,
    stride: int,
    expansion: int,
) -> "nn.Module":
    from torch import nn

    wide = in_channels * expansion
    steps: list[nn.Module] = []
    if expansion > 1:
        steps += [
            *_convolution(weights, f"{name}._expand_conv", f"{name}._bn0", in_channels, wide, 1),
            nn.ReLU6(),
        ]
    steps += [
        *_convolution(
            weights,
            f"{name}._depthwise_conv",
            f"{name}._bn1",
            wide,
            wide,
            kernel,
            stride=stride,
            groups=wide,
        ),
        nn.ReLU6(),
        *_convolution(weights, f"{name}._project_conv", f"{name}._bn2", wide, out_channels, 1),
    ]

    class Residual(nn.Sequential):  # type: ignore[misc]  # torch is untyped here
        def forward(self, images: "Tensor") -> "Tensor":
            return images + super().forward(images)

    whole = Residual if stride == 1 and in_channels == out_channels else nn.Sequential
    return whole(*steps)


def _convolution(
    weights: Mapping[str, "Tensor"],
    name: str,
    norm: str,
    in_channels: int,
    out_channels: int,
    kernel: int,
    *,
    stride: int = 1,
    groups: int = 1,
) -> list["nn.Module"]:
    """Padding (when it is uneven), and the convolution with its batch norm folded in."""
    import torch
    from torch import nn

    scale = weights[f"{norm}.weight"].double() / torch.sqrt(
        weights[f"{norm}.running_var"].double() + _BATCH_NORM_EPSILON
    )
    weight = weights[f"{name}.weight"].double() * scale[:, None, None, None]
    bias = weights[f"{norm}.bias"].double() - weights[f"{norm}.running_mean"].double() * scale

    # SAME at stride 2 on an even side pads kernel - 2 in all, the odd one at the end.
    before, after = (kernel - stride) // 2, (kernel - stride + 1) // 2
    layers: list[nn.Module] = []
    if before != after:
        layers.append(nn.ZeroPad2d((before, after, before, after)))
    convolution = nn.Conv2d(
        in_channels,
        out_channels,
        kernel,
        stride=stride,
        padding=before if before == after else 0,
        groups=groups,
    )
    convolution.load_state_dict({"weight": weight.float(), "bias": bias.float()})
    return [*layers, convolution]
