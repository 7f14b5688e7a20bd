"""Any torchvision backbone by name, as the features it pools.

What classifies is taken off: the module after the pooling (``fc``, ``classifier``, ``heads`` or
``head``) is replaced by a mean over what is left of the map, so a weights file fine-tuned on
other classes loads as well. The weights come from a file, since an embedder must not depend on a
download.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from photosearch.embedder.errors import EmbedderError, torch_is_missing
from photosearch.embedder.preprocessing import Preprocessing

if TYPE_CHECKING:
    from torch import nn

_HEADS = ("fc", "classifier", "heads", "head")
_AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")


def build_backbone(name: str, weights: Path | None) -> tuple["nn.Module", Preprocessing]:
    """The torchvision network ``name`` without its classifier, and its preprocessing.

    ``weights``: a file with the network's state dict (``torch.save(model.state_dict(), file)``).

    Raises:
        EmbedderError: if torch is missing, there is no such network, or the weights don't fit.
    """
    try:
        import torch
        from torch import nn
        from torchvision import models
    except ImportError as error:
        raise torch_is_missing(f"the network torchvision:{name}") from error
    if name not in models.list_models(module=models):
        raise EmbedderError(
            f"torchvision has no classification network {name!r}",
            remedy="use a name that torchvision.models.list_models() gives",
        )
    if weights is None:
        raise EmbedderError(
            f"the network torchvision:{name} has no weights",
            found="embedder_weights is not set",
            limit="a file with the network's state dict",
            remedy="set embedder_weights to a file that torch.save(model.state_dict(), file) wrote",
        )
    network = models.get_model(name, weights=None, **_quick_start(name))
    head = next(head for head in _HEADS if hasattr(network, head))
    setattr(network, head, _pooling())
    if isinstance(getattr(network, "avgpool", None), nn.AdaptiveAvgPool2d):
        network.avgpool = nn.AdaptiveAvgPool2d(1)  # AlexNet and VGG keep 6 x 6 and 7 x 7 of a map
    state = _read(weights, torch)
    for key in [key for key in state if key.startswith((f"{head}.", *_AUXILIARY))]:
        del state[key]  # in place: the dict carries versions that some networks ask for
    try:
        found = network.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise _misfit(weights, name, str(error).splitlines()[1].strip()) from error
    missing = [key for key in found.missing_keys if not key.startswith(_AUXILIARY)]
    if missing or found.unexpected_keys:
        lacking = f"no {missing[0]}" if missing else f"also {found.unexpected_keys[0]}"
        raise _misfit(weights, name, lacking)
    return network.eval(), _preprocessing(name)


def _quick_start(name: str) -> dict[str, Any]:
    """Weights come from the file: skip the slow random ones where a network offers it."""
    return {"init_weights": False} if name in ("googlenet", "inception_v3") else {}


def _read(weights: Path, torch: Any) -> dict[str, Any]:
    if not weights.is_file():
        raise EmbedderError(
            f"there is no weights file {weights}",
            remedy="set embedder_weights to a file with the network's state dict",
        )
    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zip and torch errors
        raise EmbedderError(
            f"{weights} is not a weights file",
            found=f"{type(error).__name__}, {weights.stat().st_size} bytes",
            limit="a state dict of tensors only",
            remedy="write it with torch.save(model.state_dict(), file)",
        ) from error
    if not isinstance(state, dict) or not all(hasattr(v, "shape") for v in state.values()):
        raise EmbedderError(
            f"{weights} holds no state dict",
            found=type(state).__name__,
            limit="a dict from names to tensors",
            remedy="write it with torch.save(model.state_dict(), file)",
        )
    return state


def _misfit(weights: Path, name: str, found: str) -> EmbedderError:
    return EmbedderError(
        f"the weights in {weights} are not those of torchvision:{name}",
        found=found,
        limit="every tensor of the network, in its shape",
        remedy="name the network that the weights were made for",
    )


def _preprocessing(name: str) -> Preprocessing:
    """As the network's published weights were trained; torchvision knows it offline."""
    from torchvision import models

    published = models.get_model_weights(name).DEFAULT.transforms()
    return Preprocessing(
        side=published.crop_size[0], mean=tuple(published.mean), std=tuple(published.std)
    )


def _pooling() -> "nn.Module":
    import torch
    from torch import nn

    class Pooling(nn.Module):  # type: ignore[misc]  # torch is untyped here
        """One vector a photo, also where a network leaves pooling to its classifier."""

        def forward(self, features: torch.Tensor) -> torch.Tensor:
            return features.mean(dim=(2, 3)) if features.ndim == 4 else features

    return Pooling()
