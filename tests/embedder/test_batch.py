import threading
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from photosearch.embedder.batch import embed_photos
from photosearch.embedder.embedder import Embedder
from photosearch.errors import PhotosearchError
from tests.embedder.pictures import whole_number_picture


def _picture(number: int) -> Callable[[], NDArray[np.uint8]]:
    return lambda: whole_number_picture(number)


def _unreadable() -> NDArray[np.uint8]:
    raise PhotosearchError("photo can't be decoded", found="0 bytes")


def test_a_batch_gives_the_vectors_of_single_queries_in_order(embedder: Embedder) -> None:
    embedded = embed_photos([(f"{n}", _picture(n)) for n in range(7)], embedder, decode_threads=2)

    assert embedded.photo_ids == [str(n) for n in range(7)]
    assert embedded.failures == []
    singly = [embedder.embed([whole_number_picture(n)])[0] for n in range(7)]
    assert np.array_equal(embedded.vectors, singly)


def test_a_photo_that_cannot_be_used_is_a_failure_with_its_reason_and_the_others_go_on(
    embedder: Embedder,
) -> None:
    done: list[int] = []
    photos = [("good", _picture(0)), ("bad", _unreadable), ("last", _picture(1))]

    embedded = embed_photos(photos, embedder, on_progress=done.append)

    assert embedded.photo_ids == ["good", "last"]
    assert [(f.photo_id, f.reason) for f in embedded.failures] == [
        ("bad", "photo can't be decoded: found 0 bytes")
    ]
    assert len(embedded.vectors) == 2
    assert done == [1, 2, 3]


@pytest.mark.parametrize("size", [1, 2, 8])
def test_a_vector_that_cannot_be_used_costs_only_its_photo(embedder: Embedder, size: int) -> None:
    class Broken:
        batch = size

        def run(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
            features = np.ones((len(images), 1280), np.float32)
            features[images[:, 0, 0, 0] == images.max()] = np.nan  # white photos
            return features

    white = np.full((224, 224, 3), 255, np.uint8)
    photos = [
        ("1", _picture(0)),
        ("white", lambda: white),
        ("2", _picture(1)),
        ("bad", _unreadable),
    ]

    embedded = embed_photos(photos, Embedder(embedder.file, Broken(), None))

    assert embedded.photo_ids == ["1", "2"]
    assert [failure.photo_id for failure in embedded.failures] == ["white", "bad"]


def test_nothing_to_embed_gives_an_empty_array(embedder: Embedder) -> None:
    embedded = embed_photos([], embedder)

    assert embedded.vectors.shape == (0, 1280)
    assert embedded.vectors.dtype == np.float32


def test_few_photos_are_decoded_ahead(embedder: Embedder) -> None:
    ahead: list[int] = []
    decoded = 0
    lock = threading.Lock()

    def decode() -> NDArray[np.uint8]:
        nonlocal decoded
        with lock:
            decoded += 1
        return whole_number_picture(0)

    embed_photos(
        [(str(n), decode) for n in range(40)],
        embedder,
        on_progress=lambda done: ahead.append(decoded - done),
    )

    assert max(ahead) <= 6


def test_a_mistake_in_the_program_is_not_taken_for_a_bad_photo(embedder: Embedder) -> None:
    def broken() -> NDArray[np.uint8]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        embed_photos([("0", broken)], embedder)
