"""Which network ``embedder_network`` means.

``efficientnet_lite0`` is shipped ready, in both precisions. ``torchvision:NAME`` is any
torchvision backbone with a weights file. Anything else is the path of an ONNX file. All of them
end as one float or int8 ONNX file, which is what runs, is kept and is fingerprinted.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from photosearch.embedder import efficientnet_lite0
from photosearch.embedder.embedder_file import OutputTreatment
from photosearch.embedder.errors import EmbedderError
from photosearch.embedder.onnx_input import check_onnx
from photosearch.embedder.preprocessing import Preprocessing
from photosearch.settings.home import expanded
from photosearch.settings.settings import Settings

DEFAULT_NETWORK = "efficientnet_lite0"
SHIPPED = Path(__file__).parent / "networks" / DEFAULT_NETWORK
Precision = Literal["int8", "float32"]

_TORCHVISION = "torchvision:"
_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Network:
    """A network ready to run: an ONNX file and how photos are prepared for it."""

    name: str
    model: Path
    precision: Precision
    preprocessing: Preprocessing
    features: int
    output: OutputTreatment


def resolve_network(settings: Settings, work_dir: Path) -> Network:
    """The network that ``settings`` name; what has to be made for it is made in ``work_dir``.

    A network other than the default comes in float32, whatever ``embedder_precision`` says.

    Raises:
        EmbedderError: if there is no such network or it can't be an embedder.
    """
    named = settings.embedder_network
    if named == DEFAULT_NETWORK:
        if settings.embedder_weights is not None:
            raise EmbedderError(
                f"{DEFAULT_NETWORK} comes with its weights",
                found=f"embedder_weights = {settings.embedder_weights}",
                remedy="remove embedder_weights, or set embedder_network to torchvision:NAME",
            )
        return shipped_network(settings.embedder_precision)
    if named.startswith(_TORCHVISION):
        return _from_torchvision(named, settings, work_dir)
    return _from_file(named, settings, work_dir)


def shipped_network(precision: Precision) -> Network:
    """The default network."""
    return Network(
        name=DEFAULT_NETWORK,
        model=SHIPPED / f"{precision}.onnx",
        precision=precision,
        preprocessing=DEFAULT_PREPROCESSING,
        features=efficientnet_lite0.FEATURES,
        output="root_unit_length",
    )


DEFAULT_PREPROCESSING = Preprocessing(
    side=efficientnet_lite0.INPUT_SIDE,
    mean=(efficientnet_lite0.MEAN,) * 3,
    std=(efficientnet_lite0.STD,) * 3,
)


def _from_torchvision(named: str, settings: Settings, work_dir: Path) -> Network:
    from photosearch.embedder.export import export_network
    from photosearch.embedder.torchvision_network import build_backbone

    weights = settings.embedder_weights
    network, preprocessing = build_backbone(
        named.removeprefix(_TORCHVISION),
        None if weights is None else settings.base_dir / expanded(weights),
    )
    model = work_dir / "network.onnx"
    export_network(network, preprocessing.side, model)
    return Network(
        name=named,
        model=model,
        precision="float32",
        preprocessing=preprocessing.model_copy(
            update={
                "mean": settings.embedder_mean or preprocessing.mean,
                "std": settings.embedder_std or preprocessing.std,
            }
        ),
        features=check_onnx(model).features,
        output="unit_length",
    )


def _from_file(named: str, settings: Settings, work_dir: Path) -> Network:
    source = settings.base_dir / expanded(named)
    check_onnx(source)
    # The copy alone is what the repository keeps: one that needs a second file fails here.
    model = work_dir / "network.onnx"
    shutil.copyfile(source, model)
    shape = check_onnx(model)
    return Network(
        name=source.name,
        model=model,
        precision="float32",
        preprocessing=Preprocessing(
            side=shape.side,
            mean=settings.embedder_mean or _IMAGENET_MEAN,
            std=settings.embedder_std or _IMAGENET_STD,
        ),
        features=shape.features,
        output="unit_length",
    )
