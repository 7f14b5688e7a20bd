"""Photos to vectors for queries, with the repository's current embedder.

A photo that comes alone is computed by all cores, for its answer waits for nothing else. Photos
that come together get one thread each, as many at once as there are cores: that gives the most
photos a second. Both give the same vector, bit for bit.

When the repository's HEAD moves to another embedder, both stay open: until the new one's
indexes are served, the old one's answer (see :mod:`api.fleet.planner`).
"""

import asyncio
import functools
import logging
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from api.deadline import Deadline
from photosearch.embedder.embedder import Embedder, open_embedder
from photosearch.images.decoding.decode_processes import Abandonment
from photosearch.images.decoding.decoder import Decoder
from photosearch.repository.addresses import Address
from photosearch.repository.repository import Repository

logger = logging.getLogger(__name__)

KEPT_EMBEDDERS = 2
_WAITING = 64


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


class OpenEmbedders:
    """The open embedders, the repository's current one first."""

    def __init__(self, repository: Repository, decoder: Decoder, threads: int = 0) -> None:
        self._repository = repository
        self._decoder = decoder
        self._threads = threads or min(len(os.sched_getaffinity(0)), 8)
        self._workers = ThreadPoolExecutor(self._threads, thread_name_prefix="embed")
        # These only wait for the processes that decode: not to hold up what is embedded.
        self._waiting = ThreadPoolExecutor(_WAITING, thread_name_prefix="decode")
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
            wide=open_embedder(folder, fingerprint, threads=self._threads, alone=False),
            narrow=open_embedder(folder, fingerprint, threads=1),
        )
        logger.info("opened embedder %s, %d dimensions", fingerprint, opened.narrow.dimension)
        return opened

    async def embed(
        self, photo: bytes, fingerprint: str, name: str, deadline: Deadline
    ) -> Embedded:
        """Decode and embed one photo in a worker thread.

        A photo that nobody waits for any more is not decoded on.

        Raises:
            PhotoError: if the bytes are not a usable photo.
            ApiProblem: if the deadline passes first.
        """
        opened = self._open.get(fingerprint) or self._prepared[fingerprint]
        embedder = opened.narrow if self._under_way else opened.wide
        self._under_way += 1
        abandonment = Abandonment()
        try:
            async with asyncio.timeout(max(deadline.left_s, 0.001)):
                return await self._embedded(photo, embedder, name, abandonment)
        except TimeoutError:
            raise deadline.missed(
                "the photo was not embedded in time", "try again, or send a smaller photo"
            ) from None
        finally:
            abandonment.give_up()
            self._under_way -= 1

    async def _embedded(
        self, photo: bytes, embedder: Embedder, name: str, abandonment: Abandonment
    ) -> Embedded:
        loop = asyncio.get_running_loop()
        done = await loop.run_in_executor(self._workers, self._embed_here, photo, embedder, name)
        if done is not None:
            return done
        start = time.perf_counter()
        decode = functools.partial(
            self._decoder.decode_apart, side=embedder.input_side, name=name, abandonment=abandonment
        )
        image = await loop.run_in_executor(self._waiting, decode, photo)
        return await loop.run_in_executor(
            self._workers, _embed, image, embedder, name, time.perf_counter() - start
        )

    def _embed_here(self, photo: bytes, embedder: Embedder, name: str) -> Embedded | None:
        """None if the photo must be decoded apart."""
        start = time.perf_counter()
        image = self._decoder.decode_here(photo, side=embedder.input_side, name=name)
        if image is None:
            return None
        return _embed(image, embedder, name, time.perf_counter() - start)

    def close(self) -> None:
        self._workers.shutdown(wait=False, cancel_futures=True)
        self._waiting.shutdown(wait=False, cancel_futures=True)


def _embed(image: NDArray[np.uint8], embedder: Embedder, name: str, decode_s: float) -> Embedded:
    start = time.perf_counter()
    vector = embedder.embed([image], [name])[0]
    return Embedded(vector, decode_s * 1e3, (time.perf_counter() - start) * 1e3)
