"""Where strangers' photos are decoded: here, or in a process that can be ended.

A thread can't be stopped, so a photo that keeps its decoder busy for a minute keeps its thread,
and two of them all of a server's. Nearly every photo is a JPEG, PNG or WebP whose header proves
that it is little work; that is done here, for a way to another process and back costs a tenth
of it.
Everything else goes to a few processes that are ended with the photo when it takes more CPU or
memory than it may, or when nobody waits for it any more; another process takes the place.
"""

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Self

import numpy as np
from numpy.typing import NDArray

from photosearch.closing import Closing
from photosearch.errors import PhotosearchError
from photosearch.images.decode import decode_if_little_work
from photosearch.images.decoding.decode_process import DecoderGone
from photosearch.images.decoding.decode_processes import (
    Abandoned,
    Abandonment,
    DecodeProcesses,
    Place,
)
from photosearch.images.formats.unknown_bytes import declared_size
from photosearch.images.photo_error import PhotoError
from photosearch.settings.settings import Settings

_log = logging.getLogger(__name__)

_MOST_PROCESSES = 4
_HEAVY_MEGAPIXELS = 12.0
_HEAVY_BYTES = 2 << 20
"""Of a photo whose size is not told by its first bytes."""

_LEAST_SHARE = 0.2
"""Of the CPU seconds, for a photo of no size."""


class Decoder(Closing):
    """Decodes photos within the settings' limits; safe to use from several threads.

    Its processes are started when they are needed first, at most ``processes`` of them.
    """

    def __init__(self, settings: Settings, *, processes: int = 0) -> None:
        self.max_megapixels = settings.max_megapixels
        self._cpu_s = settings.decode_cpu_s
        self._memory_bytes = settings.decode_memory_bytes
        cores = len(os.sched_getaffinity(0))
        self._processes = DecodeProcesses(
            processes or max(2, min(cores, _MOST_PROCESSES)), self._memory_bytes
        )

    def decode(
        self,
        photo: bytes,
        *,
        side: int = 224,
        name: str = "photo",
        abandonment: Abandonment | None = None,
    ) -> NDArray[np.uint8]:
        """The photo's pixels; see :func:`photosearch.images.decode.decode_photo`.

        Raises:
            PhotoError: if it is no photo, damaged, or takes more than the limits.
            Abandoned: if it was given up.
        """
        pixels = self.decode_here(photo, side=side, name=name)
        if pixels is not None:
            return pixels
        return self.decode_apart(photo, side=side, name=name, abandonment=abandonment)

    def decode_here(self, photo: bytes, *, side: int, name: str) -> NDArray[np.uint8] | None:
        """The pixels if the photo is little work; None if that is not sure."""
        with _unusable_for_a_fault(name):
            return decode_if_little_work(
                photo, max_megapixels=self.max_megapixels, side=side, name=name
            )

    def decode_apart(
        self, photo: bytes, *, side: int, name: str, abandonment: Abandonment | None = None
    ) -> NDArray[np.uint8]:
        """The pixels, made by one of the processes."""
        with _unusable_for_a_fault(name):
            return self._decode_apart(photo, side, name, abandonment or Abandonment())

    def _decode_apart(
        self, photo: bytes, side: int, name: str, abandonment: Abandonment
    ) -> NDArray[np.uint8]:
        width, height = declared_size(photo)
        megapixels = width * height / 1e6
        is_heavy = megapixels > _HEAVY_MEGAPIXELS or (not megapixels and len(photo) > _HEAVY_BYTES)
        cpu_s = self._cpu_s_for(megapixels)
        # A process may be ended by others, as by a machine without memory: not the photo's fault.
        for is_last in (False, True):
            try:
                with Place(
                    self._processes, abandonment, is_heavy=is_heavy, is_fresh=is_last
                ) as process:
                    was_fresh = process.is_fresh
                    return process.decode(
                        photo, cpu_s, max_megapixels=self.max_megapixels, side=side, name=name
                    )
            except MemoryError as error:
                if was_fresh:  # else what photos before it left there may be in its way
                    raise self._too_large(name) from error
            except DecoderGone as error:
                if abandonment.is_given_up or self._processes.is_closed:
                    raise Abandoned(f"nobody waits for {name} any more") from error
                if error.signal == signal.SIGPROF:
                    raise _too_slow(name, cpu_s, megapixels) from error
                gone = error
        raise PhotoError(
            f"{name} can't be decoded",
            found=f"twice the process that decoded it ended ({gone.found})",
            remedy="save it again as a JPEG; if many end so, see the machine's memory",
        ) from gone

    def start(self) -> Self:
        """Have one process ready, so that the first photo need not wait for its start."""
        place = Place(self._processes, Abandonment(), is_heavy=False)
        with suppress(OSError, PhotosearchError), place as process:
            process.wait_until_ready()
        return self

    @property
    def pids(self) -> list[int]:
        """The processes there are, by their ids."""
        return self._processes.pids

    def close(self) -> None:
        """End the processes; what they decode is abandoned."""
        self._processes.close()

    def _cpu_s_for(self, megapixels: float) -> float:
        share = min(1.0, megapixels / self.max_megapixels) if megapixels else 1.0
        return self._cpu_s * (_LEAST_SHARE + (1 - _LEAST_SHARE) * share)

    def _too_large(self, name: str) -> PhotoError:
        return PhotoError(
            f"{name} takes too much memory to decode",
            found=f"more than {self._memory_bytes >> 20} MiB",
            limit=f"{self._memory_bytes >> 20} MiB (decode_memory_bytes)",
            remedy="save it as a JPEG, which takes less, or make it smaller",
        )


@contextmanager
def _unusable_for_a_fault(name: str) -> Iterator[None]:
    """Hold a fault of ours against this photo alone: neither its hour nor a query fails by it."""
    try:
        yield
    except (PhotosearchError, MemoryError, OSError):
        raise
    except Exception as error:
        _log.exception("%s has met a fault of photosearch", name)
        raise PhotoError(
            f"{name} can't be decoded",
            found=f"a fault of photosearch itself ({type(error).__name__}: {error})",
            remedy="save it again as a JPEG, and report it with the photo",
        ) from error


def _too_slow(name: str, cpu_s: float, megapixels: float) -> PhotoError:
    size = f" for {megapixels:.1f} megapixels" if megapixels else ""
    return PhotoError(
        f"{name} takes too much work to decode",
        found=f"more than {cpu_s:.3g} s of CPU",
        limit=f"{cpu_s:.3g} s{size} (decode_cpu_s)",
        remedy="save it again as a JPEG, or make it smaller",
    )
