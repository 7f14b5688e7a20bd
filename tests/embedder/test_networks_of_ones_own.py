"""Any ONNX file, any torchvision backbone: what fits runs, what does not says why."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torchvision import models

from photosearch.embedder.build import build_embedder
from photosearch.embedder.embedder import open_embedder
from photosearch.embedder.errors import EmbedderError
from photosearch.embedder.quantise import count_saturating_channels
from photosearch.embedder.registry import shipped_network
from photosearch.embedder.torch_session import TorchSession
from photosearch.settings.settings import Settings
from tests.embedder.own_networks import write_convolutions, write_means
from tests.embedder.pictures import whole_number_picture

PHOTOS = [whole_number_picture(n) for n in range(3)]


def _settings(network: Path | str, **more: Any) -> Settings:
    return Settings(embedder_network=str(network), **{"embedder_precision": "float32", **more})


def test_an_onnx_file_is_an_embedder(tmp_path: Path) -> None:
    network = write_means(tmp_path / "means.onnx")

    built = build_embedder(_settings(network), [], 0, tmp_path / "work")

    embedder = open_embedder(built.folder)
    assert embedder.input_side == 64
    assert embedder.embed(PHOTOS).shape == (3, 3)


def test_a_networks_own_mean_and_deviation_change_the_vectors(tmp_path: Path) -> None:
    network = write_means(tmp_path / "means.onnx")
    plain = _settings(network, embedder_mean=(0, 0, 0), embedder_std=(1, 1, 1))

    built = build_embedder(plain, [], 0, tmp_path / "work")

    vector = open_embedder(built.folder).embed([np.full((64, 64, 3), (255, 0, 0), np.uint8)])[0]
    np.testing.assert_allclose(vector, [1, 0, 0], atol=1e-6)


@pytest.mark.parametrize("content", [b"", b"not a network", b"\x89PNG\r\n\x1a\n" * 99])
def test_a_file_that_is_not_onnx_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "network.onnx"
    file.write_bytes(content)

    with pytest.raises(EmbedderError, match="not a network that ONNX Runtime can run") as error:
        build_embedder(_settings(file), [], 0, tmp_path / "work")

    assert error.value.found is not None
    assert f"{len(content)} bytes" in error.value.found
    assert error.value.limit
    assert error.value.remedy


@pytest.mark.parametrize(
    ("deviation", "message"),
    [
        ({"images": ("n", 1, 64, 64)}, r"no square photo: found \['n', 1, 64, 64\], the limit is"),
        ({"images": ("n", 3, 64, 48)}, r"no square photo: found \['n', 3, 64, 48\]"),
        ({"images": (8, 3, 64, 64), "features": (8, 3)}, "n open or 1"),
        ({"images": ("n", 3, 8, 8)}, "found 8 x 8 pixels, the limit is 16 to 1024 a side"),
        ({"images": ("n", 3, 2048, 2048)}, "found 2048 x 2048 pixels"),
        ({"features": ("n", 3, 1, 1)}, r"no vector a photo: found \['n', 3, 1, 1\]"),
        ({"kind": onnx.TensorProto.DOUBLE}, r"wrong type: found tensor\(double\)"),
        ({"inputs": 2}, "has 2 inputs: found images, more0, the limit is one input"),
        ({"outputs": 2}, "has 2 outputs: found features0, features1"),
    ],
)
def test_a_network_with_other_inputs_or_outputs_is_refused(
    tmp_path: Path, deviation: dict[str, Any], message: str
) -> None:
    network = write_means(tmp_path / "network.onnx", **deviation)

    with pytest.raises(EmbedderError, match=message) as error:
        build_embedder(_settings(network), [], 0, tmp_path / "work")

    assert error.value.remedy is not None
    assert "pooled features" in error.value.remedy


@pytest.mark.parametrize("name", ["nowhere.onnx", "", "efficientnet", "torchvision"])
def test_a_network_that_is_not_there_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(EmbedderError, match="there is no network") as error:
        build_embedder(_settings(tmp_path / name), [], 0, tmp_path / "work")

    assert "torchvision:NAME" in str(error.value.remedy)


def test_weights_for_the_default_network_are_refused() -> None:
    with pytest.raises(EmbedderError, match="comes with its weights"):
        build_embedder(Settings(embedder_weights=Path("w.pth")), [], 0, Path("unused"))


@pytest.mark.torch
@pytest.mark.parametrize(
    ("network", "weights", "message"),
    [
        ("torchvision:resnet19", None, "no classification network 'resnet19'"),
        ("torchvision:fasterrcnn_resnet50_fpn", None, "no classification network"),
        ("torchvision:resnet18", None, "has no weights: found embedder_weights is not set"),
        ("torchvision:resnet18", "missing.pth", "there is no weights file"),
        ("torchvision:resnet18", "text.pth", "is not a weights file"),
        ("torchvision:resnet18", "list.pth", "holds no state dict: found list"),
        ("torchvision:resnet18", "mobilenet.pth", "are not those of torchvision:resnet18"),
    ],
)
def test_a_torchvision_network_without_its_weights_is_refused(
    tmp_path: Path, network: str, weights: str | None, message: str
) -> None:
    (tmp_path / "text.pth").write_text("no weights")
    torch.save([1, 2], tmp_path / "list.pth")
    torch.save({"features.0.weight": torch.zeros(2)}, tmp_path / "mobilenet.pth")
    path = None if weights is None else tmp_path / weights

    with pytest.raises(EmbedderError, match=message) as error:
        build_embedder(_settings(network, embedder_weights=path), [], 0, tmp_path / "work")

    assert error.value.remedy


@pytest.mark.torch
@pytest.mark.slow
def test_a_torchvision_backbone_is_an_embedder_in_onnx_runtime_and_torch(tmp_path: Path) -> None:
    torch.manual_seed(1)
    network = models.squeezenet1_1(num_classes=10)  # fine-tuned on other classes
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    settings = _settings("torchvision:squeezenet1_1", embedder_weights=tmp_path / "weights.pth")

    built = build_embedder(settings, [], 0, tmp_path / "work")

    embedder = open_embedder(built.folder, threads=1)
    vectors = embedder.embed(PHOTOS)
    assert vectors.shape == (3, 512)
    session = TorchSession(built.folder / "model.onnx", device="cpu", batch=3)
    from_torch = session.run(np.stack([embedder.prepare(photo) for photo in PHOTOS]))
    from_torch /= np.linalg.norm(from_torch, axis=1, keepdims=True)
    assert (vectors * from_torch).sum(axis=1).min() >= 0.9999


def test_a_network_of_ones_own_is_calibrated_on_the_catalogues_sample(tmp_path: Path) -> None:
    network = write_convolutions(tmp_path / "network.onnx")

    exact = build_embedder(_settings(network), [], 0, tmp_path / "float")
    rounded = build_embedder(
        _settings(network, embedder_precision="int8"), PHOTOS, 3, tmp_path / "int8"
    )

    assert rounded.details["calibration_photos"] == 3
    assert rounded.details["int8_cosine"] >= 0.99
    model = onnx.load(rounded.folder / "model.onnx")
    assert sum(node.op_type == "DequantizeLinear" for node in model.graph.node) > 4
    assert count_saturating_channels(model) == 0
    vectors = open_embedder(exact.folder).embed(PHOTOS)
    near = open_embedder(rounded.folder).embed(PHOTOS)
    assert (vectors * near).sum(axis=1).min() > 0.99
    assert rounded.fingerprint != exact.fingerprint


def test_a_network_without_inner_convolutions_is_quantised_too(tmp_path: Path) -> None:
    network = write_means(tmp_path / "network.onnx")  # as a transformer, whose one sees the photo
    settings = _settings(network, embedder_precision="int8")

    built = build_embedder(settings, PHOTOS, 3, tmp_path / "work")

    assert open_embedder(built.folder).embed(PHOTOS).shape == (3, 3)


def test_int8_without_onnx_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = write_convolutions(tmp_path / "network.onnx")
    monkeypatch.setitem(sys.modules, "onnx", None)

    with pytest.raises(EmbedderError, match=r"pip install 'photosearch\[torch\]'"):
        build_embedder(_settings(network, embedder_precision="int8"), PHOTOS, 3, tmp_path / "w")


@pytest.mark.torch
def test_int8_of_a_network_that_is_quantised_already_is_refused(tmp_path: Path) -> None:
    settings = _settings(shipped_network("int8").model, embedder_precision="int8")

    with pytest.raises(EmbedderError, match="quantised already; set embedder_precision to float32"):
        build_embedder(settings, PHOTOS * 11, 3, tmp_path)
