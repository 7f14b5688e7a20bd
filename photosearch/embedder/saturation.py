"""Weights that no processor saturates on.

Without VNNI, ONNX Runtime multiplies uint8 by int8 with an instruction (``vpmaddubsw``) that
adds two neighbouring products in 16 bits and saturates: 255 × 127 × 2 does not fit. With VNNI
the same product is exact, so a network would give different vectors on different machines
(measured here on one without: recall@1 fell from 0.90 to 0.86). The known ways out cost what
int8 is for: 7-bit weights lose quality (cosine to float 0.96), uint8 weights lose the speed.

But the weights are known. A pair of neighbours saturates only if both are large and of one
sign, which most channels' pairs are not. So each output channel is quantised just coarsely
enough that no pair can: a fifth coarser on the average instead of twice, at full speed,
and every kernel computes the same integers.
"""

import numpy as np
from numpy.typing import NDArray

LARGEST_ACTIVATION = 255
LARGEST_PAIR = 32767 // LARGEST_ACTIVATION
"""Weights of one sign in a pair sum to at most this: 128."""
LARGEST_WEIGHT = 127


def safe_scales(weight: NDArray[np.floating]) -> NDArray[np.float64]:
    """The finest scale an output channel can have without a pair that saturates, float64 [n].

    ``weight``: [n, inputs], or a convolution's [n, inputs, height, width].
    """
    flat = np.abs(weight.reshape(len(weight), -1)).max(axis=1).astype(np.float64)
    scales = flat / LARGEST_WEIGHT
    for rows in _orders(weight.astype(np.float64)):
        # Rounding may add half a step to each of the two.
        scales = np.maximum(scales, _largest_pair(rows) / (LARGEST_PAIR - 1))
    return np.asarray(np.where(scales > 0, scales, 1.0), np.float64)


def quantised(weight: NDArray[np.floating], scales: NDArray[np.float64]) -> NDArray[np.int8]:
    """``weight`` in steps of ``scales`` (one an output channel), int8 of the same shape."""
    steps = weight / scales.reshape(-1, *[1] * (weight.ndim - 1))
    return np.asarray(np.rint(steps).clip(-LARGEST_WEIGHT, LARGEST_WEIGHT), np.int8)


def saturating_channels(weight: NDArray[np.int8]) -> int:
    """How many output channels of int8 weights have a pair that can saturate."""
    worst = np.zeros(len(weight))
    for rows in _orders(weight.astype(np.float64)):
        worst = np.maximum(worst, _largest_pair(rows))
    return int((worst > LARGEST_PAIR).sum())


def _orders(weight: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """The weights [n, k] in every order in which a kernel may take its pairs.

    Channels last (alone or filled up to fours) and channels first; of a matrix or a pointwise
    convolution there is one order.
    """
    count = len(weight)
    orders = [weight.reshape(count, -1)]
    if weight.ndim == 4 and weight.shape[2] * weight.shape[3] > 1:
        last = weight.transpose(0, 2, 3, 1)
        fours = np.pad(last, ((0, 0), (0, 0), (0, 0), (0, -last.shape[3] % 4)))
        orders += [last.reshape(count, -1), fours.reshape(count, -1)]
    return orders


def _largest_pair(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The largest sum of weights of one sign in a pair, of each row of [n, k]."""
    even = np.pad(rows, ((0, 0), (0, rows.shape[1] % 2)))
    up, down = np.maximum(even, 0), np.maximum(-even, 0)
    positive = (up[:, 0::2] + up[:, 1::2]).max(axis=1)
    negative = (down[:, 0::2] + down[:, 1::2]).max(axis=1)
    return np.asarray(np.maximum(positive, negative), np.float64)
