"""The batch step's loop: decode in threads while the network runs.

Decoding costs about a fifth of the network, and Pillow and ONNX Runtime both release the GIL,
so one thread decodes ahead while the caller's thread embeds. A bounded queue keeps memory to
some photos, whatever the length of the window.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photosearch.embedder.embedder import Embedder
from photosearch.errors import PhotosearchError

Decoder = Callable[[], NDArray[np.uint8]]


@dataclass(frozen=True)
class EmbedFailure:
    """A photo that has no vector."""

    photo_id: str
    reason: str


@dataclass(frozen=True)
class EmbeddedPhotos:
    """``vectors`` float32 [n, dimension], unit length, of the photos ``photo_ids`` [n]."""

    vectors: NDArray[np.float32]
    photo_ids: list[str]
    failures: list[EmbedFailure]


def embed_photos(
    photos: Iterable[tuple[str, Decoder]],
    embedder: Embedder,
    *,
    decode_threads: int = 1,
    on_progress: Callable[[int], None] | None = None,
) -> EmbeddedPhotos:
    """Decode and embed ``photos`` (id, function that gives the decoded photo), in order.

    A photo that can't be decoded or embedded becomes a failure with its reason, and the others
    go on. ``on_progress`` is told how many photos are done.
    """
    rows: list[NDArray[np.float32]] = []
    photo_ids: list[str] = []
    failures: list[EmbedFailure] = []
    for done, (photo_id, decoded) in enumerate(_ahead(photos, decode_threads), start=1):
        try:
            rows.append(embedder.embed([decoded.result()], [photo_id]))
            photo_ids.append(photo_id)
        except PhotosearchError as error:
            failures.append(EmbedFailure(photo_id, str(error)))
        if on_progress is not None:
            on_progress(done)
    vectors = np.concatenate(rows) if rows else np.empty((0, embedder.dimension), np.float32)
    return EmbeddedPhotos(vectors, photo_ids, failures)


def _ahead(
    photos: Iterable[tuple[str, Decoder]], threads: int
) -> Iterator[tuple[str, Future[NDArray[np.uint8]]]]:
    waiting: deque[tuple[str, Future[NDArray[np.uint8]]]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="decode") as pool:
        for photo_id, decode in photos:
            waiting.append((photo_id, pool.submit(decode)))
            if len(waiting) > 4 * threads:
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()
