"""Photos to vectors for queries, with the repository's current embedder.

One ONNX Runtime thread a photo and as many photos at once as there are cores: under load that
gives the most photos a second, alone it leaves a core to the index servers.

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
from api.problems import ApiProblem
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


class EmbedderShelf:
    """The open embedders, the repository's current one first."""

    def __init__(self, repository: Repository, max_megapixels: float, threads: int = 0) -> None:
        self._repository = repository
        self._max_megapixels = max_megapixels
        self._workers = ThreadPoolExecutor(
            threads or min(os.cpu_count() or 1, 8), thread_name_prefix="embed"
        )
        self._open: dict[str, Embedder] = {}
        self.fault: str | None = None

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """Embedders that can embed a photo, the current one first."""
        return tuple(self._open)

    def dimension(self, fingerprint: str) -> int | None:
        """Length of the embedder's vectors, if it is open."""
        embedder = self._open.get(fingerprint)
        return None if embedder is None else embedder.dimension

    def turn_to(self, fingerprint: str) -> None:
        """Make ``fingerprint`` the current embedder (blocking: opens it if it is not).

        The predecessor stays open.
        """
        embedder = self._open.get(fingerprint)
        if embedder is None:
            folder = self._repository.local_files(Address.embedders(), fingerprint)
            embedder = open_embedder(folder, threads=1)
            logger.info("opened embedder %s, %d dimensions", fingerprint, embedder.dimension)
        others = [(name, one) for name, one in self._open.items() if name != fingerprint]
        self._open = dict([(fingerprint, embedder), *others[: KEPT_EMBEDDERS - 1]])

    async def embed(
        self, photo: bytes, fingerprint: str, name: str, deadline: Deadline
    ) -> Embedded:
        """Decode and embed one photo in a worker thread.

        Raises:
            PhotoError: if the bytes are not a usable photo.
            ApiProblem: if the deadline passes first.
        """
        embedder = self._open[fingerprint]
        work = asyncio.get_running_loop().run_in_executor(
            self._workers, self._embed, photo, embedder, name
        )
        try:
            return await asyncio.wait_for(work, max(deadline.left_s, 0.001))
        except TimeoutError:
            raise ApiProblem(
                504,
                "deadline",
                "the photo was not embedded in time",
                limit=f"{deadline.total_s:g} s (deadline_s)",
                remedy="try again, or send a smaller photo",
                headers={"Retry-After": "1"},
            ) from None

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
