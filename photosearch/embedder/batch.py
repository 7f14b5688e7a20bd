"""The batch step's loop: decode in threads while the network runs.

Reading, decoding and preparing a photo cost about a third of the network, and Pillow and ONNX
Runtime both release the GIL, so one thread does them ahead while the caller's thread embeds. The
queue is bounded: memory is some photos, whatever the length of the window.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from photosearch.embedder.embedder import Embedder
from photosearch.errors import PhotosearchError
from photosearch.photo_notes import PhotoFailure

ReadPhoto = Callable[[], NDArray[np.uint8]]
Prepared = NDArray[np.float32] | PhotosearchError
_AHEAD = 4


@dataclass(frozen=True)
class EmbeddedPhotos:
    """``vectors`` float32 [n, dimension], unit length, of the photos ``photo_ids`` [n]."""

    vectors: NDArray[np.float32]
    photo_ids: list[str]
    failures: list[PhotoFailure]


def embed_photos(
    photos: Iterable[tuple[str, ReadPhoto]],
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
    failures: list[PhotoFailure] = []
    done = 0

    def keep(photo_id: str, result: NDArray[np.float32] | PhotosearchError) -> None:
        nonlocal done
        done += 1
        if isinstance(result, PhotosearchError):
            failures.append(PhotoFailure(photo_id=photo_id, reason=str(result)))
        else:
            photo_ids.append(photo_id)
            rows.append(result)
        if on_progress is not None:
            on_progress(done)

    for part in _batches(_prepared_ahead(photos, embedder, decode_threads), embedder.batch):
        ready = [(name, planes) for name, planes in part if isinstance(planes, np.ndarray)]
        found: Iterator[NDArray[np.float32] | PhotosearchError] = iter(())
        if ready:
            names, planes_of_all = zip(*ready, strict=True)
            found = iter(embedder.embed_prepared(planes_of_all, names))
        for name, planes in part:
            keep(name, next(found) if isinstance(planes, np.ndarray) else planes)
    vectors = np.stack(rows) if rows else np.empty((0, embedder.dimension), np.float32)
    return EmbeddedPhotos(vectors, photo_ids, failures)


def _prepared_ahead(
    photos: Iterable[tuple[str, ReadPhoto]], embedder: Embedder, threads: int
) -> Iterator[tuple[str, Prepared]]:
    """The photos in their order, decoded and prepared while the caller works."""

    def prepare(photo_id: str, decode: ReadPhoto) -> Prepared:
        try:
            return embedder.prepare(decode(), photo_id)
        except PhotosearchError as error:
            return error

    waiting: deque[tuple[str, Future[Prepared]]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="decode") as pool:
        try:
            for photo_id, decode in photos:
                waiting.append((photo_id, pool.submit(prepare, photo_id, decode)))
                if len(waiting) > _AHEAD * threads + embedder.batch:
                    name, future = waiting.popleft()
                    yield name, future.result()
            while waiting:
                name, future = waiting.popleft()
                yield name, future.result()
        finally:
            for _, future in waiting:
                future.cancel()


def _batches(
    photos: Iterator[tuple[str, Prepared]], size: int
) -> Iterator[list[tuple[str, Prepared]]]:
    while part := list(islice(photos, size)):
        yield part
