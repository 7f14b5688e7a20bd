"""From torch to ONNX: networks are exported once, here, and run everywhere without torch.

Needs the extra ``torch``. What torch writes beside the graph (module names, stack traces with
the exporting machine's paths) is removed, so that the file depends on the network alone.
To make an ONNX file of a network of your own, call :func:`export_network`.
"""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from photosearch.embedder.errors import torch_is_missing

if TYPE_CHECKING:
    import onnx
    from torch import nn

INPUT = "images"
OUTPUT = "features"


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


def _forget_origin(model: "onnx.ModelProto") -> None:
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    del graph.value_info[:]
