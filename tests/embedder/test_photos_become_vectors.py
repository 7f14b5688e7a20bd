import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from photosearch.embedder.embedder import Embedder, open_embedder
from photosearch.embedder.errors import BadVector, EmbedderError
from tests.embedder.pictures import whole_number_picture


def test_vectors_have_unit_length_and_the_networks_dimension(embedder: Embedder) -> None:
    vectors = embedder.embed([whole_number_picture(n) for n in range(3)])

    assert vectors.shape == (3, 1280)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_no_photos_give_no_vectors(embedder: Embedder) -> None:
    assert embedder.embed([]).shape == (0, 1280)


def test_a_photo_seen_again_in_another_size_is_nearer_than_another_photo(
    embedder: Embedder,
) -> None:
    seen = whole_number_picture(1)
    again = seen.repeat(2, axis=0).repeat(2, axis=1)

    vectors = embedder.embed([seen, again, whole_number_picture(2)])

    assert vectors[0] @ vectors[1] > 0.9 > vectors[0] @ vectors[2]


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((10, 10), np.uint8),
        np.zeros((10, 10, 4), np.uint8),
        np.zeros((0, 10, 3), np.uint8),
        np.zeros((10, 10, 3), np.float32),
    ],
)
def test_what_is_not_a_decoded_photo_is_refused_by_name(
    embedder: Embedder, image: NDArray[np.uint8]
) -> None:
    with pytest.raises(EmbedderError, match=r"'a\.jpg' is not a decoded photo: found") as error:
        embedder.embed([image], ["a.jpg"])

    assert error.value.limit == "uint8 [height, width, 3]"


@pytest.mark.parametrize(("value", "found"), [(np.nan, "not finite"), (0.0, "only zeros")])
def test_a_photo_without_a_usable_vector_is_an_error_that_names_it(
    embedder: Embedder, value: float, found: str
) -> None:
    class Broken:
        batch = 4

        def run(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
            features = np.ones((len(images), 1280), np.float32)
            features[1] = value
            return features

    broken = Embedder(embedder.file, Broken(), None)
    photo = whole_number_picture(0)

    with pytest.raises(BadVector, match=found) as error:
        broken.embed([photo, photo], ["good.jpg", "bad.jpg"])

    assert "'bad.jpg'" in str(error.value)


def test_a_photo_of_one_colour_has_a_vector(embedder: Embedder) -> None:
    for level in (0, 127, 255):
        vector = embedder.embed([np.full((224, 224, 3), level, np.uint8)])
        assert np.isfinite(vector).all()


def test_embedding_needs_neither_torch_nor_onnx(plain_folder: Path) -> None:
    program = f"""
import sys
from pathlib import Path
import photosearch.embedder.embedder, photosearch.embedder.batch, photosearch.embedder.build
assert not {{"onnxruntime", "torch", "onnx"}} & set(sys.modules), "a cheap import pays for them"
import numpy as np
embedder = photosearch.embedder.embedder.open_embedder(Path({str(plain_folder)!r}), threads=1)
embedder.embed([np.zeros((224, 224, 3), np.uint8)])
assert not {{"torch", "onnx"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_query_and_batch_give_the_same_vector(plain_folder: Path) -> None:
    photos = [whole_number_picture(n) for n in range(3)]

    query, batch = (open_embedder(plain_folder, threads=threads) for threads in (1, 2))

    assert np.array_equal(np.concatenate([query.embed([p]) for p in photos]), batch.embed(photos))
