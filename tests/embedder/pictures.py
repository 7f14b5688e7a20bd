"""Pictures drawn in whole numbers: the same pixels on every machine and with every library."""

import numpy as np
from numpy.typing import NDArray


def whole_number_picture(number: int, height: int = 240, width: int = 300) -> NDArray[np.uint8]:
    """Picture ``number``, uint8 [height, width, 3]: discs and bars on a checked slope."""
    down, across = np.mgrid[:height, :width]
    picture = np.empty((height, width, 3), np.int64)
    for channel in range(3):
        slope = (down * (3 + number) + across * (5 - channel)) // 8
        checks = 40 * ((down // (7 + number) + across // (9 + channel)) % 2)
        picture[..., channel] = (slope + checks + 60 * channel + 31 * number) % 256
    for disc in range(1 + number % 4):
        centre = (60 + 37 * disc * (number + 1)) % height, (80 + 53 * disc + 29 * number) % width
        inside = (down - centre[0]) ** 2 + (across - centre[1]) ** 2 < (25 + 11 * disc) ** 2
        picture[inside] = [(90 * disc + 70 * number) % 256, (200 + 41 * disc) % 256, 20 * number]
    picture[height // 3 : height // 3 + 6 + number] = 255 - picture[0, 0]
    return (picture % 256).astype(np.uint8)
