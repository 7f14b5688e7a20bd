"""Which network ``embedder_network`` means.

``efficientnet_lite0`` is shipped ready, in both precisions. ``torchvision:NAME`` is any
torchvision backbone with a weights file. Anything else is the path of an ONNX file.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from photosearch.embedder import efficientnet_lite0
from photosearch.embedder.errors import EmbedderError
from photosearch.embedder.preprocessing import Preprocessing
from photosearch.settings import Settings

DEFAULT_NETWORK = "efficientnet_lite0"
SHIPPED = Path(__file__).parent / "networks"


@dataclass(frozen=True)
class Network:
    """A network ready to run: an ONNX file and how photos are prepared for it."""

    name: str
    model: Path
    precision: Literal["int8", "float32"]
    preprocessing: Preprocessing
    features: int


def resolve_network(settings: Settings) -> Network:
    """The network that ``settings`` name.

    Raises:
        EmbedderError: if there is no such network.
    """
    if settings.embedder_network == DEFAULT_NETWORK:
        return shipped_network(settings.embedder_precision)
    raise EmbedderError(
        f"there is no network {settings.embedder_network!r}",
        remedy=f"use {DEFAULT_NETWORK}, torchvision:NAME or the path of an ONNX file",
    )


def shipped_network(precision: Literal["int8", "float32"]) -> Network:
    """The default network."""
    mean, std = efficientnet_lite0.MEAN, efficientnet_lite0.STD
    return Network(
        name=DEFAULT_NETWORK,
        model=SHIPPED / DEFAULT_NETWORK / f"{precision}.onnx",
        precision=precision,
        preprocessing=Preprocessing(
            side=efficientnet_lite0.INPUT_SIDE, mean=(mean,) * 3, std=(std,) * 3
        ),
        features=efficientnet_lite0.FEATURES,
    )
