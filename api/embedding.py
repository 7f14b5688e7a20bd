"""Photos to vectors for queries, with the repository's current embedder.

A photo that comes alone is computed by all cores, for its answer waits for nothing else. Photos
that come together get one thread each, as many at once as there are cores: that gives the most
photos a second. Both give the same vector, bit for bit.

When the repository's HEAD moves to another embedder, both stay open: until the new one's
indexes are served, the old one's answer (see :mod:`api.planner`).
"""

import asyncio
import logging
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from api.deadline import Deadline
from photosearch.embedder.embedder import Embedder, open_embedder
from photosearch.images.decode import decode_photo
from photosearch.repository.addresses import Address
from photosearch.repository.repository import Repository

logger = logging.getLogger(__name__)

KEPT_EMBEDDERS = 2
RETRY_S = 5.0


@dataclass(frozen=True)
class Embedded:
    """A photo's vector (float32 [d], unit length), and what it took."""

    vector: NDArray[np.float32]
    decode_ms: float
    embed_ms: float


@dataclass(frozen=True)
class _Opened:
    """One embedder twice: all cores for one photo, and one thread a photo."""

    wide: Embedder
    narrow: Embedder


class EmbedderShelf:
    """The open embedders, the repository's current one first."""

    def __init__(self, repository: Repository, max_megapixels: float, threads: int = 0) -> None:
        self._repository = repository
        self._max_megapixels = max_megapixels
        self._threads = threads or min(len(os.sched_getaffinity(0)), 8)
        self._workers = ThreadPoolExecutor(self._threads, thread_name_prefix="embed")
        self._under_way = 0
        self._open: dict[str, _Opened] = {}
        self._prepared: dict[str, _Opened] = {}
        self.fault: str | None = None

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """Embedders that can embed a photo, the current one first."""
        return tuple(self._open)

    @property
    def prepared(self) -> tuple[str, ...]:
        """The embedder that may become the current one, if it is open already."""
        return tuple(self._prepared)

    def dimension(self, fingerprint: str) -> int | None:
        """Length of the embedder's vectors, if it is open."""
        opened = self._open.get(fingerprint) or self._prepared.get(fingerprint)
        return None if opened is None else opened.narrow.dimension

    def turn_to(self, fingerprint: str) -> None:
        """Make ``fingerprint`` the current embedder (blocking: opens it if it is not).

        The predecessor stays open.
        """
        opened = (
            self._open.get(fingerprint)
            or self._prepared.get(fingerprint)
            or self._opened(fingerprint)
        )
        others = [(name, one) for name, one in self._open.items() if name != fingerprint]
        self._open = dict([(fingerprint, opened), *others[: KEPT_EMBEDDERS - 1]])

    def prepare(self, fingerprint: str | None) -> None:
        """Open the embedder that may become the current one, and no other (blocking)."""
        if fingerprint is None or fingerprint in self._open:
            self._prepared = {}
        elif fingerprint not in self._prepared:
            self._prepared = {fingerprint: self._opened(fingerprint)}

    def _opened(self, fingerprint: str) -> _Opened:
        folder = self._repository.local_files(Address.embedders(), fingerprint)
        opened = _Opened(
            wide=open_embedder(folder, threads=self._threads, alone=False),
            narrow=open_embedder(folder, threads=1),
        )
        logger.info("opened embedder %s, %d dimensions", fingerprint, opened.narrow.dimension)
        return opened

    async def embed(
        self, photo: bytes, fingerprint: str, name: str, deadline: Deadline
    ) -> Embedded:
        """Decode and embed one photo in a worker thread.

        Raises:
            PhotoError: if the bytes are not a usable photo.
            ApiProblem: if the deadline passes first.
        """
        opened = self._open.get(fingerprint) or self._prepared[fingerprint]
        embedder = opened.narrow if self._under_way else opened.wide
        self._under_way += 1
        try:
            work = asyncio.get_running_loop().run_in_executor(
                self._workers, self._embed, photo, embedder, name
            )
            return await asyncio.wait_for(work, max(deadline.left_s, 0.001))
        except TimeoutError:
            raise deadline.missed(
                "the photo was not embedded in time", "try again, or send a smaller photo"
            ) from None
        finally:
            self._under_way -= 1

    def _embed(self, photo: bytes, embedder: Embedder, name: str) -> Embedded:
        start = time.perf_counter()
        image = decode_photo(
            photo, max_megapixels=self._max_megapixels, side=embedder.input_side, name=name
        )
        decoded = time.perf_counter()
        vector = embedder.embed([image], [name])[0]
        done = time.perf_counter()
        return Embedded(vector, (decoded - start) * 1e3, (done - decoded) * 1e3)

    def close(self) -> None:
        self._workers.shutdown(wait=False, cancel_futures=True)
