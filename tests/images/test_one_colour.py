"""When a picture counts as showing one colour."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from photosearch.images.pixels import is_one_colour

sides = st.integers(1, 70)
colours = st.tuples(*[st.integers(0, 255)] * 3)


@given(sides, sides, colours)
def test_a_picture_of_one_colour_is(height: int, width: int, colour: tuple[int, int, int]) -> None:
    pixels = np.full((height, width, 3), colour, np.uint8)

    assert is_one_colour(pixels)


@given(sides, sides, colours, st.data())
def test_one_pixel_of_another_is_enough(
    height: int, width: int, colour: tuple[int, int, int], data: st.DataObject
) -> None:
    pixels = np.full((height + 1, width, 3), colour, np.uint8)
    y = data.draw(st.integers(0, height))
    x, channel = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, 2))
    pixels[y, x, channel] ^= 128

    assert not is_one_colour(pixels)


def test_what_a_jpeg_makes_of_one_colour_is_one_colour() -> None:
    pixels = np.full((224, 224, 3), 200, np.uint8)
    pixels[::3] += 1

    assert is_one_colour(pixels)
