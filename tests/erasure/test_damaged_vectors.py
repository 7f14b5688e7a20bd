"""Vectors whose file is damaged are looked for without an end in a traceback."""

import hashlib
import io

import numpy as np

from photosearch_operations.erasure.known_vectors import rows_with


def test_no_flipped_bit_of_an_arrays_header_ends_the_search() -> None:
    out = io.BytesIO()
    np.save(out, np.ones((2, 4), np.float32))
    whole = out.getvalue()
    digest = hashlib.sha256(np.ones(4, np.float32).tobytes()).hexdigest()
    assert list(rows_with(whole, {digest})) == [0, 1]

    for bit in range(8 * 128):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        list(rows_with(bytes(flipped), {digest}))
