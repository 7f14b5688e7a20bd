"""The goods: drawn the same from the same seed, whole, in their frame, unlike one another."""

import io

import numpy as np
import pytest
from PIL import Image

from photosearch_demo.draw.design import Design
from photosearch_demo.draw.pen import SIDE, Pen
from photosearch_demo.draw.photograph import LONG_SIDE, cut_out, photograph, render
from photosearch_demo.draw.products import KINDS, Ware

SMALL = 96


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_product_of_every_kind_fills_its_cut_out(kind: Ware) -> None:
    for seed in range(6):
        alpha = np.asarray(cut_out(kind, seed, SMALL).getchannel("A"))

        assert max(alpha.shape) == SMALL
        # Something touches every side: nothing of the drawing is cut off, none is empty.
        assert all(edge.max() > 0 for edge in (alpha[:5], alpha[-5:], alpha[:, :5], alpha[:, -5:]))
        assert (alpha > 128).mean() > 0.1


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_has_titles_and_prices_like_a_shop(kind: Ware) -> None:
    titles = {kind.title(seed) for seed in range(40)}

    assert len(titles) > 30
    assert all(title[0].isupper() and " in " in title for title in titles)
    assert all(kind.low * 0.8 <= kind.price(seed) <= kind.high + 1 for seed in range(40))


def test_the_same_seed_gives_the_same_bytes_and_another_does_not() -> None:
    kind = KINDS[0]

    once, again, other = (photograph(kind, seed, 0, SMALL) for seed in (1, 1, 2))

    assert once == again
    assert once != other


def test_a_second_photo_shows_the_same_product_otherwise() -> None:
    kind = KINDS[0]
    first, second = (photograph(kind, 3, shot, SMALL) for shot in (0, 1))

    assert first != second


def test_a_photo_is_a_jpeg_of_a_phones_proportions() -> None:
    for kind in KINDS[::5]:
        with Image.open(io.BytesIO(photograph(kind, 0, 0))) as photo:
            assert photo.format == "JPEG"
            assert max(photo.size) == LONG_SIDE
            assert min(photo.size) >= LONG_SIDE * 9 // 16


def test_the_catalogue_has_twenty_kinds_and_more() -> None:
    assert len(KINDS) >= 20
    assert len({kind.name for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize("seed", range(6))
def test_a_pattern_shows_no_seam_where_its_tiles_meet(seed: int) -> None:
    pen = Pen(Design("mugs", seed))
    pen.box(0, 0, SIDE, SIDE, pen.patterned("striped", "#204080", "#e0c040", "#ffffff"))

    drawn = np.asarray(render(pen, (LONG_SIDE, LONG_SIDE), "", (SIDE, SIDE)), int)

    assert drawn.shape == (LONG_SIDE, LONG_SIDE, 4)
    assert (drawn[..., 3] == 255).all()
    assert np.ptp(drawn[..., 0], axis=1).min() > 100  # stripes side by side
    assert np.ptp(drawn, axis=0).max() <= 2  # each the same from top to bottom
