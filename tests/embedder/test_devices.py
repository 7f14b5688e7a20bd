import numpy as np
import pytest
import torch

from photosearch.embedder.device import choose_device
from photosearch.embedder.embedder import open_session
from photosearch.embedder.errors import EmbedderError
from photosearch.embedder.registry import shipped_network
from photosearch.embedder.torch_session import TorchSession
from tests.embedder.pictures import whole_number_picture

torch.set_num_threads(1)  # on a busy machine threads wait for one another


@pytest.mark.parametrize(
    ("setting", "gpu", "precision", "chosen"),
    [
        ("auto", True, "float32", "cuda"),
        ("auto", False, "float32", "cpu"),
        ("auto", True, "int8", "cpu"),
        ("cpu", True, "float32", "cpu"),
        ("cuda", True, "float32", "cuda"),
    ],
)
def test_a_gpu_is_taken_when_there_is_one_and_the_network_is_float(
    setting: str, gpu: bool, precision: str, chosen: str
) -> None:
    assert choose_device(setting, lambda: gpu, precision=precision) == chosen


def test_whether_there_is_a_gpu_is_asked_only_when_it_matters() -> None:
    def never() -> bool:
        raise AssertionError

    assert choose_device("cpu", never) == "cpu"
    assert choose_device("auto", never, precision="int8") == "cpu"


def test_a_demanded_gpu_that_is_missing_is_an_error() -> None:
    with pytest.raises(EmbedderError, match=r"no usable GPU.*set embed_device to auto"):
        choose_device("cuda", lambda: False)


def test_a_demanded_gpu_and_int8_exclude_each_other() -> None:
    with pytest.raises(EmbedderError, match="set embedder_precision to float32"):
        choose_device("cuda", lambda: True, precision="int8")


@pytest.mark.torch
def test_torch_and_onnx_runtime_give_the_same_features() -> None:
    network = shipped_network("float32")
    prepared = np.stack([network.preprocessing.prepare(whole_number_picture(n)) for n in range(3)])

    from_onnx = open_session(network.model, threads=1).run(prepared)
    from_torch = TorchSession(network.model, device="cpu", batch=4).run(prepared)

    assert from_torch.shape == (3, 1280)
    cosines = (from_onnx * from_torch).sum(axis=1) / (
        np.linalg.norm(from_onnx, axis=1) * np.linalg.norm(from_torch, axis=1)
    )
    assert cosines.min() >= 0.99999


@pytest.mark.torch
def test_a_photos_vector_does_not_depend_on_its_companions_in_torch() -> None:
    network = shipped_network("float32")
    prepared = np.stack([network.preprocessing.prepare(whole_number_picture(n)) for n in range(3)])
    session = TorchSession(network.model, device="cpu", batch=4)

    together = session.run(prepared)

    for photo in range(3):
        np.testing.assert_allclose(
            session.run(prepared[photo : photo + 1])[0], together[photo], rtol=1e-4, atol=1e-5
        )


@pytest.mark.torch
def test_a_network_that_torch_cannot_run_here_is_refused_with_its_operators() -> None:
    with pytest.raises(EmbedderError, match=r"DequantizeLinear, Quanti.*embed_device to cpu"):
        TorchSession(shipped_network("int8").model, device="cpu")


@pytest.mark.torch
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_gives_the_same_features() -> None:
    network = shipped_network("float32")
    prepared = np.stack([network.preprocessing.prepare(whole_number_picture(n)) for n in range(3)])

    exact = open_session(network.model).run(prepared)
    found = TorchSession(network.model, device="cuda").run(prepared)

    cosines = (exact * found).sum(axis=1) / (
        np.linalg.norm(exact, axis=1) * np.linalg.norm(found, axis=1)
    )
    assert cosines.min() >= 0.999
