"""What a network of the user's own must look like, checked before a catalogue depends on it.

One input, float32 [n, 3, side, side], and one output, float32 [n, features]. The file is read by
ONNX Runtime itself, so the check needs no other package; every deviation says what was found and
how to mend it, since the alternative is an error in the middle of a backfill.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from photosearch.embedder.errors import EmbedderError
from photosearch.embedder.preprocessing import LARGEST_SIDE, SMALLEST_SIDE

_DEFAULT_SIDE = 224
_REMEDY = "export the pooled features of the network, see 'python -m photosearch.embedder.export'"


@dataclass(frozen=True)
class OnnxShape:
    """The sizes of a checked network."""

    side: int
    features: int


def check_onnx(path: Path) -> OnnxShape:
    """Check that ``path`` is a network that can be an embedder.

    Raises:
        EmbedderError: if it is not; names what was found, the limit and a remedy.
    """
    if not path.is_file():
        raise EmbedderError(
            f"there is no network {path}",
            found="a folder" if path.is_dir() else "no such file",
            remedy="use efficientnet_lite0, torchvision:NAME or the path of an ONNX file",
        )
    session = open_onnx(path)
    images = _only(session.get_inputs(), path, "input")
    features = _only(session.get_outputs(), path, "output")
    return OnnxShape(_side(images, path), _features(features, path))


def open_onnx(path: Path, options: Any = None) -> Any:
    """An ``onnxruntime.InferenceSession`` on the CPU.

    Raises:
        EmbedderError: if ONNX Runtime can't read the file.
    """
    import onnxruntime as ort

    if options is None:
        options = ort.SessionOptions()
        options.log_severity_level = 4  # what is wrong is in the error
    try:
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no common base
        raise EmbedderError(
            f"{path} is not a network that ONNX Runtime can run",
            found=f"{path.stat().st_size} bytes, {str(error).splitlines()[0][:300]}"
            if path.is_file()
            else "no such file",
            limit="one ONNX file with its weights inside",
            remedy=_REMEDY,
        ) from error


def _only(values: list[Any], path: Path, kind: str) -> Any:
    if len(values) != 1:
        raise EmbedderError(
            f"{path.name} has {len(values)} {kind}s",
            found=", ".join(value.name for value in values) or "none",
            limit=f"one {kind}",
            remedy=_REMEDY,
        )
    if values[0].type != "tensor(float)":
        raise EmbedderError(
            f"the {kind} {values[0].name!r} of {path.name} has the wrong type",
            found=values[0].type,
            limit="float32, tensor(float)",
            remedy=_REMEDY,
        )
    return values[0]


def _side(images: Any, path: Path) -> int:
    shape = images.shape
    square = len(shape) == 4 and shape[1] == 3 and (shape[2] == shape[3] or not _fixed(shape[2:]))
    if not square or shape[0] == 0 or (isinstance(shape[0], int) and shape[0] != 1):
        raise EmbedderError(
            f"the input {images.name!r} of {path.name} is no square photo",
            found=str(shape),
            limit="[n, 3, side, side], n open or 1",
            remedy=_REMEDY,
        )
    side = shape[2] if isinstance(shape[2], int) else _DEFAULT_SIDE
    if not SMALLEST_SIDE <= side <= LARGEST_SIDE:
        raise EmbedderError(
            f"the input {images.name!r} of {path.name} is too small or too large a photo",
            found=f"{side} x {side} pixels",
            limit=f"{SMALLEST_SIDE} to {LARGEST_SIDE} a side",
            remedy=_REMEDY,
        )
    return side


def _features(features: Any, path: Path) -> int:
    shape = features.shape
    if len(shape) != 2 or not _fixed(shape[1:]) or shape[1] < 2:
        raise EmbedderError(
            f"the output {features.name!r} of {path.name} is no vector a photo",
            found=str(shape),
            limit="[n, features], a fixed number of features, at least 2",
            remedy=_REMEDY,
        )
    return int(shape[1])


def _fixed(shape: list[Any]) -> bool:
    return all(isinstance(size, int) for size in shape)
