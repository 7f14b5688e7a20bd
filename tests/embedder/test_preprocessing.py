import hashlib
import io

import numpy as np
import pytest
from PIL import Image

from photosearch.embedder.preprocessing import Preprocessing
from photosearch.embedder.registry import DEFAULT_PREPROCESSING
from photosearch.images.decode import decode_photo
from tests.embedder.pictures import whole_number_picture


def test_channels_are_scaled_with_their_own_mean_and_deviation() -> None:
    preprocessing = Preprocessing(side=16, mean=(0.1, 0.2, 0.3), std=(0.5, 1.0, 2.0))
    photo = np.empty((16, 16, 3), np.uint8)
    photo[:] = (0, 51, 255)

    planes = preprocessing.prepare(photo)

    assert planes.shape == (3, 16, 16)
    assert planes.dtype == np.float32
    np.testing.assert_allclose(planes[:, 3, 3], [-0.2, 0.0, 0.35], atol=1e-6)


def test_the_centre_square_is_taken_at_its_own_proportions() -> None:
    photo = np.zeros((100, 300, 3), np.uint8)
    photo[:, 100:200] = 255  # the centre square is white

    planes = DEFAULT_PREPROCESSING.prepare(photo)

    inner = planes[:, 3:-3, 3:-3]  # at its edge the square's neighbours shine in
    np.testing.assert_allclose(inner, (1 - 0.498) / 0.502, atol=1e-5)


def test_squashing_keeps_the_edges() -> None:
    photo = np.zeros((100, 300, 3), np.uint8)
    photo[:, 100:200] = 255

    planes = DEFAULT_PREPROCESSING.model_copy(update={"framing": "squash"}).prepare(photo)

    assert planes[0, 112, 0] < -0.9
    assert planes[0, 112, 112] > 0.9


def test_a_photo_of_the_right_size_is_not_resampled() -> None:
    photo = whole_number_picture(2, 224, 224)

    planes = DEFAULT_PREPROCESSING.prepare(photo)

    back = np.rint((planes * 0.502 + 0.498) * 255).astype(np.uint8).transpose(1, 2, 0)
    assert np.array_equal(back, photo)


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (223, 225)])
def test_photos_of_any_shape_become_a_square(shape: tuple[int, int]) -> None:
    photo = np.full((*shape, 3), 90, np.uint8)

    assert DEFAULT_PREPROCESSING.prepare(photo).shape == (3, 224, 224)


@pytest.mark.parametrize(
    ("mode", "digest"),
    [("RGB", "7c81ae7aa8c07f91"), ("RGBA", "616f55849343fd1d"), ("P", "a80376095845c6f0")],
)
def test_a_photo_comes_to_the_network_bit_for_bit_as_in_earlier_releases(
    mode: str, digest: str
) -> None:
    """If this fails, a catalogue's vectors and its queries' come apart: see embedder_file.py."""
    file = io.BytesIO()
    picture = Image.fromarray(whole_number_picture(3, 700, 1000))
    if mode == "RGBA":
        picture.putalpha(Image.fromarray(whole_number_picture(1, 700, 1000)[..., 0]))
    elif mode == "P":
        picture = picture.convert("P", palette=Image.Palette.WEB, dither=Image.Dither.NONE)
    picture.save(file, "PNG")

    planes = DEFAULT_PREPROCESSING.prepare(decode_photo(file.getvalue(), max_megapixels=50))

    assert hashlib.sha256(planes.tobytes()).hexdigest()[:16] == digest
