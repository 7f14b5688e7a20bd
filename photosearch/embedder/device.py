"""Where batches are embedded, chosen at run time."""

from collections.abc import Callable

from photosearch.embedder.errors import EmbedderError


def choose_device(
    setting: str, cuda_available: Callable[[], bool], *, precision: str = "float32"
) -> str:
    """``"cpu"`` or ``"cuda"`` for the setting ``embed_device``.

    ``auto`` takes a GPU when there is one and the network is float32: int8 graphs are made for
    CPUs. ``cuda_available`` is asked only when the answer matters.

    Raises:
        EmbedderError: if ``cuda`` is demanded and can't be had.
    """
    if setting == "cpu" or (setting == "auto" and precision != "float32"):
        return "cpu"
    if setting == "auto":
        return "cuda" if cuda_available() else "cpu"
    if precision != "float32":
        raise EmbedderError(
            "an int8 network can't run on a GPU",
            found=f"embed_device = cuda, embedder_precision = {precision}",
            remedy="set embedder_precision to float32 or embed_device to auto",
        )
    if not cuda_available():
        raise EmbedderError(
            "embed_device is cuda but there is no usable GPU",
            found="no CUDA device that torch can use",
            remedy="set embed_device to auto or install the extra torch on a machine with a GPU",
        )
    return "cuda"
