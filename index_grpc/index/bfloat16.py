"""float32 to bfloat16 and back, bit for bit as ScaNN does it.

An index keeps its vectors as bfloat16: half the bytes, and reordering loses nothing that
counts. ScaNN rounds halves away from zero (not to even, as most do). Doing the same here
makes the files of an exact index equal to those that ScaNN writes, so that an hour's vectors
are the same bytes before and after there is a quantiser.
"""

import numpy as np
from numpy.typing import NDArray

_HALF = np.uint32(0x8000)
_EXPONENT = np.int16(0x7F80)
_EXPONENT_OF_256 = np.int16(0x4380)


def to_bfloat16(vectors: NDArray[np.float32]) -> NDArray[np.int16]:
    """The bits of ``vectors`` (float32, any shape) rounded to bfloat16, as int16."""
    bits = np.ascontiguousarray(vectors, np.float32).view(np.uint32)
    return ((bits + _HALF) >> np.uint32(16)).astype(np.uint16).view(np.int16)


def from_bfloat16(bits: NDArray[np.int16]) -> NDArray[np.float32]:
    """The float32 values of bfloat16 ``bits`` (int16, any shape)."""
    return (np.ascontiguousarray(bits).view(np.uint16).astype(np.uint32) << np.uint32(16)).view(
        np.float32
    )


def count_beyond(bits: NDArray[np.int16]) -> int:
    """How many of the bfloat16 ``bits`` are NaN, infinite, or 256 and more in magnitude.

    Embeddings have unit length: a value of 256 is a flipped bit in an exponent.
    """
    return int(np.count_nonzero((bits & _EXPONENT) >= _EXPONENT_OF_256))
